//! A Cascade that is deleted lets everything go.

use anyhow::{Result, ensure};
use kube::ResourceExt;
use rewitness_controlplane::until;

use crate::cascades::{CASCADE, finalizer};
use crate::platform::Thing;
use crate::stage::{SOON, Stage, is_held_by_cascade};

pub(crate) async fn perform(stage: &mut Stage<'_>) -> Result<String> {
    let screen = stage.screen;
    let intranet = Thing::project("intranet");
    let held = stage.existing(&intranet).await?;
    ensure!(is_held_by_cascade(&held), "{} is not held", intranet.shown());
    let before = stage.platform.list().await?.len();
    screen.action(format_args!("delete the Cascade {CASCADE}"));
    stage.cascades.delete().await?;
    until("the Cascade is gone", SOON, async || Ok(stage.cascades.read().await?.is_none().then_some(())))
        .await?;
    let objects = stage.platform.list().await?;
    for object in &objects {
        ensure!(object.finalizers().is_empty(), "{} still has a finalizer", object.name_any());
    }
    ensure!(objects.len() == before, "something was deleted with the Cascade");
    screen.proof(format_args!(
        "the Cascade is gone; the API still has {} and its network, and nothing has the finalizer {}",
        intranet.shown(),
        finalizer()
    ));
    screen.action("Ctrl-C");
    let status = stage.take_running()?.stop().await?;
    ensure!(status.success(), "asked to stop, the operator ended with {status}");
    Ok(format!("{} resources, no finalizer", objects.len()))
}

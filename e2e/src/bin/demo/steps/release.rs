//! What the program wrote is removed again.

use anyhow::{Result, ensure};
use kube::ResourceExt;

use crate::platform::PlatformKind;
use crate::stage::{HOLD, Stage, is_held};

pub(crate) async fn perform(stage: &mut Stage<'_>) -> Result<String> {
    stage.screen.action("Ctrl-C");
    let status = stage.take_running()?.stop().await?;
    ensure!(status.success(), "asked to stop, the program ended with {status}");
    let held = stage.platform.list_kind(PlatformKind::Cluster).await?;
    ensure!(!held.is_empty() && held.iter().all(is_held), "a cluster is not held any more");

    let types = stage.place.types(&[PlatformKind::Cluster]);
    stage.start(&["unhold", HOLD, &types, "-A"])?;
    let status = stage.take_running()?.end().await?;
    ensure!(status.success(), "unhold ended with {status}");
    let objects = stage.platform.list().await?;
    for object in &objects {
        ensure!(object.finalizers().is_empty(), "{} still has a finalizer", object.name_any());
    }
    stage.screen.proof(format_args!("in the API none of the {} resources has a finalizer", objects.len()));
    Ok(format!("{} clusters released", held.len()))
}

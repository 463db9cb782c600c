//! Everything that is there is handed over once.

use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use kube::ResourceExt;

use crate::cloud::CONSUMER;
use crate::line::Line;
use crate::platform::{PlatformKind, things};
use crate::stage::{SOON, Stage};

pub(crate) async fn perform(stage: &mut Stage<'_>) -> Result<String> {
    let screen = stage.screen;
    screen.prose("The consumer is this shell script, consumer.sh; a folder stands for the cloud:");
    screen.line("");
    screen.text(CONSUMER);
    stage.tail(&PlatformKind::ALL, false)?;

    let is_delivery = |line: &Line| line.delivery.is_some();
    stage
        .running()?
        .until("the first line", SOON, |lines| lines.iter().any(is_delivery).then_some(()))
        .await?;
    stage.first_line = Some(SystemTime::now());
    let lines = stage.running()?.until("the replay is over", SOON, |lines| {
        lines.iter().any(|line| line.text.starts_with("replayed ")).then(|| lines.to_vec())
    });
    let lines = lines.await?;

    let delivered: Vec<&str> =
        lines.iter().filter_map(|line| Some(line.delivery.as_ref()?.uid.as_str())).collect();
    let objects = stage.platform.list().await?;
    for object in &objects {
        let uid = object.uid().context("an object has a uid")?;
        ensure!(delivered.contains(&uid.as_str()), "{} was not delivered", object.name_any());
    }
    for thing in things() {
        let object = stage.in_step(&thing).await?;
        ensure!(object.finalizers().is_empty(), "{} was written to", thing.shown());
    }
    let count = objects.len();
    screen.proof(format_args!(
        "the API lists {count} resources; each was delivered, and the cloud has the same uid and version of each"
    ));
    Ok(format!("{count} of {count} resources delivered"))
}

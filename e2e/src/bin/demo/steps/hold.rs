//! A deletion waits for its consumer.

use anyhow::{Result, ensure};
use kube::ResourceExt;

use crate::platform::{PlatformKind, Thing};
use crate::stage::{SOON, Stage, is_held, waits_for_us};

/// What the consumer says when it fails.
const REFUSAL: &str = "its disks are still attached";

pub(crate) async fn perform(stage: &mut Stage<'_>) -> Result<String> {
    stage.screen.action("Ctrl-C");
    let status = stage.take_running()?.stop().await?;
    ensure!(status.success(), "asked to stop, the program ended with {status}");
    stage.tail(&[PlatformKind::Cluster], true)?;
    replayed(stage).await?;
    let clusters = stage.platform.list_kind(PlatformKind::Cluster).await?;
    for cluster in &clusters {
        ensure!(is_held(cluster), "cluster {} is not held", cluster.name_any());
    }
    stage.screen.proof(format_args!("in the API all {} clusters have the finalizer", clusters.len()));

    let web = Thing::new(PlatformKind::Cluster, "demo-shop", "web");
    stage.screen.line("");
    stage.screen.action(format_args!("the cloud refuses to clean up; delete {}", web.shown()));
    stage.cloud.refuse(&web, REFUSAL)?;
    let deleted = stage.existing(&web).await?;
    stage.platform.delete(&web).await?;
    stage.delivered(&deleted, "the deletion", |it| it.state == "deleting" && it.attempt == 1).await?;
    let refused = stage.running()?.until("two failures", SOON, |lines| {
        (lines.iter().filter(|line| line.text.ends_with(REFUSAL)).count() >= 2).then_some(())
    });
    refused.await?;
    let held = stage.existing(&web).await?;
    ensure!(held.uid() == deleted.uid() && waits_for_us(&held), "the deleted cluster is not held");
    ensure!(stage.cloud.has(&web), "the cloud was cleaned although it refused");
    stage
        .screen
        .proof("the API still has the cluster, with a deletionTimestamp and the finalizer: nothing was lost");

    stage.screen.action("the disks are detached: the cloud refuses it no longer");
    stage.cloud.relent(&web)?;
    stage.gone(&web).await?;
    stage.screen.proof("the consumer has cleaned up, and only then the API let the cluster go");
    Ok("gone from the cloud, then from the API".to_owned())
}

/// Waits until the replay is over.
pub(crate) async fn replayed(stage: &mut Stage<'_>) -> Result<()> {
    let over = stage.running()?.until("the replay is over", SOON, |lines| {
        lines.iter().any(|line| line.text.starts_with("replayed ")).then_some(())
    });
    over.await
}

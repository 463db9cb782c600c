//! A deletion that nobody saw is found.

use anyhow::{Result, ensure};

use super::hold::replayed;
use crate::platform::{PlatformKind, Thing};
use crate::stage::{Stage, waits_for_us};

pub(crate) async fn perform(stage: &mut Stage<'_>) -> Result<String> {
    let db = Thing::new(PlatformKind::Cluster, "demo-media", "db");
    stage.in_step(&db).await?;
    stage.screen.action("kill -9 the program");
    stage.take_running()?.kill().await?;
    stage.screen.action(format_args!("delete {}", db.shown()));
    stage.platform.delete(&db).await?;
    let held = stage.existing(&db).await?;
    ensure!(waits_for_us(&held), "the deleted cluster is not held");
    ensure!(stage.cloud.has(&db), "the cloud was cleaned although nothing runs");
    stage
        .screen
        .proof("nothing runs, and the API keeps the cluster: it has a deletionTimestamp and the finalizer");

    stage.tail(&[PlatformKind::Cluster], true)?;
    let found = stage.delivered(&held, "the deletion", |it| it.state == "deleting").await?;
    let cause = found.delivery.map(|delivery| delivery.cause).unwrap_or_default();
    ensure!(cause == "replay", "the deletion came as a {cause}");
    stage.gone(&db).await?;
    replayed(stage).await?;
    stage.screen.proof(
        "the deletion was found and finished: the cluster is gone from the cloud, and then from the API",
    );
    Ok("deleted while nothing ran, then finished".to_owned())
}

//! What was begun, and what was missed, is finished after a crash.

use anyhow::{Result, ensure};
use kube::api::DynamicObject;
use rewitness_controlplane::until;
use rewitness_crds::cascade::FinishedCascade;

use crate::platform::{BACKUP, PlatformKind, Thing};
use crate::stage::{SOON, Stage, is_held_by_cascade};

pub(crate) async fn perform(stage: &mut Stage<'_>) -> Result<String> {
    let screen = stage.screen;
    let (archive, reports) = (Thing::project("archive"), Thing::project("reports"));
    let db = Thing::new(PlatformKind::Cluster, "demo-lab", "db");
    let networks = stage.platform.dependents(PlatformKind::Network, archive.name).await?.len();
    let clusters = stage.platform.dependents(PlatformKind::Cluster, reports.name).await?.len();
    screen.action(format_args!("the backup puts its finalizer on {}", db.shown()));
    stage.platform.keep(&db, Some(BACKUP)).await?;
    screen.action(format_args!("delete {}", archive.shown()));
    stage.platform.delete(&archive).await?;
    until("only that cluster is left of them", SOON, async || {
        let left = stage.platform.dependents(PlatformKind::Cluster, archive.name).await?;
        let is_it = |it: &[_]| matches!(it, [one] if is_going(one));
        Ok(is_it(&left).then_some(()))
    })
    .await?;
    screen.action("kill -9 the operator");
    stage.take_running()?.kill().await?;
    screen.action(format_args!("delete {}", reports.shown()));
    stage.platform.delete(&reports).await?;
    screen.action("the backup is done, and removes its finalizer");
    stage.platform.keep(&db, None).await?;
    for project in [&archive, &reports] {
        let object = stage.existing(project).await?;
        ensure!(is_going(&object) && is_held_by_cascade(&object), "{} is not held", project.shown());
    }
    let left = stage.platform.dependents(PlatformKind::Network, archive.name).await?;
    ensure!(left.len() == networks && !left.iter().any(is_going), "networks went before the clusters");
    let left = stage.platform.dependents(PlatformKind::Cluster, reports.name).await?;
    ensure!(left.len() == clusters && !left.iter().any(is_going), "clusters went although nothing runs");
    screen.proof(format_args!(
        "nothing runs, and the API keeps both projects: {} without its clusters and with all {networks} networks, {} \
         with all {clusters} clusters",
        archive.name, reports.name
    ));

    stage.operate()?;
    stage.all_gone(&archive).await?;
    stage.all_gone(&reports).await?;
    stage
        .cascades
        .status("both are recorded", |status| recorded(&status.finished, ["archive", "reports"]))
        .await?;
    screen.proof(
        "both deletions were finished: nothing in the API refers to either project, and both are gone",
    );
    Ok("one begun, one missed, both finished".to_owned())
}

fn recorded(finished: &[FinishedCascade], names: [&str; 2]) -> Option<()> {
    names.iter().all(|name| finished.iter().any(|it| it.name == *name)).then_some(())
}

fn is_going(object: &DynamicObject) -> bool {
    object.metadata.deletion_timestamp.is_some()
}

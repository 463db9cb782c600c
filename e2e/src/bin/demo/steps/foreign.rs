//! What somebody else keeps is waited for, and it is said.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use kube::ResourceExt;
use rewitness_crds::cascade::HeldParent;

use crate::platform::{BACKUP, PlatformKind, Thing};
use crate::stage::Stage;

pub(crate) async fn perform(stage: &mut Stage<'_>) -> Result<String> {
    let screen = stage.screen;
    let trial = Thing::project("trial");
    let cluster = Thing::new(PlatformKind::Cluster, "demo-media", "trial");
    let network = Thing::new(PlatformKind::Network, "demo-shop", "trial");
    screen.action(format_args!(
        "create {}, {} and {}; the backup keeps the cluster",
        trial.shown(),
        cluster.shown(),
        network.shown()
    ));
    for thing in [&trial, &cluster, &network] {
        stage.platform.create(thing).await?;
    }
    stage.platform.keep(&cluster, Some(BACKUP)).await?;
    let uid = stage.held(&trial).await?.uid().context("an object has a uid")?;
    screen.action(format_args!("delete {}", trial.shown()));
    stage.platform.delete(&trial).await?;
    let held = stage.cascades.status("it says what it waits for", |status| {
        let held = status.held_parents.iter().find(|held| held.uid == uid)?;
        held.waits_for.iter().any(|wait| wait.cause == "Finalizers").then(|| held.clone())
    });
    let held = held.await?;
    ensure!(held.message.contains(BACKUP), "whose finalizer it is is not said: {}", held.message);
    show(stage, &held).await?;
    let kept = stage.existing(&cluster).await?;
    ensure!(kept.finalizers() == [BACKUP], "the cluster has the finalizers {:?}", kept.finalizers());
    let waits = stage.existing(&network).await?;
    ensure!(waits.metadata.deletion_timestamp.is_none(), "the network went before the cluster");
    screen.proof(
        "in the API the cluster has the backup's finalizer and no other, and the network of the next stage is \
         untouched. After a minute BLOCKED counts the project, and an Event DependentBlocked tells of it",
    );

    screen.line("");
    screen.action("the backup is done, and takes its finalizer off");
    let begun = Instant::now();
    stage.platform.keep(&cluster, None).await?;
    stage.all_gone(&trial).await?;
    let took = begun.elapsed();
    let story = ["DeletionHeld", "StageStarted", "StageStarted", "CascadeFinished"];
    stage.cascades.told(&uid, &story).await?;
    screen.proof("the network and the project are gone too, and the last Event is CascadeFinished");
    Ok(format!("waited for, and gone {:.1} s after", took.as_secs_f64()))
}

/// What the Cascade and the project say of it.
async fn show(stage: &Stage<'_>, held: &HeldParent) -> Result<()> {
    let screen = stage.screen;
    screen.line("");
    screen.prose("The Cascade's columns, the project in its status, and the project's Events:");
    screen.line("");
    screen.columns(&stage.cascades.columns().await?);
    screen.line("");
    let said = [
        ("project", &*held.name),
        ("stage", held.stage.as_deref().unwrap_or_default()),
        ("reason", &*held.reason),
        ("waits for", &*held.message),
    ];
    screen.entries(&said.map(|(word, sentence)| (word.to_owned(), sentence.to_owned())));
    screen.line("");
    screen.entries(&stage.cascades.told(&held.uid, &["DeletionHeld", "StageStarted"]).await?);
    screen.line("");
    Ok(())
}

//! A project takes with it what refers to it, in order.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use kube::ResourceExt;
use kube::api::DynamicObject;

use crate::cascades::{CASCADE, finalizer};
use crate::platform::{PROJECTS, PlatformKind, Thing};
use crate::stage::Stage;

pub(crate) async fn perform(stage: &mut Stage<'_>) -> Result<String> {
    let screen = stage.screen;
    screen.action(format_args!("set spec.mode of the Cascade {CASCADE} to Enforce"));
    stage.cascades.enforce().await?;
    for project in PROJECTS {
        stage.held(&Thing::project(project)).await?;
    }
    screen.proof(format_args!(
        "in the API all {} projects have the finalizer {}",
        PROJECTS.len(),
        finalizer()
    ));
    screen.line("");

    let website = Thing::project("website");
    let uid = stage.existing(&website).await?.uid().context("an object has a uid")?;
    let clusters = stage.platform.dependents(PlatformKind::Cluster, website.name).await?;
    let networks = stage.platform.dependents(PlatformKind::Network, website.name).await?;
    let others = stage.platform.list().await?.len() - clusters.len() - networks.len() - 1;
    let since = stage.platform.version().await?;
    screen.action(format_args!("delete {}", website.shown()));
    stage.platform.delete(&website).await?;
    stage.all_gone(&website).await?;
    went_in_order(stage, &since, [clusters.len(), networks.len()]).await?;
    ensure!(stage.platform.list().await?.len() == others, "something else was deleted too");
    screen.proof(format_args!(
        "by the API's own history {} clusters went first, then {} networks, out of {} namespaces, and then the \
         project; the {others} other resources are untouched",
        clusters.len(),
        networks.len(),
        namespaces(&clusters, &networks)
    ));

    let finished = stage.cascades.status("the deletion is recorded", |status| {
        status.finished.first().filter(|finished| finished.uid == uid).cloned()
    });
    let deleted: Vec<_> = finished.await?.stages.iter().map(|stage| stage.deleted as usize).collect();
    ensure!(deleted == [clusters.len(), networks.len()], "the status has recorded {deleted:?}");
    let story = ["DeletionHeld", "StageStarted", "StageStarted", "CascadeFinished"];
    let told = stage.cascades.told(&uid, &story).await?;
    screen.line("");
    screen.prose("What kubectl get cascades shows of it, and what the project's Events tell:");
    screen.line("");
    screen.columns(&stage.cascades.columns().await?);
    screen.line("");
    screen.entries(&told);
    Ok(format!("{} clusters, then {} networks, then it", clusters.len(), networks.len()))
}

/// Finds that the API's history since a version has so many clusters go, then so many networks, then one project.
async fn went_in_order(stage: &Stage<'_>, since: &str, [clusters, networks]: [usize; 2]) -> Result<()> {
    let first = stage.platform.deletions(PlatformKind::Cluster, since, clusters).await?;
    let then = stage.platform.deletions(PlatformKind::Network, since, networks).await?;
    let last = stage.platform.deletions(PlatformKind::Project, since, 1).await?;
    let is_ordered = first.iter().max() < then.iter().min() && then.iter().max() < last.iter().min();
    ensure!(is_ordered, "they went at the versions {first:?}, {then:?}, {last:?}");
    Ok(())
}

fn namespaces(clusters: &[DynamicObject], networks: &[DynamicObject]) -> usize {
    clusters.iter().chain(networks).filter_map(ResourceExt::namespace).collect::<BTreeSet<_>>().len()
}

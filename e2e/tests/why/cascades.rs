//! Parents that Cascades hold, and dependents of theirs.

use anyhow::Result;
use rewitness_crds::cascade::finalizer;
use serde_json::json;

use crate::desk::Desk;
use crate::night::Night;

/// A parent with this name, and `of-NAME`, a Cluster that refers to it.
async fn family(desk: &Desk, parent: &str) -> Result<String> {
    desk.lab.create("Project", parent, None).await?;
    desk.lab.create("Cluster", &format!("of-{parent}"), Some(parent)).await?;
    Ok(format!("{}/{parent}", desk.kind("projects")))
}

#[tokio::test]
async fn a_finalizer_whose_cascade_is_gone_is_told_apart_and_taken_off() -> Result<()> {
    let desk = Desk::new().await?;
    let project = family(&desk, "web").await?;
    desk.lab.patch("Project", "web", json!({ "finalizers": ["cascade.rewitness.dev/nosuch"] })).await?;
    desk.lab.delete("Project", "web").await?;
    desk.golden(&project, "cascade-gone").await?;
    desk.follows_until_gone(&project, "rewitness unhold").await?;
    assert!(desk.lab.exists("Cluster", "of-web").await?, "what refers to it stays");
    Ok(())
}

#[tokio::test]
async fn what_waits_for_somebody_else_is_told_with_what_that_is() -> Result<()> {
    let mut night = Night::begin().await?;
    let mut waits = night.desk.lab.dependents("Cluster");
    waits["action"] = "Wait".into();
    let cascade = night.cascade(&[&[waits]], json!({})).await?;
    let _operator = night.operator()?;
    let project = night.family(&cascade).await?;
    night.desk.lab.delete("Project", "web").await?;
    night.said(&cascade, |status| !status.held_parents.is_empty()).await?;
    night.golden(&project, "awaits-others").await?;
    assert_eq!(night.solve(&project).await?, ["kubectl delete clusters.GROUP of-web -n NS"]);
    Ok(())
}

#[tokio::test]
async fn a_dependent_says_with_whom_it_goes() -> Result<()> {
    let mut desk = Desk::new().await?;
    let cascade = desk.lab.cascade_of("Project", &[&[desk.lab.dependents("Cluster")]], json!({}));
    let name = desk.write(&cascade, "CASCADE").await?;
    family(&desk, "web").await?;
    let cluster = format!("{}/of-web", desk.kind("clusters"));
    desk.golden(&cluster, "dependent").await?;
    desk.lab.patch("Project", "web", json!({ "finalizers": [finalizer(&name)] })).await?;
    desk.lab.delete("Project", "web").await?;
    let answer = desk.golden(&cluster, "dependent-of-terminating").await?;
    let told = desk.types(&answer.command("rewitness why")?).await?;
    assert!(told.contains("no operator seems to follow the Cascade"), "{told}");
    desk.lab.patch("Project", "web", json!({ "finalizers": null })).await?;
    desk.lab.gone("Project", "web").await?;
    assert!(desk.why(&cluster).await?.finding("NoParent").is_some());
    Ok(())
}

//! Parents that Cascades hold, and dependents of theirs.

use anyhow::Result;
use rewitness_crds::cascade::finalizer;
use serde_json::json;

use crate::night::Night;
use crate::session::Session;

/// A parent with this name, and `of-NAME`, a Cluster that refers to it.
async fn family(session: &Session, parent: &str) -> Result<String> {
    session.lab.create("Project", parent, None).await?;
    session.lab.create("Cluster", &format!("of-{parent}"), Some(parent)).await?;
    Ok(format!("{}/{parent}", session.kind("projects")))
}

#[tokio::test]
async fn a_finalizer_whose_cascade_is_gone_is_told_apart_and_taken_off() -> Result<()> {
    let session = Session::new().await?;
    let project = family(&session, "web").await?;
    session.lab.patch("Project", "web", json!({ "finalizers": ["cascade.rewitness.dev/nosuch"] })).await?;
    session.lab.delete("Project", "web").await?;
    session.golden(&project, "cascade-gone").await?;
    session.follows_until_gone(&project, "rewitness unhold").await?;
    assert!(session.lab.exists("Cluster", "of-web").await?, "what refers to it stays");
    Ok(())
}

#[tokio::test]
async fn what_waits_for_somebody_else_is_told_with_what_that_is() -> Result<()> {
    let mut night = Night::begin().await?;
    let mut waits = night.session.lab.dependents("Cluster");
    waits["action"] = "Wait".into();
    let cascade = night.cascade(&[&[waits]], json!({})).await?;
    let _operator = night.operator()?;
    let project = night.family(&cascade).await?;
    night.session.lab.delete("Project", "web").await?;
    night.said(&cascade, |status| !status.held_parents.is_empty()).await?;
    night.golden(&project, "awaits-others").await?;
    assert_eq!(night.solve(&project).await?, ["kubectl delete -n NS clusters.GROUP/of-web"]);
    Ok(())
}

#[tokio::test]
async fn a_dependent_says_with_whom_it_goes() -> Result<()> {
    let mut session = Session::new().await?;
    let cascade = session.lab.cascade_of("Project", &[&[session.lab.dependents("Cluster")]], json!({}));
    let name = session.write(&cascade, "CASCADE").await?;
    family(&session, "web").await?;
    let cluster = format!("{}/of-web", session.kind("clusters"));
    session.golden(&cluster, "dependent").await?;
    session.lab.patch("Project", "web", json!({ "finalizers": [finalizer(&name)] })).await?;
    session.lab.delete("Project", "web").await?;
    let answer = session.golden(&cluster, "dependent-of-terminating").await?;
    let told = session.types(&answer.command("rewitness why")?).await?;
    assert!(told.contains("no operator seems to follow the Cascade"), "{told}");
    session.lab.patch("Project", "web", json!({ "finalizers": null })).await?;
    session.lab.gone("Project", "web").await?;
    assert!(session.why(&cluster).await?.finding("NoParent").is_some());
    Ok(())
}

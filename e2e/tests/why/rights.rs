//! Who may read little: for each kind of read that is refused, that is said, and nothing is guessed.

use anyhow::Result;
use rewitness_controlplane::{policy_rule, until};
use rewitness_crds::CascadeStatus;
use rewitness_crds::cascade::finalizer;
use serde_json::json;

use crate::session::Session;
use rewitness_e2e::lab::{FOREIGN, SOON};

/// A disk that is being deleted, and kept.
async fn kept(session: &Session) -> Result<String> {
    session.lab.create("Disk", "data", None).await?;
    session.lab.patch("Disk", "data", json!({ "finalizers": [FOREIGN] })).await?;
    session.lab.delete("Disk", "data").await?;
    Ok(format!("{}/data", session.kind("disks")))
}

/// A project that a Cascade holds, without an operator, and a cluster of its own.
async fn held(session: &mut Session) -> Result<String> {
    let cascade = session.lab.cascade_of("Project", &[&[session.lab.dependents("Cluster")]], json!({}));
    let name = session.write(&cascade, "CASCADE").await?;
    session.lab.create("Project", "web", None).await?;
    session.lab.create("Cluster", "of-web", Some("web")).await?;
    session.lab.patch("Project", "web", json!({ "finalizers": [finalizer(&name)] })).await?;
    session.lab.delete("Project", "web").await?;
    // An operator that was silent since is missed.
    session.tell(&name, &CascadeStatus::default()).await?;
    Ok(format!("{}/web", session.kind("projects")))
}

#[tokio::test]
async fn an_object_that_may_not_be_read_is_neither_there_nor_not() -> Result<()> {
    let mut session = Session::new().await?;
    let disk = kept(&session).await?;
    session.as_account(Vec::new()).await?;
    let answer = session.golden(&disk, "no-rights").await?;
    assert_eq!((answer.status, answer.state()), (Some(1), "Unknown"));
    Ok(())
}

#[tokio::test]
async fn cascades_and_events_that_may_not_be_listed_are_unknown() -> Result<()> {
    let mut session = Session::new().await?;
    let disk = kept(&session).await?;
    session.as_account(vec![policy_rule(&session.lab.group, "disks", &["get"])]).await?;
    let answer = session.golden(&disk, "few-rights").await?;
    assert_eq!(answer.status, Some(0));
    assert!(answer.message("CascadesUnread")?.contains("you may not list cascades.rewitness.dev"));
    assert!(answer.message("EventsUnread")?.contains("you may not list events"));

    let absent = session.why(&format!("{}/nosuch", session.kind("disks"))).await?;
    assert_eq!(absent.state(), "NotFound");
    assert!(absent.finding("CascadesUnread").is_some(), "whether it went by one: {:#}", absent.verdict);
    let live = session.lab.create("Disk", "live", None).await?.metadata.name;
    let live = session.why(&format!("{}/{}", session.kind("disks"), live.unwrap_or_default())).await?;
    assert!(live.finding("CascadesUnread").is_some());
    assert!(!live.message("NotDeleted")?.contains("nothing would keep it"), "{:#}", live.verdict);
    Ok(())
}

#[tokio::test]
async fn dependents_and_definitions_that_may_not_be_read_are_unknown_and_not_none() -> Result<()> {
    let mut session = Session::new().await?;
    let project = held(&mut session).await?;
    let rules = [
        (&*session.lab.group, "projects", "get"),
        ("rewitness.dev", "cascades", "list"),
        ("", "events", "list"),
    ];
    session
        .as_account(rules.map(|(group, resource, verb)| policy_rule(group, resource, &[verb])).to_vec())
        .await?;
    let answer = session.golden(&project, "few-rights-cascade").await?;
    let forbidden = answer.message("Forbidden")?;
    assert!(forbidden.contains("unknown: you may not list"), "{forbidden}");
    assert!(answer.message("DefinitionUnread")?.contains("you may not get its definition"));
    Ok(())
}

#[tokio::test]
async fn a_parent_that_may_not_be_read_is_unknown_and_not_none() -> Result<()> {
    let mut session = Session::new().await?;
    held(&mut session).await?;
    let rules = [(&*session.lab.group, "clusters", "get"), ("rewitness.dev", "cascades", "list")];
    session
        .as_account(rules.map(|(group, resource, verb)| policy_rule(group, resource, &[verb])).to_vec())
        .await?;
    let answer = session.why(&format!("{}/of-web", session.kind("clusters"))).await?;
    let parent = answer.message("Dependent")?;
    assert!(parent.contains(&format!("you may not get projects.{}", session.lab.group)), "{parent}");
    assert!(answer.finding("NoParent").is_none());
    Ok(())
}

#[tokio::test]
async fn contents_of_a_namespace_that_may_not_be_listed_are_unknown_and_not_none() -> Result<()> {
    let mut session = Session::new().await?;
    session.lab.plane.start_controller_manager().await?;
    kept(&session).await?;
    let ns = session.lab.ns.clone();
    // In another namespace than the one that goes, where it goes with it.
    let account = session.lab.plane.namespace("caller").await?;
    session.kubeconfig = session
        .lab
        .plane
        .service_account(&account, "caller", vec![policy_rule("", "namespaces", &["get"])])
        .await?;
    let asked = format!("namespace/{ns}");
    session.lab.plane.kubectl(&["delete", "namespace", &ns, "--wait=false"]).await?;
    until("it is being deleted", SOON, async || {
        Ok((session.why(&asked).await?.state() == "Terminating").then_some(()))
    })
    .await?;
    let answer = session.why(&asked).await?;
    assert!(answer.finding("Content").is_none(), "{:#}", answer.verdict);
    let unread = answer.message("Unread")?;
    assert!(unread.starts_with("not everything could be read: you may not list "), "{unread}");
    assert!(unread.contains(" more"), "{unread}");
    session.lab.patch("Disk", "data", json!({ "finalizers": null })).await
}

#[tokio::test]
async fn objects_of_a_definition_that_may_not_be_listed_are_unknown_and_not_none() -> Result<()> {
    let mut session = Session::new().await?;
    kept(&session).await?;
    let definition = format!("disks.{}", session.lab.group);
    session.types(&format!("kubectl delete crd {definition} --wait=false")).await?;
    let crds = "customresourcedefinitions";
    session.as_account(vec![policy_rule("apiextensions.k8s.io", crds, &["get"])]).await?;
    let asked = format!("crd/{definition}");
    until("it is being deleted", SOON, async || {
        Ok((session.why(&asked).await?.state() == "Terminating").then_some(()))
    })
    .await?;
    let answer = session.why(&asked).await?;
    let unread = answer.message("Unread")?;
    assert!(unread.contains(&format!("you may not list disks.{}", session.lab.group)), "{unread}");
    assert!(answer.finding("NoObjects").is_none(), "{:#}", answer.verdict);
    session.lab.patch("Disk", "data", json!({ "finalizers": null })).await
}

/// What is not served may be so because an API service does not answer.
#[tokio::test]
async fn api_services_that_may_not_be_listed_leave_it_open_why_a_kind_is_not_served() -> Result<()> {
    let mut session = Session::new().await?;
    session.as_account(Vec::new()).await?;
    let answer = session.why("things.gone.example.com/x").await?;
    assert_eq!((answer.status, answer.state()), (Some(1), "Unknown"));
    assert!(answer.message("KindNotServed")?.contains("or its API service does not answer"));
    assert!(answer.message("Unread")?.contains("you may not list apiservices.apiregistration.k8s.io"));
    assert!(answer.finding("CascadesUnread").is_some(), "whether one names it: {:#}", answer.verdict);
    Ok(())
}

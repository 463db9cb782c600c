//! B1, B3: an API server that lags behind. It answers from an old state whoever lets it, and tells nobody
//! of what has happened since; who asks for the newest state gets it.

use anyhow::Result;
use http::header::ACCEPT;
use kube::api::ListParams;
use rewitness_controlplane::{Fault, FaultProxy, Match, Rule, until};
use serde_json::json;

use rewitness_e2e::follower::{Operator, waits_for};
use rewitness_e2e::lab::{FOREIGN, Lab, SOON, soon};

const METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

/// What the collection is now, as a list of metadata.
async fn listed(lab: &Lab, plural: &str) -> Result<Vec<u8>> {
    let uri = format!("/apis/{}/v1/{plural}", lab.group);
    let request = http::Request::get(uri).header(ACCEPT, METADATA).body(Vec::new())?;
    Ok(lab.client.request_text(request).await?.into_bytes())
}

/// From here on the server behind the proxy shows this list to whoever takes any version, and the
/// watches of this collection stand still.
fn lag(proxy: &FaultProxy, plural: &'static str, old: Vec<u8>, shown: fn(&str) -> bool) -> [Rule; 2] {
    let lists = Match::collection(plural).method("GET").when(move |call| shown(&call.query));
    let watches = Match::watches().when(move |call| call.path.ends_with(plural));
    [proxy.rule(lists, Fault::Answer { code: 200, body: old }), proxy.rule(watches, Fault::Silent)]
}

/// The operator starts on a server that still shows a former Project of this name being deleted.
#[tokio::test]
pub(crate) async fn fault_b1_a_former_parent_of_this_name_that_a_lagging_server_shows_takes_nothing()
-> Result<()> {
    let lab = Lab::new().await?;
    let rule = lab.cascade(&[&[lab.dependents("Cluster")]]);
    let finalizer = rewitness_crds::cascade::finalizer(rule.metadata.name.as_deref().unwrap_or_default());
    lab.create("Project", "web", None).await?;
    lab.patch("Project", "web", json!({ "finalizers": [finalizer] })).await?;
    lab.delete("Project", "web").await?;
    let old = listed(&lab, "projects").await?;
    lab.patch("Project", "web", json!({ "finalizers": null })).await?;
    lab.gone("Project", "web").await?;
    // The new one is held too, so that nothing but its uid tells them apart.
    lab.create("Project", "web", None).await?;
    lab.patch("Project", "web", json!({ "finalizers": [finalizer] })).await?;
    lab.create("Cluster", "a", Some("web")).await?;

    let proxy = lab.proxy()?;
    let lagging = lag(&proxy, "projects", old, |_| true);
    let operator = Operator::start(lab.proxied(&proxy).await?, &[&rule])?;
    tokio::time::timeout(soon(), operator.rules[0].handle.replayed()).await?;
    assert!(lagging[0].hits() > 0, "the old state was shown");
    assert!(lab.exists("Cluster", "a").await?, "the dependent of a live parent went");
    let live = lab.api("Project").get("web").await?;
    assert!(live.metadata.deletion_timestamp.is_none());
    // It catches up.
    drop(lagging);
    proxy.cut_all_watches();
    lab.delete("Project", "web").await?;
    lab.gone("Project", "web").await?;
    assert!(!lab.exists("Cluster", "a").await?);
    Ok(())
}

/// The operator is restarted onto a server that has not seen the dependents yet.
#[tokio::test]
pub(crate) async fn fault_b3_an_old_list_after_a_restart_does_not_let_a_parent_go() -> Result<()> {
    let lab = Lab::new().await?;
    let rule = lab.cascade(&[&[lab.dependents("Cluster")]]);
    let operator = Operator::start(lab.operator_client().await?, &[&rule])?;
    lab.parent("Project", "web", &rule).await?;
    let old = listed(&lab, "clusters").await?;
    operator.kill().await;
    lab.create("Cluster", "a", Some("web")).await?;
    lab.delete("Project", "web").await?;
    let proxy = lab.proxy()?;
    let _lagging = lag(&proxy, "clusters", old, |query| query.contains("resourceVersion="));
    let _operator = Operator::start(lab.proxied(&proxy).await?, &[&rule])?;
    lab.gone("Project", "web").await?;
    assert!(!lab.exists("Cluster", "a").await?, "the parent went by an old list");
    Ok(())
}

/// Kinds whose definitions come after the start: of a parent, and of dependents.
#[tokio::test]
pub(crate) async fn fault_b18_kinds_that_are_not_there_at_the_start_are_found_when_they_come() -> Result<()> {
    let lab = Lab::new().await?;
    for plural in ["spaces", "disks"] {
        let name = format!("{plural}.{}", lab.group);
        lab.plane.kubectl_ok(&["delete", "crd", &name]).await?;
    }
    let disks = lab.api("Disk");
    until("Disks are served no more", SOON, async || {
        let list = disks.list(&ListParams::default()).await;
        Ok(matches!(list, Err(kube::Error::Api(answer)) if answer.code == 404).then_some(()))
    })
    .await?;
    let projects = lab.cascade(&[&[lab.dependents("Cluster"), lab.dependents("Disk")]]);
    let spaces = lab.cascade_of("Space", &[&[lab.dependents("Cluster")]], json!({}));
    let operator = Operator::start(lab.operator_client().await?, &[&projects, &spaces])?;
    let parent = lab.parent("Project", "web", &projects).await?;
    lab.create("Cluster", "a", Some("web")).await?;
    // Keeps the parent until the last kind has come.
    lab.patch("Cluster", "a", json!({ "finalizers": [FOREIGN] })).await?;
    lab.delete("Project", "web").await?;
    operator.state(0, &parent, waits_for("KindNotServed")).await?;
    let a = lab.api("Cluster").get("a").await?;
    assert!(a.metadata.deletion_timestamp.is_none(), "it begins, and nobody knows with how much");
    for (plural, kind) in [("spaces", "Space"), ("disks", "Disk")] {
        lab.plane.crd(&lab.group, plural, kind, true, &[]).await?;
    }
    lab.create("Disk", "b", Some("web")).await?;
    lab.patch("Cluster", "a", json!({ "finalizers": null })).await?;
    lab.gone("Project", "web").await?;
    assert!(!lab.exists("Cluster", "a").await? && !lab.exists("Disk", "b").await?);
    lab.parent("Space", "s", &spaces).await?;
    lab.create("Cluster", "c", Some("s")).await?;
    lab.delete("Space", "s").await?;
    lab.gone("Space", "s").await?;
    assert!(!lab.exists("Cluster", "c").await?);
    Ok(())
}

//! C12: rights that are missing are named, and noticed once they are given.

use anyhow::Result;
use k8s_openapi::api::rbac::v1::PolicyRule;
use rewitness_controlplane::policy_rule;
use serde_json::json;

use rewitness_e2e::office::Office;

pub(crate) const WATCH: &[&str] = &["get", "list", "watch", "patch"];

/// What the operator needs for itself.
pub(crate) fn own_rights() -> Vec<PolicyRule> {
    vec![
        policy_rule("rewitness.dev", "cascades", WATCH),
        policy_rule("rewitness.dev", "cascades/status", &["patch"]),
        policy_rule("apiextensions.k8s.io", "customresourcedefinitions", WATCH),
    ]
}

/// What it needs with projects as parents, and these verbs on clusters.
fn rights(group: &str, on_clusters: &[&str]) -> Vec<PolicyRule> {
    let mut rights = own_rights();
    rights.extend([policy_rule(group, "projects", WATCH), policy_rule(group, "clusters", on_clusters)]);
    rights
}

#[tokio::test]
async fn c12_rights_that_are_taken_away_are_named_and_noticed_when_they_are_given_back() -> Result<()> {
    let mut office = Office::new().await?;
    let group = office.lab.group.clone();
    let (some, all) = (["get", "list", "watch"], ["get", "list", "watch", "delete"]);
    office.as_account(rights(&group, &some)).await?;
    let lab = &office.lab;
    let _operator = office.operator(&[])?;
    let cascade = office.projects(json!({})).await?;
    let message = office.condition(&cascade, "Authorized", "False", "MissingRights").await?;
    assert!(message.contains(&format!("delete clusters.{group}")), "{message}");
    office.parent("Project", "first", &cascade).await?;
    lab.create("Cluster", "a", Some("first")).await?;
    lab.delete("Project", "first").await?;
    office
        .status(&cascade, "it says so", |status| {
            status.held_parents.iter().any(|held| held.reason == "MissingRights").then_some(())
        })
        .await?;
    lab.plane.service_account(&lab.ns, "operator", rights(&group, &all)).await?;
    office.condition(&cascade, "Authorized", "True", "Granted").await?;
    lab.gone("Project", "first").await?;

    // A refusal tells sooner than the next check in some minutes.
    office.parent("Project", "second", &cascade).await?;
    lab.create("Cluster", "b", Some("second")).await?;
    lab.plane.service_account(&lab.ns, "operator", rights(&group, &some)).await?;
    let user = format!("system:serviceaccount:{}:operator", lab.ns);
    lab.plane.is_granted(&user, &policy_rule(&group, "clusters", &["delete"]), false).await?;
    lab.delete("Project", "second").await?;
    office.condition(&cascade, "Authorized", "False", "MissingRights").await?;
    lab.plane.service_account(&lab.ns, "operator", rights(&group, &all)).await?;
    office.condition(&cascade, "Authorized", "True", "Granted").await?;
    lab.gone("Project", "second").await
}

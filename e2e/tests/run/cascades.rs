//! What the operator does with a Cascade from its first sight on.

use anyhow::Result;
use kube::Api;
use kube::api::{DynamicObject, PostParams};
use rewitness_controlplane::until;
use rewitness_crds::CascadeStatus;
use serde_json::json;

use rewitness_e2e::lab::{FOREIGN, SOON};
use rewitness_e2e::office::{Office, is_held};

#[tokio::test]
async fn a_parent_is_held_its_dependents_go_stage_by_stage_and_then_it_goes() -> Result<()> {
    let office = Office::new().await?;
    let lab = &office.lab;
    let _operator = office.operator(&[])?;
    let stages = lab.cascade(&[&[lab.dependents("Cluster")], &[lab.dependents("Disk")]]);
    let cascade = office.write(stages).await?;
    office.enforced(&cascade).await?;
    let parent = office.parent("Project", "web", &cascade).await?;
    lab.create("Cluster", "a", Some("web")).await?;
    lab.create("Disk", "b", Some("web")).await?;
    lab.create("Disk", "unrelated", Some("api")).await?;
    lab.patch("Cluster", "a", json!({ "finalizers": [FOREIGN] })).await?;
    lab.delete("Project", "web").await?;
    let held = office.status(&cascade, "it is held", |status| status.held_parents.first().cloned()).await?;
    assert_eq!((&*held.name, Some(held.uid)), ("web", parent.metadata.uid.clone()));
    assert!(lab.exists("Disk", "b").await?, "the second stage waits for the first");
    lab.patch("Cluster", "a", json!({ "finalizers": null })).await?;
    lab.gone("Project", "web").await?;
    assert!(!lab.exists("Disk", "b").await? && lab.exists("Disk", "unrelated").await?);
    let finished =
        office.status(&cascade, "it is finished", |status| status.finished.first().cloned()).await?;
    assert_eq!((&*finished.name, Some(finished.uid)), ("web", parent.metadata.uid));
    let deleted: Vec<_> = finished.stages.iter().map(|stage| (&*stage.name, stage.deleted)).collect();
    assert_eq!(deleted, [("stage-0", 1), ("stage-1", 1)]);
    office.status(&cascade, "nothing is held", |status| (status.counts.held == 0).then_some(())).await
}

#[tokio::test]
async fn c11_plan_writes_nothing_but_the_status() -> Result<()> {
    let mut office = Office::new().await?;
    let proxy = office.proxied()?;
    let lab = &office.lab;
    let _operator = office.operator(&[])?;
    for name in ["web", "api"] {
        lab.create("Project", name, None).await?;
        lab.create("Cluster", name, Some(name)).await?;
    }
    let cascade = office.projects(json!({ "mode": "Plan" })).await?;
    office.condition(&cascade, "Ready", "True", "Planned").await?;
    office
        .status(&cascade, "parents are counted", |status| (status.counts.parents == 2).then_some(()))
        .await?;
    let counted = |status: &CascadeStatus| {
        let planned = status.planned.as_ref().filter(|planned| planned.parents == 2)?;
        planned.stages.first()?.dependents.first()?.approximate_count.filter(|count| *count == 2)
    };
    office.status(&cascade, "what would be deleted is counted", counted).await?;
    lab.patch("Project", "api", json!({ "finalizers": [FOREIGN] })).await?;
    lab.delete("Project", "web").await?;
    lab.delete("Project", "api").await?;
    office.status(&cascade, "one is left", |status| (status.counts.parents <= 1).then_some(())).await?;
    assert!(lab.exists("Cluster", "web").await? && lab.exists("Cluster", "api").await?);
    let is_allowed = |path: &str| {
        path.ends_with("selfsubjectaccessreviews") || path.ends_with(&format!("{cascade}/status"))
    };
    assert_eq!(proxy.count(|call| call.method != "GET" && !is_allowed(&call.path)), 0);
    assert!(office.cascades.get(&cascade).await?.metadata.finalizers.is_none(), "it holds nothing");
    Ok(())
}

#[tokio::test]
async fn fault_b7_an_edited_rule_leaves_a_deletion_that_has_begun_with_its_revision() -> Result<()> {
    let office = Office::new().await?;
    let lab = &office.lab;
    let _operator = office.operator(&[])?;
    let cascade =
        office.write(lab.cascade(&[&[lab.dependents("Cluster")], &[lab.dependents("Disk")]])).await?;
    office.enforced(&cascade).await?;
    for name in ["old", "new"] {
        lab.create("Disk", name, Some(name)).await?;
    }
    office.stuck("Project", "old", &cascade).await?;
    let narrower = lab.cascade(&[&[lab.dependents("Cluster")]]).spec.stages;
    office.edit(&cascade, json!({ "stages": narrower })).await?;
    office.status(&cascade, "both are kept", |status| (status.revisions.len() == 2).then_some(())).await?;
    office.unstick("old").await?;
    lab.gone("Project", "old").await?;
    assert!(!lab.exists("Disk", "old").await?, "what it began with names disks");
    office.parent("Project", "new", &cascade).await?;
    lab.delete("Project", "new").await?;
    lab.gone("Project", "new").await?;
    assert!(lab.exists("Disk", "new").await?, "what the rule says now does not");
    Ok(())
}

#[tokio::test]
async fn of_two_rules_over_one_parent_one_in_error_stops_itself_alone() -> Result<()> {
    let office = Office::new().await?;
    let lab = &office.lab;
    let _operator = office.operator(&[])?;
    let well = office.projects(json!({})).await?;
    let ill = office.write(lab.cascade(&[&[lab.dependents("Nosuch")]])).await?;
    office.enforced(&well).await?;
    let message = office.condition(&ill, "Ready", "False", "KindNotServed").await?;
    assert!(message.contains(&format!("Nosuch.{}", lab.group)), "{message}");
    office.parent("Project", "web", &well).await?;
    office.held("Project", "web", &ill).await?;
    lab.create("Cluster", "a", Some("web")).await?;
    lab.delete("Project", "web").await?;
    office.let_go("Project", "web", &well).await?;
    assert!(!lab.exists("Cluster", "a").await?);
    office.held("Project", "web", &ill).await?;
    office.condition(&ill, "Blocked", "True", "DependentsRemain").await?;
    office.delete(&ill).await?;
    office.left(&ill).await?;
    lab.gone("Project", "web").await
}

#[tokio::test]
async fn fault_b18_kinds_that_come_later_are_followed_without_a_restart() -> Result<()> {
    let office = Office::new().await?;
    let lab = &office.lab;
    let _operator = office.operator(&[])?;
    let cascade = office.write(lab.cascade_of("Late", &[&[lab.dependents("Later")]], json!({}))).await?;
    let message = office.condition(&cascade, "Ready", "False", "KindNotServed").await?;
    assert!(message.contains("Late.") && message.contains("Later."), "{message}");
    let late = lab.plane.crd(&lab.group, "lates", "Late", false, &[]).await?;
    lab.plane.crd(&lab.group, "laters", "Later", true, &[]).await?;
    office.enforced(&cascade).await?;
    let lates = Api::<DynamicObject>::all_with(lab.client.clone(), &late);
    lates.create(&PostParams::default(), &DynamicObject::new("web", &late)).await?;
    until("it is held", SOON, async || Ok(is_held(&lates.get("web").await?, &cascade).then_some(()))).await
}

#[tokio::test]
async fn a_suspended_rule_holds_parents_and_deletes_nothing() -> Result<()> {
    let office = Office::new().await?;
    let lab = &office.lab;
    let _operator = office.operator(&[])?;
    let cascade = office.projects(json!({})).await?;
    office.parent("Project", "web", &cascade).await?;
    lab.create("Cluster", "a", Some("web")).await?;
    office.edit(&cascade, json!({ "suspend": true })).await?;
    office.condition(&cascade, "Suspended", "True", "Suspended").await?;
    lab.create("Project", "late", None).await?;
    office.held("Project", "late", &cascade).await?;
    lab.delete("Project", "web").await?;
    office
        .status(&cascade, "it says so", |status| {
            status.held_parents.iter().any(|held| held.reason == "Suspended").then_some(())
        })
        .await?;
    assert!(lab.exists("Cluster", "a").await?);
    office.edit(&cascade, json!({ "suspend": false })).await?;
    lab.gone("Project", "web").await?;
    assert!(!lab.exists("Cluster", "a").await?);
    Ok(())
}

#[tokio::test]
async fn c13_what_the_cluster_lives_from_is_neither_held_nor_deleted() -> Result<()> {
    let office = Office::new().await?;
    let lab = &office.lab;
    let _operator = office.operator(&[])?;
    let namespaces = json!({ "parent": { "apiVersion": "v1", "kind": "Namespace" } });
    let parents = office.projects(namespaces).await?;
    office.condition(&parents, "Ready", "False", "ProtectedKind").await?;
    let mut nodes = lab.dependents("Node");
    nodes["apiVersion"] = "v1".into();
    let dependents = office.write(lab.cascade(&[&[nodes]])).await?;
    let message = office.condition(&dependents, "Ready", "False", "ProtectedKind").await?;
    assert!(message.contains("Node is protected"), "{message}");
    Ok(())
}

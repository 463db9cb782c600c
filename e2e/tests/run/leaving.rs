//! C10: in whichever way a Cascade lets its parents go, they are let go at once, also those that are
//! being deleted.

use anyhow::Result;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use rewitness_controlplane::{Fault, Gate, Match, until};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::A_WHILE;
use rewitness_e2e::lab::{FOREIGN, SOON};
use rewitness_e2e::office::{Office, install, is_held};

/// A parent that is held, and one whose deletion waits.
async fn held(office: &Office) -> Result<String> {
    let cascade = office.projects(json!({})).await?;
    office.parent("Project", "live", &cascade).await?;
    office.stuck("Project", "going", &cascade).await?;
    Ok(cascade)
}

async fn both_are_let_go(office: &Office, cascade: &str) -> Result<()> {
    office.let_go("Project", "live", cascade).await?;
    office.lab.gone("Project", "going").await?;
    assert!(office.lab.exists("Project", "live").await?);
    Ok(())
}

#[tokio::test]
async fn c10_a_cascade_that_is_deleted_goes_after_its_parents_were_let_go() -> Result<()> {
    let office = Office::new().await?;
    let _operator = office.operator(&[])?;
    let cascade = held(&office).await?;
    assert!(office.cascades.get(&cascade).await?.metadata.finalizers.is_some(), "it waits for its parents");
    office.delete(&cascade).await?;
    office.left(&cascade).await?;
    assert!(!is_held(&office.lab.api("Project").get("live").await?, &cascade), "they went before it");
    both_are_let_go(&office, &cascade).await
}

#[tokio::test]
async fn c10_a_cascade_that_is_set_to_plan_lets_its_parents_go() -> Result<()> {
    let office = Office::new().await?;
    let _operator = office.operator(&[])?;
    let cascade = held(&office).await?;
    office.edit(&cascade, json!({ "mode": "Plan" })).await?;
    both_are_let_go(&office, &cascade).await?;
    office.condition(&cascade, "Ready", "True", "Planned").await?;
    office.status(&cascade, "nothing is held", |status| (status.counts.held == 0).then_some(())).await?;
    office.edit(&cascade, json!({ "mode": "Enforce" })).await?;
    office.held("Project", "live", &cascade).await.map(drop)
}

#[tokio::test]
async fn c10_a_narrower_selector_releases_live_parents_alone_and_a_deletion_goes_on() -> Result<()> {
    let office = Office::new().await?;
    let _operator = office.operator(&[])?;
    let cascade = held(&office).await?;
    office.parent("Project", "gold", &cascade).await?;
    office.lab.patch("Project", "gold", json!({ "labels": { "tier": "gold" } })).await?;
    let before = office.lab.api("Project").get("gold").await?.metadata.resource_version;
    let parent = |more: Value| {
        let mut parent = json!({ "labelSelector": null });
        parent["labelSelector"] = more;
        json!({ "parent": parent })
    };
    office.edit(&cascade, parent(json!({ "matchLabels": { "tier": "gold" } }))).await?;
    office.let_go("Project", "live", &cascade).await?;
    let after = office.lab.api("Project").get("gold").await?.metadata.resource_version;
    assert_eq!(after, before, "it was never let go");
    assert!(is_held(&office.lab.api("Project").get("going").await?, &cascade), "its deletion goes on");
    office.unstick("going").await?;
    office.lab.gone("Project", "going").await?;
    assert!(!office.lab.exists("Cluster", "of-going").await?, "with its dependent");
    office.status(&cascade, "one is left", |status| (status.counts.parents == 1).then_some(())).await?;
    office.edit(&cascade, parent(Value::Null)).await?;
    office.held("Project", "live", &cascade).await.map(drop)
}

#[tokio::test]
async fn c10_a_parent_that_is_deleted_while_a_narrower_rule_releases_it_is_not_released() -> Result<()> {
    let mut office = Office::new().await?;
    let (proxy, _operator, cascade) = office.proxied_projects().await?;
    office.parent("Project", "web", &cascade).await?;
    office.lab.create("Cluster", "of-web", Some("web")).await?;
    let gate = Gate::new();
    let reads = Match::any().method("GET").path("/projects/web");
    let _held_back = proxy.rule(reads.times(1), Fault::Hold(gate.clone()));
    let selector = json!({ "parent": { "labelSelector": { "matchLabels": { "tier": "gold" } } } });
    office.edit(&cascade, selector).await?;
    gate.reached().await?;
    office.lab.delete("Project", "web").await?;
    gate.open();
    office.lab.gone("Project", "web").await?;
    assert!(!office.lab.exists("Cluster", "of-web").await?, "its dependent goes with it");
    Ok(())
}

#[tokio::test]
async fn c10_a_cascade_of_fewer_namespaces_lets_go_who_lives_in_the_others() -> Result<()> {
    let office = Office::new().await?;
    let lab = &office.lab;
    let (ours, other) = (lab.ns.clone(), lab.plane.namespace("other").await?);
    let parent = json!({
        "apiVersion": format!("{}/v1", lab.group), "kind": "Space", "namespaces": [&ours, &other],
    });
    let mut operator = office.operator(&[])?;
    let spaces = lab.cascade_of("Space", &[&[lab.dependents("Cluster")]], json!({ "parent": parent }));
    let cascade = office.write(spaces).await?;
    office.parent("Space", "stays", &cascade).await?;
    lab.create_in("Space", &other, "goes", None).await?;
    let goes = lab.api_in("Space", &other);
    until("it is held", SOON, async || Ok(is_held(&goes.get("goes").await?, &cascade).then_some(()))).await?;
    // It is noticed by an operator that has not seen the rule as it was before, too.
    operator.warns(&["followed"]).await?;
    operator.signal(Signal::KILL)?;
    operator.end().await?;
    office.edit(&cascade, json!({ "parent": { "namespaces": [&ours] } })).await?;
    let _operator = office.operator(&[])?;
    until("it is let go", SOON, async || Ok((!is_held(&goes.get("goes").await?, &cascade)).then_some(())))
        .await?;
    assert!(is_held(&lab.api("Space").get("stays").await?, &cascade));
    Ok(())
}

#[tokio::test]
async fn c10_fewer_namespaces_release_live_parents_alone_and_a_deletion_in_the_others_goes_on() -> Result<()>
{
    let office = Office::new().await?;
    let lab = &office.lab;
    let (ours, other) = (lab.ns.clone(), lab.plane.namespace("other").await?);
    let parent = json!({ "apiVersion": format!("{}/v1", lab.group), "kind": "Space" });
    let operator = office.operator(&[])?;
    let spaces = lab.cascade_of("Space", &[&[lab.dependents("Cluster")]], json!({ "parent": parent }));
    let cascade = office.write(spaces).await?;
    let (spaces, clusters) = (lab.api_in("Space", &other), lab.api_in("Cluster", &other));
    let is_held = async |name: &str| Ok(is_held(&spaces.get(name).await?, &cascade).then_some(()));
    for name in ["live", "going"] {
        lab.create_in("Space", &other, name, None).await?;
        until("it is held", SOON, async || is_held(name).await).await?;
    }
    lab.create_in("Cluster", &other, "of-going", Some("going")).await?;
    let finalizers = |names: Value| Patch::Merge(json!({ "metadata": { "finalizers": names } }));
    clusters.patch("of-going", &PatchParams::default(), &finalizers(json!([FOREIGN]))).await?;
    spaces.delete("going", &DeleteParams::default()).await?;
    office.status(&cascade, "it waits", |status| (status.counts.held == 1).then_some(())).await?;
    office.edit(&cascade, json!({ "parent": { "namespaces": [&ours] } })).await?;
    let live_is_released = async || Ok(is_held("live").await?.is_none().then_some(()));
    until("the live one is released", SOON, live_is_released).await?;
    // Another operator knows no more than the Cascade says.
    operator.signal(Signal::KILL)?;
    operator.end().await?;
    let _operator = office.operator(&[])?;
    office.status(&cascade, "it is delivered", |status| (status.counts.held == 1).then_some(())).await?;
    assert_eq!(is_held("going").await?, Some(()), "its deletion goes on");
    lab.create_in("Space", &other, "later", None).await?;
    clusters.patch("of-going", &PatchParams::default(), &finalizers(Value::Null)).await?;
    until("it has gone", SOON, async || Ok(spaces.get_opt("going").await?.is_none().then_some(()))).await?;
    assert!(clusters.get_opt("of-going").await?.is_none(), "with its dependent");
    assert_eq!(is_held("later").await?, None, "the Cascade is not about this namespace any more");
    Ok(())
}

#[tokio::test]
async fn c10_what_was_asked_while_no_operator_ran_is_done_by_the_next_one() -> Result<()> {
    let office = Office::new().await?;
    let operator = office.operator(&[])?;
    let cascade = held(&office).await?;
    operator.signal(Signal::KILL)?;
    operator.end().await?;
    office.delete(&cascade).await?;
    let _operator = office.operator(&[])?;
    office.left(&cascade).await?;
    both_are_let_go(&office, &cascade).await
}

#[tokio::test]
async fn c10_a_cascade_that_is_made_again_under_its_name_is_another_rule() -> Result<()> {
    let office = Office::new().await?;
    let lab = &office.lab;
    let _operator = office.operator(&[])?;
    let cascade = held(&office).await?;
    let mut again = office.cascades.get(&cascade).await?;
    // By force: nobody is asked.
    let force = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    office.cascades.patch(&cascade, &PatchParams::default(), &force).await?;
    office.cascades.delete(&cascade, &DeleteParams::default()).await?;
    again.metadata = serde_json::from_value(json!({ "name": cascade, "labels": again.metadata.labels }))?;
    again.status = None;
    again.spec.stages = lab.cascade(&[&[lab.dependents("Disk")]]).spec.stages;
    until("it is made again", SOON, async || {
        Ok(office.cascades.create(&PostParams::default(), &again).await.ok())
    })
    .await?;
    lab.gone("Project", "going").await?;
    office.enforced(&cascade).await?;
    office.held("Project", "live", &cascade).await?;
    lab.create("Cluster", "a", Some("live")).await?;
    lab.create("Disk", "b", Some("live")).await?;
    lab.delete("Project", "live").await?;
    lab.gone("Project", "live").await?;
    assert!(lab.exists("Cluster", "a").await? && !lab.exists("Disk", "b").await?, "by the new rule alone");
    Ok(())
}

#[tokio::test]
async fn c10_the_operator_waits_for_the_definition_and_lets_go_of_all_when_it_is_marked() -> Result<()> {
    let office = Office::apart().await?;
    let ended = office.operator(&["--once"])?.end().await?;
    assert_eq!(ended.status, Some(1), "{ended:?}");
    assert!(ended.warnings().contains("kubectl apply -f deploy/crds"), "{ended:?}");
    let mut operator = office.operator(&[])?;
    operator.warns(&["does not serve Cascade", "kubectl apply -f deploy/crds"]).await?;
    install(office.lab.plane).await?;
    let cascade = held(&office).await?;

    let first = "2026-01-01T00:00:00Z";
    office.mark_uninstall(Some(first)).await?;
    office.released(first).await?;
    assert!(!is_held(&office.lab.api("Project").get("live").await?, &cascade), "that was promised");
    both_are_let_go(&office, &cascade).await?;
    office.condition(&cascade, "Ready", "False", "Uninstalling").await?;

    // The mark outlasts the operator.
    operator.signal(Signal::KILL)?;
    operator.end().await?;
    let second = "2026-01-02T00:00:00Z";
    office.mark_uninstall(Some(second)).await?;
    office.lab.create("Project", "late", None).await?;
    let _operator = office.operator(&[])?;
    office.released(second).await?;
    assert!(!is_held(&office.lab.api("Project").get("late").await?, &cascade));
    office.mark_uninstall(None).await?;
    office.held("Project", "late", &cascade).await?;
    office.enforced(&cascade).await
}

#[tokio::test]
async fn c10_a_parent_that_is_being_held_while_its_rule_leaves_is_not_left_behind() -> Result<()> {
    let mut office = Office::new().await?;
    let (proxy, _operator, cascade) = office.proxied_projects().await?;
    let gate = Gate::new();
    let marks = Match::any().method("PATCH").path("/projects/");
    let _held_back = proxy.rule(marks, Fault::Hold(gate.clone()));
    office.lab.create("Project", "web", None).await?;
    gate.reached().await?;
    office.delete(&cascade).await?;
    sleep(2 * A_WHILE).await;
    assert!(office.cascades.get_opt(&cascade).await?.is_some(), "it waits for the mark");
    gate.open();
    office.left(&cascade).await?;
    assert!(!is_held(&office.lab.api("Project").get("web").await?, &cascade));
    Ok(())
}

#[tokio::test]
async fn c10_a_cascade_that_makes_no_rule_deletes_nothing_and_can_be_left() -> Result<()> {
    let office = Office::new().await?;
    let _operator = office.operator(&[])?;
    let cascade = office.projects(json!({})).await?;
    office.parent("Project", "web", &cascade).await?;
    office.lab.create("Cluster", "a", Some("web")).await?;
    let nonsense = json!({ "matchExpressions": [{ "key": "tier", "operator": "Like" }] });
    office.edit(&cascade, json!({ "parent": { "labelSelector": nonsense } })).await?;
    let message = office.condition(&cascade, "Ready", "False", "InvalidSpec").await?;
    assert!(message.contains("tier Like"), "{message}");
    office.lab.delete("Project", "web").await?;
    sleep(A_WHILE).await;
    assert!(office.lab.exists("Project", "web").await? && office.lab.exists("Cluster", "a").await?);
    office.delete(&cascade).await?;
    office.left(&cascade).await?;
    office.lab.gone("Project", "web").await?;
    assert!(office.lab.exists("Cluster", "a").await?);
    Ok(())
}

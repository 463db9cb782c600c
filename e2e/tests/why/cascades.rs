//! Parents that Cascades hold, and dependents of theirs.

use anyhow::{Context, Result};
use kube::api::{DeleteParams, Patch, PatchParams};
use rewitness_controlplane::until;
use rewitness_crds::CascadeStatus;
use rewitness_crds::cascade::{FinishedCascade, StageCount, finalizer};
use serde_json::{Value, json};

use crate::answers::rule as rule_of;
use crate::desk::Desk;
use crate::lab::{FOREIGN, Operator, SOON};

/// A Cascade from Projects, as an object.
async fn cascade(
    desk: &mut Desk,
    stages: &[&[Value]],
    more: Value,
) -> Result<(rewitness_crds::Cascade, String)> {
    let cascade = desk.lab.cascade_of("Project", stages, more);
    let name = desk.write(&cascade, "CASCADE").await?;
    Ok((cascade, name))
}

/// An operator that follows these, and says in their status that it does.
async fn operator(desk: &Desk, rules: &[&rewitness_crds::Cascade]) -> Result<Operator> {
    let operator = Operator::start(desk.lab.operator_client().await?, rules)?;
    for rule in rules {
        desk.tell(rule.metadata.name.as_deref().context("a name")?, &CascadeStatus::default()).await?;
    }
    Ok(operator)
}

/// A parent with this name, and `of-NAME`, a Cluster that refers to it.
async fn family(desk: &Desk, parent: &str) -> Result<String> {
    desk.lab.create("Project", parent, None).await?;
    desk.lab.create("Cluster", &format!("of-{parent}"), Some(parent)).await?;
    Ok(format!("{}/{parent}", desk.kind("projects")))
}

#[tokio::test]
async fn a_dependent_with_a_foreign_finalizer_is_found_from_its_parent() -> Result<()> {
    let mut desk = Desk::new().await?;
    let stages = [&[desk.lab.dependents("Cluster")][..], &[desk.lab.dependents("Disk")]];
    let (rule, _) = cascade(&mut desk, &stages, json!({})).await?;
    let _operator = operator(&desk, &[&rule]).await?;
    let project = family(&desk, "web").await?;
    desk.lab.create("Disk", "later", Some("web")).await?;
    desk.lab.patch("Cluster", "of-web", json!({ "finalizers": [FOREIGN] })).await?;
    desk.lab.held("Project", "web", &rule).await?;
    desk.lab.delete("Project", "web").await?;
    until("the dependent is being deleted", SOON, async || {
        Ok(desk.lab.api("Cluster").get("of-web").await?.metadata.deletion_timestamp)
    })
    .await?;
    until("that is recorded", SOON, async || {
        let answer = desk.why(&project).await?;
        Ok(answer.message("Held")?.contains("1 deleted").then_some(()))
    })
    .await?;
    desk.golden(&project, "dependent-kept").await?;
    desk.follows_until_gone(&project, "kubectl patch").await
}

#[tokio::test]
async fn a_limit_is_told_with_the_hash_that_confirms_it() -> Result<()> {
    let mut desk = Desk::new().await?;
    let stages = [&[desk.lab.dependents("Cluster")][..]];
    let (rule, name) = cascade(&mut desk, &stages, json!({ "limits": { "maxDependents": 0 } })).await?;
    let _operator = operator(&desk, &[&rule]).await?;
    let project = family(&desk, "web").await?;
    desk.lab.held("Project", "web", &rule).await?;
    desk.lab.delete("Project", "web").await?;
    let answer = desk.golden(&project, "limit").await?;
    assert_eq!(answer.command("rewitness confirm")?, format!("rewitness confirm {name} {project}"));
    // What that command writes once it was agreed to.
    let hash = answer.finding("LimitExceeded").and_then(|one| one["hash"].as_str()).context("a hash")?;
    desk.types(&format!("kubectl annotate {project} confirm.rewitness.dev/{name}={hash}")).await?;
    desk.lab.gone("Project", "web").await
}

#[tokio::test]
async fn an_operator_that_is_not_there_is_missed() -> Result<()> {
    let mut desk = Desk::new().await?;
    let stages = [&[desk.lab.dependents("Cluster")][..]];
    let (rule, name) = cascade(&mut desk, &stages, json!({})).await?;
    let project = family(&desk, "web").await?;
    desk.lab.patch("Project", "web", json!({ "finalizers": [finalizer(&name)] })).await?;
    desk.lab.delete("Project", "web").await?;
    let answer = desk.golden(&project, "no-operator").await?;
    assert_eq!(answer.command("rewitness run")?, "rewitness run --once");
    let _operator = operator(&desk, &[&rule]).await?;
    desk.lab.gone("Project", "web").await
}

#[tokio::test]
async fn a_finalizer_whose_cascade_is_gone_is_told_apart_and_taken_off() -> Result<()> {
    let desk = Desk::new().await?;
    let project = family(&desk, "web").await?;
    desk.lab.patch("Project", "web", json!({ "finalizers": ["cascade.rewitness.dev/nosuch"] })).await?;
    desk.lab.delete("Project", "web").await?;
    desk.golden(&project, "cascade-gone").await?;
    desk.follows_until_gone(&project, "kubectl patch").await?;
    assert!(desk.lab.exists("Cluster", "of-web").await?, "what refers to it stays");
    Ok(())
}

#[tokio::test]
async fn a_paused_cascade_and_one_that_holds_deletions_say_how_to_resume() -> Result<()> {
    let mut desk = Desk::new().await?;
    let stages = [&[desk.lab.dependents("Cluster")][..]];
    let (_, name) = cascade(&mut desk, &stages, json!({ "paused": true })).await?;
    let project = family(&desk, "web").await?;
    desk.lab.patch("Project", "web", json!({ "finalizers": [finalizer(&name)] })).await?;
    desk.lab.delete("Project", "web").await?;
    let answer = desk.golden(&project, "paused").await?;
    assert_eq!(answer.command("resume")?, format!("rewitness resume {name}"));
    let patch = Patch::Merge(json!({ "spec": { "paused": false, "holdDeletions": true } }));
    desk.cascades.patch(&name, &PatchParams::default(), &patch).await?;
    assert_eq!(desk.why(&project).await?.command("resume")?, format!("rewitness resume {name} --deletions"));
    Ok(())
}

#[tokio::test]
async fn what_waits_for_somebody_else_is_told_with_what_that_is() -> Result<()> {
    let mut desk = Desk::new().await?;
    let mut waits = desk.lab.dependents("Cluster");
    waits["action"] = "Wait".into();
    let (rule, _) = cascade(&mut desk, &[&[waits]], json!({})).await?;
    let _operator = operator(&desk, &[&rule]).await?;
    let project = family(&desk, "web").await?;
    desk.lab.held("Project", "web", &rule).await?;
    desk.lab.delete("Project", "web").await?;
    desk.golden(&project, "awaits-others").await?;
    desk.follows_until_gone(&project, "kubectl delete").await
}

/// Two Cascades that wait for each other, and a third party that keeps one of the parents.
#[tokio::test]
async fn a_cycle_is_told_as_one_and_ends_once_nobody_else_keeps_any_of_it() -> Result<()> {
    let mut desk = Desk::new().await?;
    let down = desk.lab.cascade_of("Project", &[&[desk.lab.dependents("Space")]], json!({}));
    let mut back = desk.lab.dependents("Project");
    back["holds"] = "UID".into();
    let up = desk.lab.cascade_of("Space", &[&[back]], json!({}));
    desk.write(&down, "DOWN").await?;
    desk.write(&up, "UP").await?;
    let _operator = operator(&desk, &[&down, &up]).await?;
    let space = desk.lab.create("Space", "home", Some("web")).await?;
    desk.lab.create("Project", "web", None).await?;
    let label = json!({ desk.lab.label.clone(): space.metadata.uid });
    desk.lab.patch("Project", "web", json!({ "labels": label })).await?;
    desk.lab.held("Space", "home", &up).await?;
    desk.lab.held("Project", "web", &down).await?;
    let mut kept = desk.lab.api("Space").get("home").await?.metadata.finalizers.unwrap_or_default();
    kept.push(FOREIGN.to_owned());
    desk.lab.patch("Space", "home", json!({ "finalizers": kept })).await?;
    desk.lab.delete("Project", "web").await?;
    let project = format!("{}/web", desk.kind("projects"));
    until("the cycle is seen", SOON, async || {
        let answer = desk.why(&project).await?;
        let is_recorded = answer.message("Held")?.contains("1 deleted");
        Ok((answer.finding("Cycle").is_some() && is_recorded).then_some(()))
    })
    .await?;
    desk.golden(&project, "cycle").await?;
    desk.follows_until_gone(&project, FOREIGN).await?;
    desk.lab.gone("Space", "home").await
}

#[tokio::test]
async fn a_parent_made_again_under_its_name_is_told_from_the_former_one() -> Result<()> {
    let mut desk = Desk::new().await?;
    let stages = [&[desk.lab.dependents("Cluster")][..]];
    let (_, name) = cascade(&mut desk, &stages, json!({})).await?;
    let project = family(&desk, "web").await?;
    let finished = FinishedCascade {
        namespace: None,
        name: "web".to_owned(),
        uid: "0e4e3b1c-8f4f-4c55-9f0a-0123456789ab".to_owned(),
        at: rewitness_messaging::Timestamp::now(),
        authorised: Some(7),
        stages: vec![StageCount { name: "stage-0".to_owned(), deleted: 7 }],
    };
    desk.tell(&name, &CascadeStatus { finished: vec![finished], ..CascadeStatus::default() }).await?;
    let answer = desk.golden(&project, "recreated").await?;
    assert!(answer.message("FormerOne")?.contains("7 dependents"));
    desk.lab.delete("Project", "web").await?;
    let answer = desk.why(&project).await?;
    assert_eq!((answer.state(), answer.finding("FormerOne").is_some()), ("NotFound", true));
    Ok(())
}

/// What only the operator knows, it says in the status.
#[tokio::test]
async fn a_refusal_and_a_missing_right_are_told_in_the_words_of_the_operator() -> Result<()> {
    let mut desk = Desk::new().await?;
    let stages = [&[desk.lab.dependents("Cluster")][..]];
    let (_, name) = cascade(&mut desk, &stages, json!({})).await?;
    let project = family(&desk, "web").await?;
    desk.lab.patch("Project", "web", json!({ "finalizers": [finalizer(&name)] })).await?;
    let uid = desk.lab.api("Project").get("web").await?.metadata.uid;
    desk.lab.delete("Project", "web").await?;
    let status: CascadeStatus = serde_json::from_value(json!({
        "conditions": [{
            "type": "Authorized", "status": "False", "reason": "MissingRights", "observedGeneration": 1,
            "message": "grant the operator: watch clusters.example.com", "lastTransitionTime": "2026-01-02T03:04:05Z",
        }],
        "heldParents": [{
            "name": "web", "uid": uid, "reason": "Waiting", "message": "1 refused", "waitsFor": [{
                "kind": format!("Cluster.{}", desk.lab.group), "count": 1, "cause": "Refused",
                "message": "refused: admission webhook \"guard.example.com\" denied the request: it is in use",
            }],
        }],
    }))?;
    desk.tell(&name, &status).await?;
    let answer = desk.golden(&project, "refused").await?;
    assert!(answer.message("Refused")?.contains("it is in use"));
    assert!(answer.message("MissingRights")?.contains("grant the operator"));
    desk.types(&answer.command("--dry-run=server")?).await?;
    assert!(desk.lab.exists("Cluster", "of-web").await?, "to look deletes nothing");
    Ok(())
}

/// Who may read the parent and the Cascades, and nothing that refers to it.
#[tokio::test]
async fn dependents_that_may_not_be_listed_are_unknown_and_not_none() -> Result<()> {
    let mut desk = Desk::new().await?;
    let stages = [&[desk.lab.dependents("Cluster")][..]];
    let (rule, name) = cascade(&mut desk, &stages, json!({})).await?;
    let project = family(&desk, "web").await?;
    desk.lab.patch("Project", "web", json!({ "finalizers": [finalizer(&name)] })).await?;
    desk.tell(rule.metadata.name.as_deref().context("a name")?, &CascadeStatus::default()).await?;
    desk.lab.delete("Project", "web").await?;
    let rules = [
        (&*desk.lab.group, "projects", "get"),
        ("rewitness.dev", "cascades", "list"),
        ("", "events", "list"),
    ];
    let rules = rules.map(|(group, resource, verb)| rule_of(group, resource, verb));
    desk.as_account(rules.to_vec()).await?;
    let answer = desk.golden(&project, "few-rights-cascade").await?;
    let forbidden = answer.message("Forbidden")?;
    assert!(forbidden.contains("unknown: you may not list"), "{forbidden}");
    Ok(())
}

#[tokio::test]
async fn a_dependent_says_with_whom_it_goes() -> Result<()> {
    let mut desk = Desk::new().await?;
    let stages = [&[desk.lab.dependents("Cluster")][..]];
    let (_, name) = cascade(&mut desk, &stages, json!({})).await?;
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

/// A kind in a stage whose definition is gone.
#[tokio::test]
async fn a_kind_that_is_not_served_any_more_is_dropped_from_the_rule() -> Result<()> {
    let mut desk = Desk::new().await?;
    let gadgets = desk.lab.plane.crd(&desk.lab.group, "gadgets", "Gadget", true, &[]).await?;
    let stages = [&[desk.lab.dependents("Cluster")][..], &[desk.lab.dependents("Gadget")]];
    let (_, name) = cascade(&mut desk, &stages, json!({})).await?;
    let project = family(&desk, "web").await?;
    desk.lab.patch("Project", "web", json!({ "finalizers": [finalizer(&name)] })).await?;
    desk.lab.delete("Project", "web").await?;
    desk.types(&format!("kubectl delete crd gadgets.{}", desk.lab.group)).await?;
    let objects: kube::Api<kube::api::DynamicObject> = kube::Api::all_with(desk.lab.client.clone(), &gadgets);
    until("the kind is not served", SOON, async || {
        Ok(objects.list(&Default::default()).await.is_err().then_some(()))
    })
    .await?;
    let gadget = format!("{}/x", desk.kind("gadgets"));
    until("the kind is not to be found", SOON, async || {
        Ok(desk.why(&gadget).await?.message("KindNotServed").is_ok().then_some(()))
    })
    .await?;
    let answer = desk.golden(&gadget, "kind-gone").await?;
    assert_eq!((answer.status, answer.state()), (Some(1), "Unknown"));
    let answer = desk.golden(&project, "kind-gone-parent").await?;
    desk.types(&answer.command("kubectl patch cascades")?).await?;
    let cascade = desk.cascades.get(&name).await?;
    assert_eq!(cascade.spec.stages.len(), 1);
    let _operator = operator(&desk, &[&cascade]).await?;
    desk.lab.gone("Project", "web").await?;
    desk.cascades.delete(&name, &DeleteParams::default()).await?;
    Ok(())
}

//! The server refuses, or the rule says that nothing is to be done.

use anyhow::Result;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use rewitness_cascade::{self as cascade, Cause, Config, DeletionState};
use rewitness_controlplane::{Fault, Gate, Match};
use rewitness_messaging::{Queue, Uid};
use serde_json::json;

use super::{Scene, deletes, lists, records, releases};
use rewitness_e2e::follower::{Operator, refused, waits_for};
use rewitness_e2e::lab::{Lab, soon};

#[tokio::test]
async fn c4_one_delete_that_fails_stops_no_other_and_an_overloaded_server_is_waited_for() -> Result<()> {
    let scene = Scene::new().await?;
    for index in 0..20 {
        scene.lab.create("Cluster", &format!("c{index}"), Some("web")).await?;
    }
    let denied = Fault::Status { code: 500, retry_after: None, message: "the webhook says no".to_owned() };
    let fails = scene.proxy.rule(Match::any().method("DELETE").path("/clusters/a"), denied);
    let busy = scene
        .proxy
        .rule(Match::any().method("DELETE").path("/clusters/c").times(4), Fault::too_many_requests(1));
    scene.delete_parent().await?;
    scene.operator.state(0, &scene.parent, waits_for("Refused")).await?;
    assert_eq!(busy.hits(), 4);
    let left = scene.lab.api("Cluster").list(&Default::default()).await?;
    assert_eq!(left.items.len(), 1, "the others went");
    drop(fails);
    scene.finished().await
}

#[tokio::test]
async fn missing_rights_are_said_and_noticed_once_they_are_given() -> Result<()> {
    let scene = Scene::new().await?;
    let message = "clusters is forbidden: User \"x\" cannot delete resource \"clusters\"".to_owned();
    let taken =
        scene.proxy.rule(deletes(), Fault::Status { code: 403, retry_after: None, message: message.clone() });
    scene.delete_parent().await?;
    scene.operator.state(0, &scene.parent, waits_for("Refused")).await?;
    drop(taken);
    scene.finished().await?;
    let scene = Scene::new().await?;
    let taken = scene.proxy.rule(lists(), Fault::Status { code: 403, retry_after: None, message });
    scene.delete_parent().await?;
    scene.operator.state(0, &scene.parent, waits_for("Forbidden")).await?;
    assert!(scene.lab.exists("Cluster", "a").await?);
    drop(taken);
    scene.finished().await
}

/// A delete, the record before it, or the release after it is denied: that is no failure to back off
/// from for minutes, but a wait that is told of, and that ends when somebody wakes the parent.
#[tokio::test]
async fn c6_what_is_denied_is_waited_for_and_tried_again_when_it_is_woken() -> Result<()> {
    for denied in [deletes(), records(), releases()] {
        let scene = Scene::new().await?;
        let message = "somebody is forbidden: User \"x\" cannot do it".to_owned();
        let taken = scene.proxy.rule(denied, Fault::Status { code: 403, retry_after: None, message });
        scene.delete_parent().await?;
        scene.operator.state(0, &scene.parent, waits_for("Refused")).await?;
        taken.wait_hits(3, soon()).await?;
        assert_eq!(scene.operator.rules[0].handle.progress().failing, 0, "it is no failure");
        let told = scene.operator.rules[0].records.since(waits_for("Refused"));
        assert!(told.iter().all(|state| waits_for("Refused")(state).is_some()), "not even while it is tried");
        drop(taken);
        let uid = Uid::new(scene.parent.metadata.uid.as_deref().unwrap());
        scene.operator.queue.wake(&cascade::wake_key(&uid));
        scene.finished().await?;
    }
    Ok(())
}

#[tokio::test]
async fn c6_what_was_denied_is_told_no_more_once_it_is_done() -> Result<()> {
    let lab = Lab::new().await?;
    let rule = lab.cascade(&[&[lab.dependents("Cluster")], &[lab.dependents("Disk")]]);
    let proxy = lab.proxy()?;
    let operator = Operator::start(lab.proxied(&proxy).await?, &[&rule])?;
    let parent = lab.parent("Project", "web", &rule).await?;
    for kind in ["Cluster", "Disk"] {
        lab.create(kind, "of-web", Some("web")).await?;
    }
    let taken =
        proxy.rule(deletes(), Fault::Status { code: 403, retry_after: None, message: "no".to_owned() });
    lab.delete("Project", "web").await?;
    operator.state(0, &parent, waits_for("Refused")).await?;
    drop(taken);
    lab.gone("Project", "web").await?;
    let told = operator.rules[0].records.since(waits_for("Refused"));
    let is_second =
        |one: &DeletionState| matches!(one, DeletionState::Deleting { stage, .. } if **stage == *"stage-1");
    assert!(told.iter().any(is_second), "{told:?}");
    Ok(())
}

/// The server itself refuses to delete one of them, by an admission policy.
#[tokio::test]
async fn c6_what_admission_says_to_a_delete_can_be_read_and_stops_no_other() -> Result<()> {
    let scene = Scene::new().await?;
    scene.lab.create("Cluster", "kept", Some("web")).await?;
    let name = format!("keep.{}", scene.lab.group);
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": { "name": name },
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": { "resourceRules": [{
                "apiGroups": [scene.lab.group], "apiVersions": ["*"], "operations": ["DELETE"], "resources": ["clusters"],
            }] },
            "validations": [{ "expression": "oldObject.metadata.name != 'kept'", "message": "ask the database team" }],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": { "name": name }, "spec": { "policyName": name, "validationActions": ["Deny"] },
    });
    let policies: Api<k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicy> =
        Api::all(scene.lab.client.clone());
    let bindings: Api<k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicyBinding> =
        Api::all(scene.lab.client.clone());
    policies.create(&PostParams::default(), &serde_json::from_value(policy)?).await?;
    bindings.create(&PostParams::default(), &serde_json::from_value(binding)?).await?;
    let dry = DeleteParams { dry_run: true, ..DeleteParams::default() };
    let clusters = scene.lab.api("Cluster");
    rewitness_controlplane::until("the policy is in force", soon(), async || {
        Ok(clusters.delete("kept", &dry).await.is_err().then_some(()))
    })
    .await?;
    scene.delete_parent().await?;
    let said = scene.operator.state(0, &scene.parent, |state| match state {
        DeletionState::Waiting { waits, .. } => waits.iter().find_map(|wait| match &wait.cause {
            Cause::Refused { message } => Some(message.clone()),
            _ => None,
        }),
        _ => None,
    });
    let said = said.await?;
    assert!(said.contains("ask the database team"), "{said}");
    scene.lab.gone("Cluster", "a").await?;
    assert!(scene.lab.exists("Cluster", "kept").await?);
    bindings.delete(&name, &DeleteParams::default()).await?;
    policies.delete(&name, &DeleteParams::default()).await?;
    scene.finished().await
}

#[tokio::test]
async fn c10_a_rule_that_is_suspended_stops_before_its_next_delete_and_goes_on_when_it_is_woken() -> Result<()>
{
    let lab = Lab::new().await?;
    let rule = lab.cascade(&[&[lab.dependents("Cluster")]]);
    let mut suspended = rule.clone();
    suspended.spec.suspend = true;
    let proxy = lab.proxy()?;
    let mut config = Config::default();
    config.concurrency = 1;
    let operator = Operator::start_with(lab.proxied(&proxy).await?, &[&rule], config)?;
    let parent = lab.parent("Project", "web", &rule).await?;
    for name in ["a", "b", "c"] {
        lab.create("Cluster", name, Some("web")).await?;
    }
    let gate = Gate::new();
    let _held = proxy.rule(deletes().times(1), Fault::Hold(gate.clone()));
    lab.delete("Project", "web").await?;
    gate.reached().await?;
    operator.rules[0].rule.set(cascade::Rule::new(&suspended)?);
    gate.open();
    operator.state(0, &parent, |it| refused(it).filter(|(reason, _)| *reason == "Suspended")).await?;
    assert_eq!(lab.api("Cluster").list(&Default::default()).await?.items.len(), 2);
    operator.rules[0].rule.set(cascade::Rule::new(&rule)?);
    operator.queue.wake(&cascade::wake_key(&Uid::new(parent.metadata.uid.as_deref().unwrap_or_default())));
    lab.gone("Project", "web").await?;
    assert!(lab.api("Cluster").list(&Default::default()).await?.items.is_empty());
    Ok(())
}

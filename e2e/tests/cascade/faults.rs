//! What goes wrong, forced: B1 to B23 as far as they are about deletions.

use std::time::Duration;

use anyhow::Result;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use rewitness_consumers::cascade::{self, Cause, Config, Standing};
use rewitness_controlplane::{Fault, FaultProxy, Gate, Match, Rule};
use rewitness_crds::Cascade;
use rewitness_messaging::{Queue, Uid};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::lab::{A_WHILE, FOREIGN, Lab, Operator, refused, soon, waits_for};

fn deletes() -> Match {
    Match::any().method("DELETE").path("/clusters/")
}

fn lists() -> Match {
    Match::any().method("GET").when(|call| call.path.ends_with("/clusters"))
}

fn reads() -> Match {
    Match::any().method("GET").when(|call| call.path.ends_with("/projects/web"))
}

/// The patches that take our finalizer off.
fn releases() -> Match {
    Match::any().method("PATCH").when(|call| {
        String::from_utf8_lossy(&call.body).contains("\"remove\"") && call.path.ends_with("/projects/web")
    })
}

/// A Project `web` that is held, and a Cluster `a` that refers to it, behind a proxy.
///
/// The lab goes last, so that what the operator did to the very end is in the audit log.
struct Scene {
    rule: Cascade,
    operator: Operator,
    proxy: FaultProxy,
    parent: kube::api::DynamicObject,
    lab: Lab,
}

impl Scene {
    async fn new() -> Result<Self> {
        let lab = Lab::new().await?;
        let rule = lab.cascade(&[&[lab.dependents("Cluster")]]);
        let proxy = lab.proxy()?;
        let operator = Operator::start(lab.proxied(&proxy).await?, &[&rule])?;
        let parent = lab.parent("Project", "web", &rule).await?;
        lab.create("Cluster", "a", Some("web")).await?;
        Ok(Self { lab, rule, proxy, operator, parent })
    }

    /// Holds a call back until the gate is opened.
    fn gate(&self, matching: Match) -> (Gate, Rule) {
        let gate = Gate::new();
        let rule = self.proxy.rule(matching, Fault::Hold(gate.clone()));
        (gate, rule)
    }

    async fn delete_parent(&self) -> Result<()> {
        self.lab.delete("Project", "web").await
    }

    async fn finished(&self) -> Result<()> {
        self.lab.gone("Project", "web").await
    }

    /// Another object under the same name.
    async fn recreate(&self, kind: &str, name: &str, parent: Option<&str>) -> Result<()> {
        self.lab.patch(kind, name, json!({ "finalizers": null })).await?;
        if self.lab.exists(kind, name).await? {
            self.lab.delete(kind, name).await?;
        }
        self.lab.gone(kind, name).await?;
        self.lab.create(kind, name, parent).await.map(drop)
    }
}

/// B1, B2: the parent is made again under its name at each call in turn. Nothing of the new one goes.
#[tokio::test]
pub(crate) async fn fault_b2_a_parent_recreated_at_any_step_takes_nothing_with_it() -> Result<()> {
    let steps: [fn() -> Match; 5] = [
        || reads().times(1),
        || lists().times(1),
        || reads().skip(1).times(1),
        || Match::any().method("PATCH").path("/projects/web").times(1),
        || deletes().times(1),
    ];
    for (index, step) in steps.iter().enumerate() {
        let scene = Scene::new().await?;
        let (gate, held) = scene.gate(step());
        scene.delete_parent().await?;
        gate.reached().await?;
        scene.recreate("Project", "web", None).await?;
        scene.recreate("Cluster", "a", Some("web")).await?;
        gate.open();
        scene.lab.held("Project", "web", &scene.rule).await?;
        sleep(A_WHILE).await;
        assert!(scene.lab.exists("Cluster", "a").await?, "step {index}");
        let live = scene.lab.api("Project").get("web").await?;
        assert!(live.metadata.deletion_timestamp.is_none(), "step {index}");
        drop(held);
    }
    Ok(())
}

/// B2: the parent is made again while its finalizer is being taken off.
#[tokio::test]
pub(crate) async fn fault_b2_the_finalizer_of_a_recreated_parent_stays() -> Result<()> {
    let scene = Scene::new().await?;
    let (gate, _held) = scene.gate(releases().times(1));
    scene.delete_parent().await?;
    gate.reached().await?;
    scene.recreate("Project", "web", None).await?;
    let held = scene.lab.held("Project", "web", &scene.rule).await?;
    gate.open();
    sleep(A_WHILE).await;
    let live = scene.lab.held("Project", "web", &scene.rule).await?;
    assert_eq!(live.metadata.resource_version, held.metadata.resource_version, "nothing was written to it");
    Ok(())
}

#[tokio::test]
pub(crate) async fn fault_b2_a_dependent_recreated_under_its_name_for_another_parent_stays() -> Result<()> {
    let scene = Scene::new().await?;
    let (gate, _held) = scene.gate(deletes().times(1));
    scene.delete_parent().await?;
    gate.reached().await?;
    scene.recreate("Cluster", "a", Some("api")).await?;
    gate.open();
    scene.finished().await?;
    assert!(scene.lab.exists("Cluster", "a").await?, "it belongs to another");
    Ok(())
}

#[tokio::test]
pub(crate) async fn fault_b2_a_dependent_recreated_for_the_same_parent_goes_by_its_own_uid() -> Result<()> {
    let scene = Scene::new().await?;
    let (gate, _held) = scene.gate(deletes().times(1));
    scene.delete_parent().await?;
    gate.reached().await?;
    scene.recreate("Cluster", "a", Some("web")).await?;
    gate.open();
    scene.finished().await?;
    assert!(!scene.lab.exists("Cluster", "a").await?);
    assert!(!scene.operator.rules[0].records.ever("Refused"));
    assert_eq!(scene.proxy.count(|call| call.method == "DELETE"), 2, "the first one conflicts");
    Ok(())
}

#[tokio::test]
pub(crate) async fn fault_b8_a_dependent_relabelled_between_list_and_delete_stays() -> Result<()> {
    for label in [json!("api"), Value::Null] {
        let scene = Scene::new().await?;
        let (gate, _held) = scene.gate(deletes().times(1));
        scene.delete_parent().await?;
        gate.reached().await?;
        scene.lab.patch("Cluster", "a", json!({ "labels": { scene.lab.label.clone(): label } })).await?;
        gate.open();
        scene.finished().await?;
        assert!(scene.lab.exists("Cluster", "a").await?, "it no longer refers");
    }
    Ok(())
}

#[tokio::test]
pub(crate) async fn fault_b8_a_dependent_that_changed_and_still_refers_goes() -> Result<()> {
    let scene = Scene::new().await?;
    let (gate, _held) = scene.gate(deletes().times(1));
    scene.delete_parent().await?;
    gate.reached().await?;
    scene.lab.patch("Cluster", "a", json!({ "annotations": { "x": "y" } })).await?;
    gate.open();
    scene.finished().await?;
    assert!(!scene.lab.exists("Cluster", "a").await?);
    assert_eq!(scene.proxy.count(|call| call.method == "DELETE"), 2, "the first one conflicts");
    Ok(())
}

/// B9, at each list in turn: the one that finds it, and the two that are to find nothing.
#[tokio::test]
pub(crate) async fn fault_b9_a_dependent_created_during_the_deletion_goes_before_the_parent() -> Result<()> {
    for list in 0..3 {
        let scene = Scene::new().await?;
        let (gate, _held) = scene.gate(reads().skip(1 + 2 * list).times(1));
        scene.delete_parent().await?;
        gate.reached().await?;
        // After the list, before the parent is read.
        scene.lab.create("Cluster", "late", Some("web")).await?;
        gate.open();
        scene.finished().await?;
        let late = scene.lab.exists("Cluster", "late").await?;
        // The one window that is documented: between the last list and the patch.
        assert!(!late || list == 2, "list {list}");
    }
    Ok(())
}

#[tokio::test]
pub(crate) async fn fault_b13_the_finalizers_of_others_survive_concurrent_writers() -> Result<()> {
    let scene = Scene::new().await?;
    let mine = |index: usize| format!("{FOREIGN}-{index}");
    let others: Vec<String> = (0..5).map(mine).collect();
    let held = rewitness_crds::cascade::finalizer(scene.rule.metadata.name.as_deref().unwrap());
    let all: Vec<&String> = others.iter().take(3).chain([&held]).chain(others.iter().skip(3)).collect();
    scene.lab.patch("Project", "web", json!({ "finalizers": all })).await?;
    let (gate, _held) = scene.gate(releases().times(1));
    scene.delete_parent().await?;
    gate.reached().await?;
    // One goes while ours is on its way, by which all that follow have another place.
    for index in [0, 4, 2] {
        let api = scene.lab.api("Project");
        loop {
            let mut object = api.get("web").await?;
            object.metadata.finalizers.get_or_insert_default().retain(|one| *one != mine(index));
            match api.replace("web", &PostParams::default(), &object).await {
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                done => break drop(done?),
            }
        }
        gate.open();
    }
    let api = scene.lab.api("Project");
    let left = rewitness_controlplane::until("ours is off", soon(), async || {
        let finalizers = api.get("web").await?.metadata.finalizers.unwrap_or_default();
        Ok((!finalizers.contains(&held)).then_some(finalizers))
    });
    assert_eq!(left.await?, [mine(1), mine(3)], "another's was taken off");
    Ok(())
}

/// A hundred writes a second on the parent and on the dependent.
#[tokio::test]
async fn fault_b14_a_storm_of_writes_does_not_keep_a_deletion_from_ending() -> Result<()> {
    let scene = Scene::new().await?;
    let mut writers = JoinSet::new();
    for (kind, name) in [("Project", "web"), ("Cluster", "a")] {
        let api: Api<_> = scene.lab.api(kind);
        writers.spawn(async move {
            for tick in 0u64.. {
                let patch = json!({ "metadata": { "annotations": { "tick": tick.to_string() } } });
                let _ = api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await;
                sleep(Duration::from_millis(10)).await;
            }
        });
    }
    scene.delete_parent().await?;
    scene.finished().await?;
    assert!(!scene.lab.exists("Cluster", "a").await?);
    let progress = scene.operator.rules[0].handle.progress();
    assert_eq!(progress.lost, 0);
    Ok(())
}

/// Somebody writes each time that it is about to be deleted.
#[tokio::test]
pub(crate) async fn fault_b14_conflicts_one_after_the_other_are_no_failure() -> Result<()> {
    const CONFLICTS: usize = 5;
    let scene = Scene::new().await?;
    let gates: Vec<_> = (0..CONFLICTS).map(|index| scene.gate(deletes().skip(index).times(1))).collect();
    scene.delete_parent().await?;
    for (index, (gate, _held)) in gates.iter().enumerate() {
        gate.reached().await?;
        let tick = json!({ "annotations": { "tick": index.to_string() } });
        scene.lab.patch("Cluster", "a", tick).await?;
        gate.open();
    }
    scene.finished().await?;
    assert!(!scene.lab.exists("Cluster", "a").await?);
    assert!(!scene.operator.rules[0].records.ever("Refused"), "a conflict is no failure");
    assert_eq!(scene.proxy.count(|call| call.method == "DELETE"), CONFLICTS + 1);
    Ok(())
}

#[tokio::test]
pub(crate) async fn fault_b15_a_dependent_that_somebody_else_deletes_first_is_a_success() -> Result<()> {
    let scene = Scene::new().await?;
    let (gate, _held) = scene.gate(deletes().times(1));
    scene.delete_parent().await?;
    gate.reached().await?;
    scene.lab.delete("Cluster", "a").await?;
    gate.open();
    scene.finished().await?;
    assert!(!scene.operator.rules[0].records.ever("Refused"), "that it has gone is no failure");
    Ok(())
}

#[tokio::test]
async fn fault_b16_calls_that_are_made_and_whose_answers_are_lost_are_survived() -> Result<()> {
    let scene = Scene::new().await?;
    let delete = scene.proxy.rule(deletes().times(1), Fault::LoseAnswer);
    let patch = Match::any().method("PATCH").path("/projects/web").times(2);
    let patches = scene.proxy.rule(patch, Fault::LoseAnswer);
    scene.delete_parent().await?;
    scene.finished().await?;
    assert_eq!((delete.hits(), patches.hits()), (1, 2));
    assert!(!scene.lab.exists("Cluster", "a").await?);
    Ok(())
}

/// The delete was made, and another object came under its name before anybody knew.
#[tokio::test]
pub(crate) async fn fault_b16_a_delete_whose_answer_was_lost_does_not_hit_what_came_after_it() -> Result<()> {
    let scene = Scene::new().await?;
    let (gate, delete) = (Gate::new(), deletes().times(1));
    let _held = scene.proxy.rule(delete.clone(), Fault::HoldAnswer(gate.clone()));
    let lost = scene.proxy.rule(delete, Fault::LoseAnswer);
    scene.delete_parent().await?;
    gate.reached().await?;
    scene.lab.gone("Cluster", "a").await?;
    scene.lab.create("Cluster", "a", Some("api")).await?;
    gate.open();
    scene.finished().await?;
    assert_eq!(lost.hits(), 1);
    assert!(scene.lab.exists("Cluster", "a").await?, "it belongs to another");
    Ok(())
}

#[tokio::test]
pub(crate) async fn fault_b5_nothing_is_deleted_before_the_finalizer_was_observed() -> Result<()> {
    let lab = Lab::new().await?;
    let rule = lab.cascade(&[&[lab.dependents("Cluster")]]);
    let proxy = lab.proxy()?;
    lab.create("Project", "web", None).await?;
    lab.create("Cluster", "a", Some("web")).await?;
    // The finalizer is on its way; the parent is deleted before it arrives.
    lab.patch("Project", "web", json!({ "finalizers": [FOREIGN] })).await?;
    let gate = Gate::new();
    let adoption = Match::any().method("PATCH").path("/projects/web").times(1);
    let _held = proxy.rule(adoption, Fault::Hold(gate.clone()));
    let _operator = Operator::start(lab.proxied(&proxy).await?, &[&rule])?;
    gate.reached().await?;
    lab.delete("Project", "web").await?;
    gate.open();
    sleep(A_WHILE).await;
    assert!(lab.exists("Cluster", "a").await?, "it went before");
    assert_eq!(proxy.count(|call| call.method == "DELETE"), 0);
    Ok(())
}

#[tokio::test]
pub(crate) async fn fault_b7_a_deletion_ends_with_the_rule_that_it_began_with() -> Result<()> {
    let scene = Scene::new().await?;
    scene.lab.create("Disk", "b", Some("web")).await?;
    scene.lab.patch("Cluster", "a", json!({ "finalizers": [FOREIGN] })).await?;
    scene.delete_parent().await?;
    scene.operator.standing(0, &scene.parent, waits_for("Finalizers")).await?;
    // The rule is edited to be about Disks, and the operator restarted with it.
    let mut edited = scene.lab.cascade(&[&[scene.lab.dependents("Disk")]]);
    edited.metadata.name = scene.rule.metadata.name.clone();
    let first = cascade::Rule::new(&scene.rule)?;
    edited.status = Some(rewitness_crds::CascadeStatus {
        revisions: vec![rewitness_crds::cascade::Revision {
            hash: first.revision().to_owned(),
            generation: 1,
            stages: scene.rule.spec.stages.clone(),
            limits: scene.rule.spec.limits,
        }],
        ..Default::default()
    });
    let Scene { lab, operator, proxy, parent, .. } = scene;
    operator.kill().await;
    let operator = Operator::start(lab.proxied(&proxy).await?, &[&edited])?;
    operator.standing(0, &parent, waits_for("Finalizers")).await?;
    lab.create("Cluster", "late", Some("web")).await?;
    lab.patch("Cluster", "a", json!({ "finalizers": null })).await?;
    lab.gone("Project", "web").await?;
    assert!(!lab.exists("Cluster", "late").await? && lab.exists("Disk", "b").await?);
    Ok(())
}

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
    scene.operator.standing(0, &scene.parent, waits_for("Refused")).await?;
    assert_eq!(busy.hits(), 4);
    let left = scene.lab.api("Cluster").list(&Default::default()).await?;
    assert_eq!(left.items.len(), 1, "the others went");
    drop(fails);
    scene.finished().await
}

#[tokio::test]
pub(crate) async fn fault_b19_the_deletion_of_a_namespace_takes_its_parents_and_ends() -> Result<()> {
    let lab = Lab::new().await?;
    lab.plane.start_controller_manager().await?;
    let mut everywhere = lab.dependents("Cluster");
    everywhere["holds"] = "UID".into();
    everywhere["namespaces"] = "All".into();
    let rule = lab.cascade_of("Space", &[&[everywhere]], json!({}));
    let _operator = Operator::start(lab.operator_client().await?, &[&rule])?;
    let elsewhere = lab.plane.namespace("cascade").await?;
    let parent = lab.parent("Space", "web", &rule).await?;
    lab.create("Cluster", "inside", parent.metadata.uid.as_deref()).await?;
    lab.create_in("Cluster", &elsewhere, "outside", parent.metadata.uid.as_deref()).await?;
    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(lab.client.clone());
    namespaces.delete(&lab.ns, &DeleteParams::default()).await?;
    rewitness_controlplane::until("the namespace has gone", soon(), async || {
        Ok(namespaces.get_opt(&lab.ns).await?.is_none().then_some(()))
    })
    .await?;
    assert!(lab.api_in("Cluster", &elsewhere).get_opt("outside").await?.is_none());
    Ok(())
}

#[tokio::test]
async fn missing_rights_are_said_and_noticed_once_they_are_given() -> Result<()> {
    let scene = Scene::new().await?;
    let message = "clusters is forbidden: User \"x\" cannot delete resource \"clusters\"".to_owned();
    let taken =
        scene.proxy.rule(deletes(), Fault::Status { code: 403, retry_after: None, message: message.clone() });
    scene.delete_parent().await?;
    scene.operator.standing(0, &scene.parent, waits_for("Refused")).await?;
    drop(taken);
    scene.finished().await?;
    let scene = Scene::new().await?;
    let taken = scene.proxy.rule(lists(), Fault::Status { code: 403, retry_after: None, message });
    scene.delete_parent().await?;
    scene.operator.standing(0, &scene.parent, waits_for("Forbidden")).await?;
    assert!(scene.lab.exists("Cluster", "a").await?);
    drop(taken);
    scene.finished().await
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
    let said = scene.operator.standing(0, &scene.parent, |standing| match standing {
        Standing::Waiting { waits, .. } => waits.iter().find_map(|wait| match &wait.cause {
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
async fn c10_a_rule_that_is_paused_stops_before_its_next_delete_and_goes_on_when_it_is_woken() -> Result<()> {
    let lab = Lab::new().await?;
    let rule = lab.cascade(&[&[lab.dependents("Cluster")]]);
    let mut paused = rule.clone();
    paused.spec.paused = true;
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
    operator.rules[0].rule.set(cascade::Rule::new(&paused)?);
    gate.open();
    operator.standing(0, &parent, |it| refused(it).filter(|(reason, _)| *reason == "Paused")).await?;
    assert_eq!(lab.api("Cluster").list(&Default::default()).await?.items.len(), 2);
    operator.rules[0].rule.set(cascade::Rule::new(&rule)?);
    operator.queue.wake(&cascade::wake_key(&Uid::new(parent.metadata.uid.as_deref().unwrap_or_default())));
    lab.gone("Project", "web").await?;
    assert!(lab.api("Cluster").list(&Default::default()).await?.items.is_empty());
    Ok(())
}

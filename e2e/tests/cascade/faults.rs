//! What goes wrong, forced: B1 to B23 as far as they are about deletions.

pub(crate) mod contention;
pub(crate) mod edits;
mod refusals;

use anyhow::Result;
use kube::Api;
use kube::api::DeleteParams;
use rewitness_controlplane::{Fault, FaultProxy, Gate, Match, Rule};
use rewitness_crds::Cascade;
use serde_json::{Value, json};

use rewitness_e2e::follower::Operator;
use rewitness_e2e::lab::{FOREIGN, Lab, until_soon};

fn deletes() -> Match {
    Match::any().method("DELETE").path("/clusters/")
}

fn lists() -> Match {
    Match::any().method("GET").when(|call| call.path.ends_with("/clusters"))
}

fn reads() -> Match {
    Match::any().method("GET").when(|call| call.path.ends_with("/projects/web"))
}

/// The patches that take our finalizer off: JSON patches that do not put it on.
fn releases() -> Match {
    Match::any().method("PATCH").when(|call| {
        let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        let puts_on = |operation: &Value| {
            operation["op"] == "add" && operation["value"].to_string().contains("cascade.rewitness.dev/")
        };
        body.as_array().is_some_and(|patch| !patch.iter().any(puts_on))
            && call.path.ends_with("/projects/web")
    })
}

/// The patches that record what a deletion goes by.
fn records() -> Match {
    Match::any().method("PATCH").when(|call| {
        String::from_utf8_lossy(&call.body).contains("record.rewitness.dev/")
            && call.path.ends_with("/projects/web")
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
        scene.operator.ended(0, &scene.parent).await?;
        assert!(scene.lab.exists("Cluster", "a").await?, "step {index}");
        let live = scene.lab.api("Project").get("web").await?;
        assert!(live.metadata.deletion_timestamp.is_none(), "step {index}");
        drop(held);
    }
    Ok(())
}

/// B2: the parent is made again while its finalizer is being removed.
#[tokio::test]
pub(crate) async fn fault_b2_the_finalizer_of_a_recreated_parent_stays() -> Result<()> {
    let scene = Scene::new().await?;
    let (gate, _held) = scene.gate(releases().times(1));
    scene.delete_parent().await?;
    gate.reached().await?;
    scene.recreate("Project", "web", None).await?;
    let held = scene.lab.held("Project", "web", &scene.rule).await?;
    gate.open();
    scene.operator.ended(0, &scene.parent).await?;
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
pub(crate) async fn fault_b5_nothing_is_deleted_before_the_finalizer_was_observed() -> Result<()> {
    let lab = Lab::new().await?;
    let rule = lab.cascade(&[&[lab.dependents("Cluster")]]);
    let proxy = lab.proxy()?;
    let parent = lab.create("Project", "web", None).await?;
    lab.create("Cluster", "a", Some("web")).await?;
    // The finalizer is on its way; the parent is deleted before it arrives.
    lab.patch("Project", "web", json!({ "finalizers": [FOREIGN] })).await?;
    let gate = Gate::new();
    let write = Match::any().method("PATCH").path("/projects/web").times(1);
    let _held = proxy.rule(write, Fault::Hold(gate.clone()));
    let operator = Operator::start(lab.proxied(&proxy).await?, &[&rule])?;
    gate.reached().await?;
    lab.delete("Project", "web").await?;
    gate.open();
    tokio::select! {
        ended = operator.ended(0, &parent) => ended?,
        gone = lab.gone("Cluster", "a") => gone?,
    }
    assert!(lab.exists("Cluster", "a").await?, "it went before");
    assert_eq!(proxy.count(|call| call.method == "DELETE"), 0);
    Ok(())
}

/// Somebody lets the parent go by hand, after it was read and before the first delete.
#[tokio::test]
async fn c1_c2_a_finalizer_taken_off_while_the_deletion_is_being_recorded_stops_it() -> Result<()> {
    let scene = Scene::new().await?;
    let held = rewitness_crds::cascade::finalizer(scene.rule.metadata.name.as_deref().unwrap());
    scene.lab.patch("Project", "web", json!({ "finalizers": [held, FOREIGN] })).await?;
    let (gate, recorded) = scene.gate(records().times(1));
    scene.delete_parent().await?;
    gate.reached().await?;
    scene.lab.patch("Project", "web", json!({ "finalizers": [FOREIGN] })).await?;
    gate.open();
    scene.operator.ended(0, &scene.parent).await?;
    assert_eq!(recorded.hits(), 1);
    assert!(scene.lab.exists("Cluster", "a").await?, "it went although the parent was let go");
    assert_eq!(scene.proxy.count(|call| call.method == "DELETE"), 0);
    Ok(())
}

#[tokio::test]
pub(crate) async fn fault_b19_the_deletion_of_a_namespace_takes_its_parents_and_ends() -> Result<()> {
    let lab = Lab::new().await?;
    lab.plane.start_controller_manager().await?;
    let mut everywhere = lab.dependents("Cluster");
    everywhere["reference"]["value"] = "UID".into();
    everywhere["scope"] = "AllNamespaces".into();
    let rule = lab.cascade_of("Space", &[&[everywhere]], json!({}));
    let _operator = Operator::start(lab.operator_client().await?, &[&rule])?;
    let elsewhere = lab.plane.namespace("cascade").await?;
    let parent = lab.parent("Space", "web", &rule).await?;
    lab.create("Cluster", "inside", parent.metadata.uid.as_deref()).await?;
    lab.create_in("Cluster", &elsewhere, "outside", parent.metadata.uid.as_deref()).await?;
    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(lab.client.clone());
    namespaces.delete(&lab.ns, &DeleteParams::default()).await?;
    until_soon("the namespace has gone", async || {
        Ok(namespaces.get_opt(&lab.ns).await?.is_none().then_some(()))
    })
    .await?;
    assert!(lab.api_in("Cluster", &elsewhere).get_opt("outside").await?.is_none());
    Ok(())
}

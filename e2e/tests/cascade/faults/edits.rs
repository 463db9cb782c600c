//! B7: the rule is edited while a deletion goes by it.

use anyhow::{Result, ensure};
use rewitness_cascade as cascade;
use rewitness_controlplane::{Fault, Gate, Match, unique};
use rewitness_crds::Cascade;
use serde_json::json;

use super::Scene;
use rewitness_e2e::follower::{Operator, waits_for};
use rewitness_e2e::lab::{FOREIGN, Lab};

/// The rule as it is after an edit, about Disks in place of Clusters.
fn edited(lab: &Lab, rule: &Cascade) -> Result<Cascade> {
    let mut edited = lab.cascade(&[&[lab.dependents("Disk")]]);
    edited.metadata.name = rule.metadata.name.clone();
    let first = cascade::Rule::new(rule)?;
    edited.status = Some(rewitness_crds::CascadeStatus {
        revisions: vec![rewitness_crds::cascade::Revision {
            hash: first.revision().to_owned(),
            generation: 1,
            stages: rule.spec.stages.clone(),
            limits: rule.spec.limits,
        }],
        ..Default::default()
    });
    Ok(edited)
}

#[tokio::test]
pub(crate) async fn fault_b7_a_deletion_ends_with_the_rule_that_it_began_with() -> Result<()> {
    let scene = Scene::new().await?;
    scene.lab.create("Disk", "b", Some("web")).await?;
    scene.lab.patch("Cluster", "a", json!({ "finalizers": [FOREIGN] })).await?;
    scene.delete_parent().await?;
    scene.operator.state(0, &scene.parent, waits_for("Finalizers")).await?;
    // The rule is edited to be about Disks, and the operator restarted with it.
    let edited = edited(&scene.lab, &scene.rule)?;
    let Scene { lab, operator, proxy, parent, .. } = scene;
    operator.kill().await;
    let operator = Operator::start(lab.proxied(&proxy).await?, &[&edited])?;
    operator.state(0, &parent, waits_for("Finalizers")).await?;
    lab.create("Cluster", "late", Some("web")).await?;
    lab.patch("Cluster", "a", json!({ "finalizers": null })).await?;
    lab.gone("Project", "web").await?;
    assert!(!lab.exists("Cluster", "late").await? && lab.exists("Disk", "b").await?);
    Ok(())
}

/// At each call in turn. What was recorded by then decides by which of the two the deletion goes; it never
/// goes by both, and never by none.
#[tokio::test]
async fn fault_b7_an_edit_at_any_call_leaves_a_deletion_with_one_rule_alone() -> Result<()> {
    let lab = Lab::new().await?;
    for call in 0.. {
        let web = unique("web");
        let rule = lab.cascade(&[&[lab.dependents("Cluster")]]);
        let proxy = lab.proxy()?;
        let operator = Operator::start(lab.proxied(&proxy).await?, &[&rule])?;
        lab.parent("Project", &web, &rule).await?;
        for kind in ["Cluster", "Disk"] {
            lab.create(kind, &web, Some(&web)).await?;
        }
        operator.rules[0].handle.replayed().await;
        let gate = Gate::new();
        let calls = Match::any().when(|call| !call.watch).skip(call).times(1);
        let held = proxy.rule(calls, Fault::HoldAnswer(gate.clone()));
        lab.delete("Project", &web).await?;
        tokio::select! {
            reached = gate.reached() => reached?,
            gone = lab.gone("Project", &web) => gone?,
        }
        let is_recorded =
            proxy.count(|call| String::from_utf8_lossy(&call.body).contains("record.rewitness.dev/")) > 0;
        operator.rules[0].rule.set(cascade::Rule::new(&edited(&lab, &rule)?)?);
        gate.open();
        lab.gone("Project", &web).await?;
        let left = (lab.exists("Cluster", &web).await?, lab.exists("Disk", &web).await?);
        ensure!(left.0 != left.1, "call {call}: of both rules (Cluster, Disk) is left {left:?}");
        ensure!(!is_recorded || left == (false, true), "call {call}: it goes by what it did not begin with");
        operator.kill().await;
        if held.hits() == 0 {
            ensure!(call > 8, "there were only {call} calls");
            return Ok(());
        }
    }
    Ok(())
}

//! C1 to C6, C9, C13.

use anyhow::Result;
use kube::api::DeleteParams;
use rewitness_controlplane::until;
use serde_json::json;

use rewitness_e2e::follower::{Operator, waits_for};
use rewitness_e2e::lab::{FOREIGN, Lab, soon};

#[tokio::test]
pub(crate) async fn deleting_a_parent_deletes_its_dependents_stage_by_stage_and_then_lets_it_go() -> Result<()>
{
    let lab = Lab::new().await?;
    let other = lab.plane.namespace("cascade").await?;
    let rule = lab.cascade(&[&[lab.dependents("Cluster")], &[lab.dependents("Disk")]]);
    let operator = Operator::start(lab.operator_client().await?, &[&rule])?;
    let parent = lab.parent("Project", "web", &rule).await?;
    lab.create("Cluster", "a", Some("web")).await?;
    lab.create_in("Cluster", &other, "b", Some("web")).await?;
    lab.create("Disk", "c", Some("web")).await?;
    lab.create("Cluster", "unrelated", Some("api")).await?;
    lab.create("Cluster", "unlabelled", None).await?;
    // The first stage stays, and with it everything that comes after it.
    lab.patch("Cluster", "a", json!({ "finalizers": [FOREIGN] })).await?;
    lab.delete("Project", "web").await?;
    operator.state(0, &parent, waits_for("Finalizers")).await?;
    assert!(lab.api_in("Cluster", &other).get_opt("b").await?.is_none());
    assert!(lab.exists("Disk", "c").await?, "the second stage waits for the first");
    lab.patch("Cluster", "a", json!({ "finalizers": null })).await?;
    lab.gone("Project", "web").await?;
    assert!(!lab.exists("Disk", "c").await?);
    for name in ["unrelated", "unlabelled"] {
        assert!(lab.exists("Cluster", name).await?, "what does not refer to it went: {name}");
    }
    assert_eq!(operator.rules[0].handle.progress().lost, 0);
    Ok(())
}

#[tokio::test]
async fn c1_a_parent_that_is_not_held_by_us_takes_nothing_with_it() -> Result<()> {
    let lab = Lab::new().await?;
    let rule = lab.cascade(&[&[lab.dependents("Cluster")]]);
    lab.create("Project", "web", None).await?;
    lab.create("Cluster", "a", Some("web")).await?;
    lab.patch("Project", "web", json!({ "finalizers": [FOREIGN] })).await?;
    lab.delete("Project", "web").await?;
    let operator = Operator::start(lab.operator_client().await?, &[&rule])?;
    // It was handed over, and answered.
    operator.rules[0].handle.replayed().await;
    assert!(lab.exists("Cluster", "a").await?);
    Ok(())
}

#[tokio::test]
pub(crate) async fn c5_a_parent_that_refers_to_itself_goes() -> Result<()> {
    let lab = Lab::new().await?;
    let rule = lab.cascade(&[&[lab.dependents("Project")]]);
    let _operator = Operator::start(lab.operator_client().await?, &[&rule])?;
    lab.create("Project", "web", Some("web")).await?;
    lab.held("Project", "web", &rule).await?;
    lab.delete("Project", "web").await?;
    lab.gone("Project", "web").await
}

#[tokio::test]
async fn c6_what_a_parent_waits_for_can_be_read() -> Result<()> {
    let lab = Lab::new().await?;
    let mut waits = lab.dependents("Disk");
    waits["action"] = "Wait".into();
    let rule = lab.cascade(&[&[lab.dependents("Cluster"), waits]]);
    let operator = Operator::start(lab.operator_client().await?, &[&rule])?;
    let parent = lab.parent("Project", "web", &rule).await?;
    lab.create("Cluster", "a", Some("web")).await?;
    lab.patch("Cluster", "a", json!({ "finalizers": [FOREIGN] })).await?;
    lab.create("Disk", "b", Some("web")).await?;
    lab.delete("Project", "web").await?;
    operator.state(0, &parent, waits_for("Finalizers")).await?;
    operator.state(0, &parent, waits_for("AwaitsOthers")).await?;
    assert!(lab.exists("Disk", "b").await?, "it is left to somebody else");
    lab.delete("Disk", "b").await?;
    lab.patch("Cluster", "a", json!({ "finalizers": null })).await?;
    lab.gone("Project", "web").await
}

#[tokio::test]
pub(crate) async fn c9_a_cycle_of_two_cascades_ends() -> Result<()> {
    let lab = Lab::new().await?;
    let down = lab.cascade(&[&[lab.dependents("Space")]]);
    let mut projects = lab.dependents("Project");
    projects["reference"]["value"] = "UID".into();
    let up = lab.cascade_of("Space", &[&[projects], &[lab.dependents("Disk")]], json!({}));
    let operator = Operator::start(lab.operator_client().await?, &[&down, &up])?;
    lab.parent("Project", "web", &down).await?;
    let space = lab.create("Space", "s", Some("web")).await?;
    lab.held("Space", "s", &up).await?;
    lab.create("Disk", "d", Some("s")).await?;
    lab.patch("Project", "web", json!({ "labels": { lab.label.clone(): space.metadata.uid } })).await?;
    lab.delete("Project", "web").await?;
    lab.gone("Project", "web").await?;
    lab.gone("Space", "s").await?;
    assert!(!lab.exists("Disk", "d").await?, "what comes after the cycle is not forgotten");
    assert_eq!(operator.rules[0].handle.progress().lost + operator.rules[1].handle.progress().lost, 0);
    Ok(())
}

#[tokio::test]
async fn c9_a_diamond_ends_and_a_chain_of_cascades_is_followed() -> Result<()> {
    let lab = Lab::new().await?;
    let (label, other) = (lab.label.clone(), format!("{}/other", lab.group));
    let to_spaces = lab.cascade(&[&[lab.dependents("Space")]]);
    let mut by_other = lab.dependents("Disk");
    by_other["reference"]["label"] = other.as_str().into();
    let spaces = lab.cascade_of("Space", &[&[lab.dependents("Disk"), by_other]], json!({}));
    let _operator = Operator::start(lab.operator_client().await?, &[&to_spaces, &spaces])?;
    lab.parent("Project", "top", &to_spaces).await?;
    for space in ["left", "right"] {
        lab.create("Space", space, Some("top")).await?;
        lab.held("Space", space, &spaces).await?;
    }
    lab.create("Disk", "bottom", None).await?;
    lab.patch("Disk", "bottom", json!({ "labels": { label: "left", other: "right" } })).await?;
    lab.delete("Project", "top").await?;
    lab.gone("Project", "top").await?;
    for (kind, name) in [("Space", "left"), ("Space", "right"), ("Disk", "bottom")] {
        assert!(!lab.exists(kind, name).await?, "{kind} {name}");
    }
    Ok(())
}

#[tokio::test]
async fn two_cascades_over_one_parent_do_not_disturb_each_other() -> Result<()> {
    let lab = Lab::new().await?;
    let works = lab.cascade(&[&[lab.dependents("Cluster")]]);
    let mut unserved = lab.dependents("Disk");
    unserved["kind"] = "Unknown".into();
    let fails = lab.cascade(&[&[unserved]]);
    let operator = Operator::start(lab.operator_client().await?, &[&works, &fails])?;
    let parent = lab.parent("Project", "web", &works).await?;
    lab.held("Project", "web", &fails).await?;
    lab.create("Cluster", "a", Some("web")).await?;
    lab.delete("Project", "web").await?;
    lab.gone("Cluster", "a").await?;
    operator.state(1, &parent, waits_for("KindNotServed")).await?;
    let left = until("the first Cascade lets go", soon(), async || {
        let object = lab.api("Project").get("web").await?;
        Ok(object.metadata.finalizers.filter(|finalizers| finalizers.len() == 1))
    });
    assert_eq!(left.await?, [rewitness_crds::cascade::finalizer(fails.metadata.name.as_deref().unwrap())]);
    Ok(())
}

#[tokio::test]
async fn c13_what_lives_in_a_protected_namespace_blocks_and_stays() -> Result<()> {
    let lab = Lab::new().await?;
    let rule = lab.cascade(&[&[lab.dependents("Cluster")]]);
    let operator = Operator::start(lab.operator_client().await?, &[&rule])?;
    let parent = lab.parent("Project", "web", &rule).await?;
    lab.create_in("Cluster", "kube-system", "a", Some("web")).await?;
    lab.create("Cluster", "b", Some("web")).await?;
    lab.delete("Project", "web").await?;
    operator.state(0, &parent, waits_for("Protected")).await?;
    let protected = lab.api_in("Cluster", "kube-system");
    assert!(protected.get_opt("a").await?.is_some() && !lab.exists("Cluster", "b").await?);
    protected.delete("a", &DeleteParams::default()).await?;
    lab.gone("Project", "web").await
}

#[tokio::test]
async fn a_parent_deleted_while_nothing_runs_is_finished_by_the_next_start() -> Result<()> {
    let lab = Lab::new().await?;
    let rule = lab.cascade(&[&[lab.dependents("Cluster")]]);
    let operator = Operator::start(lab.operator_client().await?, &[&rule])?;
    lab.parent("Project", "web", &rule).await?;
    operator.kill().await;
    lab.create("Cluster", "a", Some("web")).await?;
    lab.delete("Project", "web").await?;
    assert!(lab.exists("Project", "web").await?);
    let _operator = Operator::start(lab.operator_client().await?, &[&rule])?;
    lab.gone("Project", "web").await?;
    assert!(!lab.exists("Cluster", "a").await?);
    Ok(())
}

//! C7, C8: what needs a person's confirmation.

use anyhow::{Context, Result};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{DeleteParams, DynamicObject};
use rewitness_cascade::{DeletionState, Excess, Refused, Unconfirmed};
use rewitness_controlplane::{Fault, Match, until};
use rewitness_crds::Cascade;
use rewitness_crds::cascade::confirm_annotation;
use rewitness_messaging::Timestamp;
use serde_json::{Value, json};

use rewitness_e2e::follower::{Operator, waits_for};
use rewitness_e2e::lab::{FOREIGN, Lab, soon};

fn unconfirmed(state: &DeletionState) -> Option<Unconfirmed> {
    match state {
        DeletionState::Refused(Refused::Unconfirmed(unconfirmed)) => Some(unconfirmed.clone()),
        _ => None,
    }
}

fn limited(lab: &Lab, limits: Value) -> Cascade {
    lab.cascade_of(
        "Project",
        &[&[lab.dependents("Cluster")], &[lab.dependents("Disk")]],
        json!({ "limits": limits }),
    )
}

async fn confirm(lab: &Lab, rule: &Cascade, name: &str, hash: &str) -> Result<()> {
    let annotation = confirm_annotation(rule.metadata.name.as_deref().unwrap_or_default());
    lab.patch("Project", name, json!({ "annotations": { annotation: hash } })).await
}

/// Two clusters and two disks, and a limit of three.
async fn four_of_three(lab: &Lab, rule: &Cascade) -> Result<DynamicObject> {
    let parent = lab.parent("Project", "web", rule).await?;
    for name in ["a", "b"] {
        lab.create("Cluster", name, Some("web")).await?;
        lab.create("Disk", name, Some("web")).await?;
    }
    Ok(parent)
}

#[tokio::test]
async fn c7_a_limit_holds_the_whole_fan_out_until_exactly_its_list_is_confirmed() -> Result<()> {
    let lab = Lab::new().await?;
    let rule = limited(&lab, json!({ "maxDependents": 3 }));
    let operator = Operator::start(lab.operator_client().await?, &[&rule])?;
    let parent = four_of_three(&lab, &rule).await?;
    lab.delete("Project", "web").await?;
    let asked = operator.state(0, &parent, unconfirmed).await?;
    assert_eq!((asked.count, &*asked.why), (4, &[Excess::Dependents { allowed: 3 }][..]));
    confirm(&lab, &rule, "web", "0000000000000000").await?;
    let asked = operator.state(0, &parent, |it| unconfirmed(it).filter(|it| it.given.is_some())).await?;
    for name in ["a", "b"] {
        assert!(lab.exists("Cluster", name).await? && lab.exists("Disk", name).await?, "nothing goes before");
    }
    confirm(&lab, &rule, "web", &asked.hash).await?;
    lab.gone("Project", "web").await?;
    assert!(!lab.exists("Cluster", "a").await? && !lab.exists("Disk", "b").await?);
    Ok(())
}

#[tokio::test]
async fn c7_late_dependents_beyond_what_was_confirmed_are_asked_about_again_over_a_restart() -> Result<()> {
    let lab = Lab::new().await?;
    let rule = limited(&lab, json!({ "maxDependents": 3 }));
    let operator = Operator::start(lab.operator_client().await?, &[&rule])?;
    let parent = four_of_three(&lab, &rule).await?;
    // Keeps the first stage open.
    lab.patch("Cluster", "a", json!({ "finalizers": [FOREIGN] })).await?;
    lab.delete("Project", "web").await?;
    let asked = operator.state(0, &parent, unconfirmed).await?;
    confirm(&lab, &rule, "web", &asked.hash).await?;
    operator.state(0, &parent, waits_for("Finalizers")).await?;
    operator.kill().await;
    // Times of creation have whole seconds.
    let then = Timestamp::now().as_second();
    let next = async || Ok((Timestamp::now().as_second() > then).then_some(()));
    until("the next second has begun", soon(), next).await?;
    lab.create("Cluster", "late", Some("web")).await?;
    let operator = Operator::start(lab.operator_client().await?, &[&rule])?;
    let asked = operator.state(0, &parent, unconfirmed).await?;
    assert_eq!(
        (asked.count, &*asked.why),
        (5, &[Excess::Dependents { allowed: 4 }][..]),
        "2 went and 3 are left"
    );
    assert!(lab.exists("Cluster", "late").await?);
    confirm(&lab, &rule, "web", &asked.hash).await?;
    lab.patch("Cluster", "a", json!({ "finalizers": null })).await?;
    lab.gone("Project", "web").await
}

#[tokio::test]
async fn c7_the_hour_is_counted_when_a_parent_starts() -> Result<()> {
    let lab = Lab::new().await?;
    let rule = limited(&lab, json!({ "maxPerHour": 3 }));
    let operator = Operator::start(lab.operator_client().await?, &[&rule])?;
    lab.parent("Project", "first", &rule).await?;
    lab.create("Cluster", "a", Some("first")).await?;
    lab.create("Disk", "a", Some("first")).await?;
    lab.delete("Project", "first").await?;
    lab.gone("Project", "first").await?;
    let parent = four_of_three(&lab, &rule).await?;
    lab.delete("Project", "web").await?;
    let asked = operator.state(0, &parent, unconfirmed).await?;
    assert_eq!(asked.why, [Excess::Hour { remaining: 1 }]);
    confirm(&lab, &rule, "web", &asked.hash).await?;
    lab.gone("Project", "web").await
}

/// Whoever fills up the annotations of a parent must not use up the hour of everybody.
#[tokio::test]
async fn c14_a_deletion_is_counted_once_however_often_its_record_cannot_be_written() -> Result<()> {
    let lab = Lab::new().await?;
    let (rule, proxy) = (limited(&lab, json!({ "maxPerHour": 4 })), lab.proxy()?);
    let operator = Operator::start(lab.proxied(&proxy).await?, &[&rule])?;
    let parent = four_of_three(&lab, &rule).await?;
    let patches = Match::any().method("PATCH").path("/projects/web");
    let refused = proxy.rule(patches.times(3), Fault::status(500));
    lab.delete("Project", "web").await?;
    lab.gone("Project", "web").await?;
    assert_eq!(refused.hits(), 3);
    operator.ended(0, &parent).await
}

#[tokio::test]
async fn c8_the_removal_of_the_parents_kind_deletes_nothing_until_confirmed() -> Result<()> {
    let lab = Lab::new().await?;
    let rule = lab.cascade(&[&[lab.dependents("Cluster")]]);
    let operator = Operator::start(lab.operator_client().await?, &[&rule])?;
    let parent = lab.parent("Project", "web", &rule).await?;
    lab.create("Cluster", "a", Some("web")).await?;
    let definitions: Api<CustomResourceDefinition> = Api::all(lab.client.clone());
    definitions.delete(&format!("projects.{}", lab.group), &DeleteParams::default()).await?;
    let asked = operator.state(0, &parent, unconfirmed).await?;
    assert_eq!(asked.why, [Excess::KindRemoved]);
    operator.at_rest(0).await?;
    assert!(lab.exists("Cluster", "a").await?);
    confirm(&lab, &rule, "web", &asked.hash).await.context("patches still work while a kind is removed")?;
    lab.gone("Cluster", "a").await
}

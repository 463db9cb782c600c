//! Somebody else writes at the same time, or a call is made and nobody hears of it.

use std::time::Duration;

use anyhow::{Result, ensure};
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use rewitness_cascade::DeletionState;
use rewitness_controlplane::{Fault, Gate, Match, until};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{Scene, deletes, releases};
use rewitness_e2e::lab::{FOREIGN, soon};

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
    let left = until("ours is off", soon(), async || {
        let finalizers = api.get("web").await?.metadata.finalizers.unwrap_or_default();
        let others: Vec<_> = finalizers.iter().filter(|name| **name != held).cloned().collect();
        ensure!(others == [mine(1), mine(3)], "another's was removed: {finalizers:?}");
        Ok((others.len() == finalizers.len()).then_some(()))
    });
    left.await?;
    Ok(())
}

/// The window that is documented is between the last list and the patch. A patch that came too late is
/// not sent again before everything was looked at again.
#[tokio::test]
async fn fault_b9_b13_a_release_that_came_too_late_is_not_repeated_without_another_look() -> Result<()> {
    let scene = Scene::new().await?;
    let (gate, _held) = scene.gate(releases().times(1));
    scene.delete_parent().await?;
    gate.reached().await?;
    scene.lab.create("Cluster", "late", Some("web")).await?;
    scene.lab.patch("Project", "web", json!({ "annotations": { "tick": "1" } })).await?;
    gate.open();
    scene.finished().await?;
    assert!(!scene.lab.exists("Cluster", "late").await?, "it refers to a parent that has gone");
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
    /// More than are made for one target in one round.
    const CONFLICTS: usize = 10;
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

/// Nobody knows who deleted it, and nobody says that nothing was to be deleted.
#[tokio::test]
async fn fault_b16_what_was_deleted_without_an_answer_was_to_be_deleted_all_the_same() -> Result<()> {
    let scene = Scene::new().await?;
    let lost = scene.proxy.rule(deletes().times(1), Fault::LoseAnswer);
    scene.delete_parent().await?;
    scene.finished().await?;
    assert_eq!(lost.hits(), 1);
    let records = &scene.operator.rules[0].records;
    let counts = |state: &DeletionState| match state {
        DeletionState::Finished { stages, authorised } => Some((stages[0].deleted, *authorised)),
        _ => None,
    };
    let counted = until("it is finished", soon(), async || Ok(records.first(counts))).await?;
    assert_eq!(counted, (0, Some(1)));
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

/// C3a: a read authorises from when it was sent, however late its answer comes.
#[tokio::test]
pub(crate) async fn c3a_an_answer_about_the_parent_that_comes_late_authorises_nothing() -> Result<()> {
    let scene = Scene::new().await?;
    for name in ["c0", "c1"] {
        scene.lab.create("Cluster", name, Some("web")).await?;
    }
    let overloaded = scene.proxy.rule(deletes(), Fault::too_many_requests(6));
    scene.delete_parent().await?;
    overloaded.wait_hits(1, soon()).await?;
    let gate = Gate::new();
    let reads = Match::any().method("GET").path("/projects/web");
    let late = scene.proxy.rule(reads, Fault::HoldAnswer(gate.clone()));
    late.wait_hits(1, soon()).await?;
    scene.recreate("Project", "web", None).await?;
    // As long as a read may authorise.
    sleep(Duration::from_secs(6)).await;
    drop(overloaded);
    gate.open();
    scene.operator.ended(0, &scene.parent).await?;
    for name in ["c0", "c1"] {
        assert!(scene.lab.exists("Cluster", name).await?, "{name} refers to a live parent");
    }
    Ok(())
}

/// C3a: the authority for a delete is the parent. Retry-After lasts longer than a look at it may be old.
#[tokio::test]
pub(crate) async fn c3a_a_parent_recreated_while_deletes_wait_for_the_server_takes_nothing_with_it()
-> Result<()> {
    let scene = Scene::new().await?;
    let names: Vec<String> = (0..20).map(|index| format!("c{index}")).collect();
    for name in &names {
        scene.lab.create("Cluster", name, Some("web")).await?;
    }
    let overloaded = scene.proxy.rule(deletes(), Fault::too_many_requests(6));
    scene.delete_parent().await?;
    until("the server is overloaded", soon(), async || Ok((overloaded.hits() > 0).then_some(()))).await?;
    scene.recreate("Project", "web", None).await?;
    drop(overloaded);
    scene.operator.ended(0, &scene.parent).await?;
    for name in &names {
        assert!(scene.lab.exists("Cluster", name).await?, "{name} refers to a live parent");
    }
    Ok(())
}

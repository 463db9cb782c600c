//! B6: the operator is killed at each of its calls in turn.

use anyhow::{Result, ensure};
use rewitness_controlplane::{Fault, Gate, Match, unique};
use serde_json::json;

use rewitness_e2e::follower::Operator;
use rewitness_e2e::lab::{Lab, SOON};

/// When the process ends, seen from one call.
#[derive(Clone, Copy, Debug)]
enum Killed {
    Before,
    /// The call is made; its answer never arrives.
    After,
    /// The call is made, and instead of its answer comes the end of the connection. What the process does
    /// about it is its last call, and never arrives.
    AnswerLost,
}

/// A deletion over two stages and two namespaces, with somebody else's objects beside; the process
/// is killed at the `call`-th call after the deletion was asked for. Answers whether that call came.
async fn killed_at(lab: &Lab, other: &str, call: usize, killed: Killed) -> Result<bool> {
    let rule = lab.cascade_of(
        "Project",
        &[&[lab.dependents("Cluster")], &[lab.dependents("Disk")]],
        json!({ "limits": { "maxDependents": 3 } }),
    );
    let web = unique("web");
    let proxy = lab.proxy()?;
    let operator = Operator::start(lab.proxied(&proxy).await?, &[&rule])?;
    lab.parent("Project", &web, &rule).await?;
    let dependents = [("Cluster", &*lab.ns, "a"), ("Cluster", other, "b"), ("Disk", &*lab.ns, "c")];
    for (kind, ns, name) in dependents {
        lab.create_in(kind, ns, &format!("{web}-{name}"), Some(&web)).await?;
    }
    operator.rules[0].handle.replayed().await;

    let calls = Match::any().when(|call| !call.watch);
    let lost = matches!(killed, Killed::AnswerLost)
        .then(|| proxy.rule(calls.clone().skip(call).times(1), Fault::LoseAnswer));
    let call = call + usize::from(lost.is_some());
    let fault = match killed {
        Killed::Before | Killed::AnswerLost => Fault::Hold(Gate::new()),
        Killed::After => Fault::HoldAnswer(Gate::new()),
    };
    let held = proxy.rule(calls.skip(call).times(1), fault);
    lab.delete("Project", &web).await?;
    let reached = async {
        tokio::select! {
            reached = held.wait_hits(1, SOON) => reached.map(|()| true),
            gone = lab.gone("Project", &web) => gone.map(|()| held.hits() > 0),
        }
    };
    let reached = reached.await?;
    // What was held back before the server never arrives there.
    operator.kill().await;
    drop(held);
    let operator = Operator::start(lab.operator_client().await?, &[&rule])?;
    lab.gone("Project", &web).await?;
    for (kind, ns, name) in dependents {
        let left = lab.api_in(kind, ns).get_opt(&format!("{web}-{name}")).await?;
        ensure!(left.is_none(), "{kind} {name} is left, {killed:?} call {call}");
    }
    ensure!(lab.exists("Disk", "api").await?, "what belongs to another went, {killed:?} call {call}");
    operator.kill().await;
    // Whose answer is lost, that call may be the last one.
    Ok(lost.map_or(reached, |lost| lost.hits() > 0))
}

/// Labels decide which parents are held while they live. A deletion that is held is worked off,
/// whatever they are by then.
#[tokio::test]
async fn a_parent_that_left_the_selector_while_nothing_ran_loses_its_dependents_all_the_same() -> Result<()> {
    let lab = Lab::new().await?;
    let parent = json!({
        "apiVersion": format!("{}/v1", lab.group), "kind": "Project",
        "labelSelector": { "matchLabels": { "tier": "paid" } },
    });
    let rule = lab.cascade_of("Project", &[&[lab.dependents("Cluster")]], json!({ "parent": parent }));
    let (web, cluster) = (unique("web"), unique("cluster"));
    let operator = Operator::start(lab.operator_client().await?, &[&rule])?;
    lab.create("Project", &web, None).await?;
    lab.patch("Project", &web, json!({ "labels": { "tier": "paid" } })).await?;
    lab.held("Project", &web, &rule).await?;
    lab.create("Cluster", &cluster, Some(&web)).await?;
    operator.kill().await;
    lab.patch("Project", &web, json!({ "labels": { "tier": null } })).await?;
    lab.delete("Project", &web).await?;

    let operator = Operator::start(lab.operator_client().await?, &[&rule])?;
    lab.gone("Project", &web).await?;
    ensure!(!lab.exists("Cluster", &cluster).await?, "its dependent is left");
    operator.kill().await;
    Ok(())
}

async fn killed_at_each_call(killed: Killed) -> Result<()> {
    let lab = Lab::new().await?;
    let other = lab.plane.namespace("cascade").await?;
    lab.create("Disk", "api", Some("api")).await?;
    for call in 0.. {
        if !killed_at(&lab, &other, call, killed).await? {
            ensure!(call > 12, "there were only {call} calls");
            return Ok(());
        }
    }
    Ok(())
}

#[tokio::test]
pub(crate) async fn fault_b6_killed_before_any_call_the_next_start_finishes() -> Result<()> {
    killed_at_each_call(Killed::Before).await
}

#[tokio::test]
async fn fault_b6_killed_once_the_answer_to_any_call_was_lost_the_next_start_finishes() -> Result<()> {
    killed_at_each_call(Killed::AnswerLost).await
}

/// Nobody is killed: the process itself gets over it.
#[tokio::test]
async fn fault_b16_the_answer_to_any_call_may_be_lost() -> Result<()> {
    let lab = Lab::new().await?;
    let rule = lab.cascade(&[&[lab.dependents("Cluster")], &[lab.dependents("Disk")]]);
    lab.create("Disk", "api", Some("api")).await?;
    for call in 0.. {
        let web = unique("web");
        let proxy = lab.proxy()?;
        let operator = Operator::start(lab.proxied(&proxy).await?, &[&rule])?;
        lab.parent("Project", &web, &rule).await?;
        lab.create("Cluster", &format!("{web}-a"), Some(&web)).await?;
        lab.create("Disk", &format!("{web}-b"), Some(&web)).await?;
        operator.rules[0].handle.replayed().await;
        let calls = Match::any().when(|call| !call.watch);
        let lost = proxy.rule(calls.skip(call).times(1), Fault::LoseAnswer);
        lab.delete("Project", &web).await?;
        lab.gone("Project", &web).await?;
        for (kind, name) in [("Cluster", "a"), ("Disk", "b")] {
            ensure!(!lab.exists(kind, &format!("{web}-{name}")).await?, "{kind} {name} is left, call {call}");
        }
        ensure!(lab.exists("Disk", "api").await?, "what belongs to another went, call {call}");
        if lost.hits() == 0 {
            ensure!(call > 12, "there were only {call} calls");
            return Ok(());
        }
    }
    Ok(())
}

#[tokio::test]
async fn fault_b6_killed_after_any_call_the_next_start_finishes() -> Result<()> {
    killed_at_each_call(Killed::After).await
}

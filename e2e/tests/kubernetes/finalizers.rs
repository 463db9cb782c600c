//! Holds on a real API server, while others write to the same objects and answers get lost.

use std::sync::Arc;

use anyhow::{Result, ensure};
use futures::future::join;
use rewitness_controlplane::{Call, Fault, FaultProxy, Gate, Match, shared, until};
use rewitness_e2e::queue::{Recorder, SOON, World, quick, run, until_replayed};
use rewitness_kubernetes::finalizer::{Holds, Removed};
use rewitness_kubernetes::{KubernetesQueue, Resolver};
use rewitness_messaging::{
    Delivery, Error, Failure, Hold, HoldState, Kind, Outcome, Queue, Selector, State, Subscription,
};
use tokio::sync::Semaphore;

const HOLD: &str = "hold.rewitness.dev/tester";

fn holding(world: &World<'_>) -> Subscription {
    Subscription::new("tester", [world.kind()]).holding(Hold::new(HOLD)).with_gone()
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[tokio::test]
async fn fault_b13_finalizers_of_others_stay_as_they_are() -> Result<()> {
    let world = World::new(shared().await?).await?;
    world.create("a").await?;
    world.set_finalizers("a", &["other.test/first", "other.test/second"]).await?;
    let queue = KubernetesQueue::new(world.plane.client().await?, quick());
    let recorder = Recorder::default();
    let handle = queue.subscribe(holding(&world), recorder.clone())?;
    let running = run(&queue);
    until_replayed(&handle).await?;
    world.until_finalizers("a", &["other.test/first", "other.test/second", HOLD]).await?;

    // Somebody else comes after us.
    world.set_finalizers("a", &["other.test/first", HOLD, "other.test/third"]).await?;
    world.delete("a").await?;
    recorder.until("a", State::Deleting).await?;
    world.until_finalizers("a", &["other.test/first", "other.test/third"]).await?;
    ensure!(!recorder.has("a", State::Gone), "it is still there");
    world.set_finalizers("a", &[]).await?;
    world.until_gone("a").await?;
    // Its own Done released it (Q14).
    ensure!(!recorder.has("a", State::Gone));
    assert_eq!(handle.progress().lost, 0);
    running.stop().await?;
    Ok(())
}

/// Another controller writes between our read and our patch, every time for a while.
#[tokio::test]
async fn fault_b13_what_others_write_between_our_read_and_our_patch_is_kept() -> Result<()> {
    let world = World::new(shared().await?).await?;
    world.create("a").await?;
    world.set_finalizers("a", &["other.test/0"]).await?;
    let proxy = FaultProxy::start(world.plane)?;
    let gate = Gate::new();
    let _held =
        proxy.rule(Match::writes().method("PATCH").path("/widgets/a").times(4), Fault::Hold(gate.clone()));
    let queue = KubernetesQueue::new(proxy.client().await?, quick());
    let recorder = Recorder::default();
    let handle = queue.subscribe(holding(&world), recorder.clone())?;
    let running = run(&queue);
    // The first, which guesses that there is none, and two that have read.
    for round in 1..=3 {
        until("a patch waits", SOON, async || Ok((gate.arrived() >= round).then_some(()))).await?;
        let (zero, other) = (owned(&["other.test/0"]), format!("other.test/{round}"));
        world.set_finalizers("a", &[&zero[0], &other]).await?;
        gate.pass(1);
    }
    gate.open();
    until_replayed(&handle).await?;
    world.until_finalizers("a", &["other.test/0", "other.test/3", HOLD]).await?;
    assert_eq!(recorder.of("a").len(), 1);
    assert_eq!(recorder.of("a")[0].attempt, 1);
    running.stop().await?;
    Ok(())
}

#[tokio::test]
async fn fault_b13_a_deletion_before_our_patch_is_a_change_of_state() -> Result<()> {
    let world = World::new(shared().await?).await?;
    world.create("a").await?;
    world.set_finalizers("a", &["other.test/keeps"]).await?;
    let proxy = FaultProxy::start(world.plane)?;
    let gate = Gate::new();
    let _held = proxy.rule(Match::writes().method("PATCH").path("/widgets/a"), Fault::Hold(gate.clone()));
    let queue = KubernetesQueue::new(proxy.client().await?, quick());
    let recorder = Recorder::default();
    let handle = queue.subscribe(holding(&world), recorder.clone())?;
    let running = run(&queue);
    gate.reached().await?;
    world.delete("a").await?;
    gate.open();
    let delivery = recorder.until("a", State::Deleting).await?;
    assert_eq!(delivery.hold, HoldState::NotHeld);
    until_replayed(&handle).await?;
    let is_read = |call: &Call| call.method == "GET" && call.path.ends_with("/widgets/a");
    proxy.wait_count(1, SOON, is_read).await?;
    assert_eq!(world.finalizers("a").await?, Some(owned(&["other.test/keeps"])));
    assert_eq!(handle.progress().awaiting_hold, 0);
    assert_eq!(handle.progress().sources[0].holds_failing, None);
    world.set_finalizers("a", &[]).await?;
    recorder.until("a", State::Gone).await?;
    running.stop().await?;
    assert_eq!(proxy.count(|call| call.method == "PATCH"), 1, "it was tried although it is being deleted");
    Ok(())
}

#[tokio::test]
async fn fault_b16_a_hold_write_whose_answer_is_lost_counts_once() -> Result<()> {
    let world = World::new(shared().await?).await?;
    world.create("a").await?;
    let proxy = FaultProxy::start(world.plane)?;
    let lost = proxy.rule(Match::writes().method("PATCH").path("/widgets/a").times(1), Fault::LoseAnswer);
    // Nor does the watch tell of it.
    let _silent = proxy.rule(Match::watches().path("/widgets"), Fault::Silent);
    let queue = KubernetesQueue::new(proxy.client().await?, quick());
    let recorder = Recorder::default();
    let handle = queue.subscribe(holding(&world), recorder.clone())?;
    let running = run(&queue);
    until_replayed(&handle).await?;
    assert_eq!(lost.hits(), 1);
    assert_eq!(recorder.of("a")[0].hold, HoldState::Held);
    assert_eq!(world.finalizers("a").await?, Some(owned(&[HOLD])));
    running.stop().await?;
    Ok(())
}

#[tokio::test]
async fn fault_b16_a_release_whose_answer_is_lost_is_done() -> Result<()> {
    let world = World::new(shared().await?).await?;
    world.create("a").await?;
    world.create("b").await?;
    let proxy = FaultProxy::start(world.plane)?;
    let queue = KubernetesQueue::new(proxy.client().await?, quick());
    let recorder = Recorder::default();
    let handle = queue.subscribe(holding(&world), recorder.clone())?;
    let running = run(&queue);
    until_replayed(&handle).await?;
    // `b` stays after the release, `a` goes with it.
    world.set_finalizers("b", &["other.test/keeps", HOLD]).await?;
    let lost = proxy.rule(Match::writes().method("PATCH").path("/widgets/"), Fault::LoseAnswer);
    for name in ["a", "b"] {
        world.delete(name).await?;
        recorder.until(name, State::Deleting).await?;
    }
    world.until_gone("a").await?;
    world.until_finalizers("b", &["other.test/keeps"]).await?;
    until("both are answered", SOON, async || Ok((handle.progress().in_flight == 0).then_some(()))).await?;
    // Neither the consumer nor the patch was needed twice, and nobody took anything by force.
    for name in ["a", "b"] {
        let deleting = recorder.of(name).into_iter().filter(|delivery| delivery.state == State::Deleting);
        assert_eq!(deleting.count(), 1, "{name}");
    }
    assert_eq!(lost.hits(), 2);
    assert_eq!((handle.progress().lost, handle.progress().failing), (0, 0));
    running.stop().await?;
    Ok(())
}

/// The consumer of a deletion is slow; meanwhile the object is freed by force, another takes its
/// name, gets our finalizer, and is deleted as well. The answer for the first is not for that one.
#[tokio::test]
async fn fault_b2_the_finalizer_of_a_namesake_is_not_taken_off() -> Result<()> {
    let world = World::new(shared().await?).await?;
    let old = world.create("a").await?.metadata.uid;
    let queue = KubernetesQueue::new(world.plane.client().await?, quick());
    let recorder = Recorder::default();
    let go = Arc::new(Semaphore::new(0));
    let consumer = {
        let (recorder, go) = (recorder.clone(), go.clone());
        move |delivery: Delivery| {
            let (recorder, go) = (recorder.clone(), go.clone());
            async move {
                let deleting = delivery.state == State::Deleting;
                rewitness_messaging::Consumer::consume(&recorder, delivery).await?;
                if deleting {
                    go.acquire().await?.forget();
                }
                Ok::<Outcome, Failure>(Outcome::Done)
            }
        }
    };
    let handle = queue.subscribe(holding(&world), consumer)?;
    let running = run(&queue);
    until_replayed(&handle).await?;
    world.delete("a").await?;
    recorder.until("a", State::Deleting).await?;
    world.set_finalizers("a", &[]).await?;
    world.until_gone("a").await?;
    let new = world.create("a").await?.metadata.uid;
    world.until_finalizers("a", &[HOLD]).await?;

    world.delete("a").await?;
    until(
        "both wait for their consumer",
        SOON,
        async || Ok((handle.progress().in_flight == 2).then_some(())),
    )
    .await?;
    go.add_permits(1);
    until("the former one is answered for", SOON, async || {
        Ok((handle.progress().in_flight == 1).then_some(()))
    })
    .await?;
    assert_eq!(world.finalizers("a").await?, Some(owned(&[HOLD])));
    go.add_permits(1);
    world.until_gone("a").await?;
    let states: Vec<(bool, State)> = recorder
        .of("a")
        .iter()
        .map(|delivery| (Some(delivery.envelope.resource.uid.to_string()) == old, delivery.state))
        .collect();
    let (former, latter) = (true, false);
    let wanted =
        [(former, State::Live), (former, State::Deleting), (latter, State::Live), (latter, State::Deleting)];
    assert_eq!(states, wanted);
    assert_ne!(old, new);
    running.stop().await?;
    Ok(())
}

#[tokio::test]
async fn what_must_not_be_held_is_not() -> Result<()> {
    let plane = shared().await?;
    let queue = KubernetesQueue::new(plane.client().await?, quick());
    let hold = |kind: Kind, hold: &str| {
        queue
            .subscribe(Subscription::new("x", [kind]).holding(Hold::new(hold)), Recorder::default())
            .map(drop)
    };
    let node = Kind::new("", "Node");
    assert_eq!(hold(node.clone(), HOLD), Err(Error::ProtectedKind { name: "x".into(), kind: node }));
    assert!(matches!(hold(Kind::new("x.test", "X"), "tester"), Err(Error::InvalidHold { .. })));

    // A namespace of the cluster's own: delivered, not held, and the replay does not wait for it.
    let world = World::new(plane).await?;
    let api: kube::Api<kube::api::DynamicObject> =
        kube::Api::namespaced_with(plane.client().await?, "kube-system", &world.resource);
    api.create(&kube::api::PostParams::default(), &kube::api::DynamicObject::new("own", &world.resource))
        .await?;
    world.create("a").await?;
    let recorder = Recorder::default();
    let handle = queue.subscribe(holding(&world), recorder.clone())?;
    let running = run(&queue);
    until_replayed(&handle).await?;
    assert_eq!(recorder.of("own")[0].hold, HoldState::NotHeld);
    assert_eq!(recorder.of("a")[0].hold, HoldState::Held);
    assert_eq!(api.get("own").await?.metadata.finalizers, None);
    running.stop().await?;
    Ok(())
}

#[tokio::test]
async fn holds_are_counted_and_given_up() -> Result<()> {
    let world = World::new(shared().await?).await?;
    world.create_many(3).await?;
    world.set_finalizers("w00000", &["other.test/keeps", HOLD]).await?;
    world.set_finalizers("w00001", &[HOLD]).await?;
    world.delete("w00001").await?;
    let client = world.plane.client().await?;
    let kind = Resolver::new(&client).await?.resolve(&format!("widgets.{}", world.group))?.clone();
    assert_eq!((kind.kind.clone(), kind.namespaced, kind.is_watchable()), (world.kind(), true, true));
    let holds = Holds::new(client);
    let namespace = Some(world.namespace.as_str());
    let found = holds.list(&kind, namespace, &Selector::default(), HOLD).await?;
    assert_eq!((found.total, found.held.len(), found.protected), (3, 2, 0));
    let deleting = found.held.iter().find(|held| held.deleting).map(|held| held.resource.clone());
    let deleting = deleting.expect("one is being deleted");
    assert_eq!(&*deleting.name, "w00001");

    // Two at a time give up the same.
    for held in &found.held {
        let (one, other) = join(holds.remove(&held.resource, HOLD), holds.remove(&held.resource, HOLD)).await;
        ensure!([one?, other?].contains(&Removed::Now));
    }
    world.until_gone("w00001").await?;
    assert_eq!(holds.remove(&deleting, HOLD).await?, Removed::Gone);
    assert_eq!(world.finalizers("w00000").await?, Some(owned(&["other.test/keeps"])));
    assert_eq!(holds.list(&kind, None, &Selector::default(), HOLD).await?.held, []);
    Ok(())
}

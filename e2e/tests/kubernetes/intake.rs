//! The queue on a real API server, when nothing goes wrong.

use anyhow::Result;
use rewitness_controlplane::shared;
use rewitness_e2e::queue::{Recorder, World, quick, record, run, until_replayed};
use rewitness_kubernetes::KubernetesQueue;
use rewitness_messaging::{Cause, Hold, HoldState, Queue, State, Subscription};

#[tokio::test]
async fn every_page_is_replayed_and_changes_follow() -> Result<()> {
    let world = World::new(shared().await?).await?;
    world.create_many(230).await?;
    let queue = KubernetesQueue::new(world.plane.client().await?, quick());
    let (recorder, handle) = record(&queue, world.wanted().with_gone())?;
    let running = run(&queue);

    until_replayed(&handle).await?;
    let replayed = recorder.all();
    assert_eq!(replayed.len(), 230, "{:?}", handle.progress());
    assert!(replayed.iter().all(|delivery| delivery.cause == Cause::Replay && delivery.state == State::Live));

    let names: Vec<&str> = replayed.iter().map(|delivery| &*delivery.envelope.resource.name).collect();
    assert!(names.is_sorted(), "the order is the list's: {names:?}");

    world.create("new").await?;
    recorder.until("new", State::Live).await?;
    world.change("w00007").await?;
    recorder.until_count("w00007", 2).await?;
    world.delete("w00007").await?;
    let gone = recorder.until("w00007", State::Gone).await?;
    assert_eq!(gone.envelope.resource.uid, recorder.of("w00007")[0].envelope.resource.uid);
    assert_eq!(running.stop().await?.cut_off, 0);
    Ok(())
}

#[tokio::test]
async fn a_deletion_is_held_until_its_consumer_is_done() -> Result<()> {
    let world = World::new(shared().await?).await?;
    world.create("a").await?;
    let queue = KubernetesQueue::new(world.plane.client().await?, quick());
    let recorder = Recorder::default();
    let hold = "hold.rewitness.dev/tester";
    let subscription = Subscription::new("tester", [world.kind()]).holding(Hold::new(hold));
    let handle = queue.subscribe(subscription, recorder.clone())?;
    let running = run(&queue);

    until_replayed(&handle).await?;
    assert_eq!(recorder.of("a")[0].hold, HoldState::Held);
    assert_eq!(world.finalizers("a").await?, Some(vec![hold.to_owned()]));
    running.stop().await?;

    // While nothing runs, it is deleted, and stays.
    world.delete("a").await?;
    assert_eq!(world.finalizers("a").await?, Some(vec![hold.to_owned()]));
    recorder.clear();
    let running = run(&queue);
    recorder.until("a", State::Deleting).await?;
    world.until_gone("a").await?;
    assert!(!recorder.has("a", State::Live));
    running.stop().await?;
    Ok(())
}

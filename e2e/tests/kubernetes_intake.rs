//! The queue on a real API server, when nothing goes wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says so by panicking")]

#[path = "kubernetes/support.rs"]
mod support;

use std::sync::{Arc, Mutex};

use anyhow::Result;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, ObjectMeta, PostParams};
use kube::{Api, ResourceExt};
use rewitness_controlplane::{shared, until};
use rewitness_kubernetes::{KubernetesQueue, Reconciler, kind_of};
use rewitness_messaging::{Cause, Hold, HoldState, Outcome, Queue, State, Subscription};
use support::{Recorder, SOON, World, quick, run, until_replayed};

#[tokio::test]
async fn every_page_is_replayed_and_changes_follow() -> Result<()> {
    let world = World::new(shared().await?).await?;
    world.create_many(230).await?;
    let queue = KubernetesQueue::new(world.plane.client().await?, quick());
    let recorder = Recorder::default();
    let subscription = Subscription::new("recorder", [world.kind()]).with_gone();
    let handle = queue.subscribe(subscription, recorder.clone())?;
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

/// A kube-rs user's reconcile function: it is handed the resource of its delivery, live and deleting.
#[tokio::test]
async fn a_reconcile_function_reads_the_resource_of_its_delivery() -> Result<()> {
    struct Ctx(Mutex<Vec<(String, Option<String>, bool)>>);

    async fn reconcile(map: Arc<ConfigMap>, ctx: Arc<Ctx>) -> Result<Outcome, kube::Error> {
        let value = map.data.as_ref().and_then(|data| data.get("key").cloned());
        let deleting = map.metadata.deletion_timestamp.is_some();
        ctx.0.lock().unwrap().push((map.name_any(), value, deleting));
        Ok(Outcome::Done)
    }

    let plane = shared().await?;
    let client = plane.client().await?;
    let namespace = plane.namespace("maps").await?;
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace);
    let map = |value: &str| ConfigMap {
        metadata: ObjectMeta { name: Some("a".to_owned()), ..ObjectMeta::default() },
        data: Some([("key".to_owned(), value.to_owned())].into()),
        ..ConfigMap::default()
    };
    maps.create(&PostParams::default(), &map("one")).await?;

    let queue = KubernetesQueue::new(client.clone(), quick());
    let ctx = Arc::new(Ctx(Mutex::default()));
    let subscription = Subscription::new("maps", [kind_of::<ConfigMap>()])
        .in_namespaces([namespace])
        .matching("!kubernetes.io/legacy".parse()?)
        .holding(Hold::new("hold.rewitness.dev/maps"));
    let handle = queue.subscribe(subscription, Reconciler::new(client, ctx.clone(), reconcile))?;
    let running = run(&queue);
    until_replayed(&handle).await?;
    maps.delete("a", &DeleteParams::default()).await?;
    until("it is gone", SOON, async || Ok(maps.get_opt("a").await?.is_none().then_some(()))).await?;
    maps.create(&PostParams::default(), &map("two")).await?;
    let seen = |value: &str, deleting: bool| ("a".to_owned(), Some(value.to_owned()), deleting);
    let wanted = [seen("one", false), seen("one", true), seen("two", false)];
    until("each is seen once", SOON, async || Ok((*ctx.0.lock().unwrap() == wanted).then_some(()))).await?;
    running.stop().await?;
    Ok(())
}

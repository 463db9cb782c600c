//! The queue on a control plane that restarts, compacts, and is restored from a backup. Each test
//! has a control plane of its own.

use anyhow::{Result, ensure};
use rewitness_controlplane::{Config as PlaneConfig, ControlPlane, Fault, FaultProxy, Match, until};
use rewitness_e2e::queue::{
    SOON, World, quick, record, run, until_failing, until_replayed, until_synced, until_watching,
};
use rewitness_kubernetes::KubernetesQueue;
use rewitness_messaging::State;

/// A real expiry, on a server that reads from etcd alone: what was handed out is compacted while
/// the connection is down.
#[tokio::test]
async fn fault_b11_a_compacted_version_leads_to_a_new_list() -> Result<()> {
    let plane = ControlPlane::start(PlaneConfig { watch_cache: false, ..PlaneConfig::default() }).await?;
    let world = World::new(&plane).await?;
    world.create_many(120).await?;
    let proxy = FaultProxy::start(&plane)?;
    let queue = KubernetesQueue::new(proxy.client().await?, quick());
    let (recorder, handle) = record(&queue, world.wanted().with_gone())?;
    let running = run(&queue);
    until_replayed(&handle).await?;

    until_watching(&proxy).await?;
    let down = proxy.rule(Match::any().path("/widgets"), Fault::Drop);
    proxy.cut_all_watches();
    world.delete("w00003").await?;
    world.create("new").await?;
    world.change("w00004").await?;
    plane.compact().await?;
    until_failing(&handle, "cannot reach the server").await?;
    drop(down);
    recorder.until("w00003", State::Gone).await?;
    recorder.until("new", State::Live).await?;
    recorder.until_count("w00004", 2).await?;
    until_synced(&handle).await?;
    // What did not change is not delivered again.
    assert_eq!(recorder.all().len(), 123);
    running.stop().await?;

    // And between two pages: the version of the list is compacted, and its token with it.
    let page = proxy
        .rule(Match::collection("widgets").when(|call| call.query.contains("continue=")).times(1), {
            Fault::status(500)
        });
    recorder.clear();
    let running = run(&queue);
    page.wait_hits(1, SOON).await?;
    world.create("newer").await?;
    plane.compact().await?;
    recorder.until("newer", State::Live).await?;
    until_replayed(&handle).await?;
    running.stop().await?;
    Ok(())
}

#[tokio::test]
async fn fault_b12_a_restored_backup_is_noticed_and_followed() -> Result<()> {
    let plane = ControlPlane::start(PlaneConfig::default()).await?;
    let world = World::new(&plane).await?;
    world.create_many(5).await?;
    let queue = KubernetesQueue::new(plane.client().await?, quick());
    let (recorder, handle) = record(&queue, world.wanted().with_gone())?;
    let running = run(&queue);
    until_replayed(&handle).await?;

    let backup = plane.snapshot().await?;
    world.delete("w00001").await?;
    recorder.until("w00001", State::Gone).await?;
    world.create("after").await?;
    for _ in 0..150 {
        world.change("w00002").await?;
    }
    let last = world.api.get("w00002").await?.metadata.generation;
    until("the last change is delivered", SOON, async || {
        let version = recorder.of("w00002").last().map(|delivery| delivery.version);
        let newest = world.api.get("w00002").await?.metadata.resource_version.unwrap_or_default();
        Ok((version.map(|version| version.to_string()) == Some(newest)).then_some(()))
    })
    .await?;
    ensure!(last.is_some_and(|generation| generation > 100));
    recorder.clear();
    plane.restore(&backup).await?;

    recorder.until("after", State::Gone).await?;
    // It is there again, as it was, and is delivered, though its uid was seen going.
    recorder.until("w00001", State::Live).await?;
    recorder.until("w00002", State::Live).await?;
    until_synced(&handle).await?;
    assert_eq!(handle.progress().sources[0].rollbacks, 1);
    world.create("new").await?;
    recorder.until("new", State::Live).await?;
    assert!(recorder.of("w00003").is_empty(), "it never changed");
    running.stop().await?;
    Ok(())
}

#[tokio::test]
async fn q12_an_api_server_that_restarts_is_survived() -> Result<()> {
    let plane = ControlPlane::start(PlaneConfig::default()).await?;
    let world = World::new(&plane).await?;
    world.create_many(60).await?;
    let queue = KubernetesQueue::new(plane.client().await?, quick());
    let (recorder, handle) = record(&queue, world.wanted().with_gone())?;
    let running = run(&queue);
    until_replayed(&handle).await?;
    for round in 0..2 {
        plane.stop_apiserver().await;
        until_failing(&handle, "cannot reach the server").await?;
        plane.start_apiserver().await?;
        let name = format!("n{round}");
        world.create(&name).await?;
        recorder.until(&name, State::Live).await?;
        until_synced(&handle).await?;
    }
    // Nothing is gone for a server that was away, and nothing is delivered for no reason.
    assert_eq!(recorder.all().len(), 62);
    assert_eq!(handle.progress().sources[0].rollbacks, 0);
    running.stop().await?;
    Ok(())
}

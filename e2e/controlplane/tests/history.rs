//! Time in the cluster: versions that expire, versions that go backwards, servers that come and go.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::{AsyncBufReadExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{ListParams, PostParams, WatchParams};
use kube::core::WatchEvent;
use kube::{Api, Client};
use rewitness_controlplane::{Config, ControlPlane};
use serde_json::json;
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(30);

async fn create(maps: &Api<ConfigMap>, name: &str) -> Result<u64> {
    let map = serde_json::from_value(json!({"metadata": {"name": name}}))?;
    let stored = maps.create(&PostParams::default(), &map).await?;
    Ok(stored.metadata.resource_version.context("no version")?.parse()?)
}

async fn version(maps: &Api<ConfigMap>) -> Result<u64> {
    let list = maps.list(&ListParams::default()).await?;
    Ok(list.metadata.resource_version.context("no version")?.parse()?)
}

/// The code of the first error of a watch from this version on, inside the stream or instead of it.
async fn watch_error(client: Client, namespace: &str, version: u64) -> Result<u16> {
    let maps: Api<ConfigMap> = Api::namespaced(client, namespace);
    let stream = match maps.watch(&WatchParams::default(), &version.to_string()).await {
        Err(kube::Error::Api(status)) => return Ok(status.code),
        stream => stream?,
    };
    let mut stream = std::pin::pin!(stream);
    loop {
        if let WatchEvent::Error(status) =
            stream.try_next().await?.context("the watch ends without an error")?
        {
            return Ok(status.code);
        }
    }
}

#[tokio::test]
async fn compaction_expires_a_watch_when_the_watch_cache_is_off() -> Result<()> {
    let plane = ControlPlane::start(Config { watch_cache: false, ..Config::default() }).await?;
    let namespace = plane.namespace("compacted").await?;
    let maps: Api<ConfigMap> = Api::namespaced(plane.client().await?, &namespace);
    create(&maps, "one").await?;
    let before = version(&maps).await?;
    let compacted = plane.compact().await?;
    ensure!(compacted > before, "{compacted} is not after {before}");
    let code = timeout(SOON, watch_error(plane.client().await?, &namespace, before)).await??;
    assert_eq!(code, 410);
    // What is stored stays, and can be compacted again.
    assert!(maps.get_opt("one").await?.is_some());
    plane.compact().await?;
    Ok(())
}

#[tokio::test]
async fn a_restore_takes_versions_back_and_breaks_watches() -> Result<()> {
    let plane = ControlPlane::start(Config::default()).await?;
    let namespace = plane.namespace("restored").await?;
    let client = plane.client().await?;
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace);
    create(&maps, "kept").await?;
    let snapshot = plane.snapshot().await?;
    // More than the API server's own writes when it starts again.
    let mut lost = 0;
    for number in 0..100 {
        lost = create(&maps, &format!("lost-{number}")).await?;
    }
    let path = format!("/api/v1/namespaces/{namespace}/configmaps?watch=true&resourceVersion={lost}");
    let watch = client.request_stream(http::Request::get(path).body(Vec::new())?).await?;

    plane.restore(&snapshot).await?;

    let end = timeout(SOON, watch.lines().try_collect::<Vec<_>>()).await.context("the watch goes on")?;
    assert!(end.is_err() || end.is_ok_and(|events| events.is_empty()), "the watch saw something");
    let maps_now = maps.list(&ListParams::default()).await?;
    let names: Vec<_> = maps_now.into_iter().filter_map(|map| map.metadata.name).collect();
    assert_eq!(names, ["kept"]);
    let now = version(&maps).await?;
    assert!(now < lost, "{now} is not before {lost}");

    // A stopped server is away, and comes back at the same place with the same data.
    plane.stop_apiserver().await;
    assert_eq!(plane.apiserver_pid(), None);
    assert!(maps.list(&ListParams::default()).await.is_err());
    plane.start_apiserver().await?;
    assert!(maps.get_opt("kept").await?.is_some());
    Ok(())
}

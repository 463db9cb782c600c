//! A kube-rs reconcile function as a consumer, on a real API server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says so by panicking")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use anyhow::Result;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, PostParams};
use kube::{Api, ResourceExt};
use rewitness_controlplane::shared;
use rewitness_kubernetes::{Reconciler, kind_of};
use rewitness_messaging::{
    Cause, Consumer, Delivery, Envelope, HoldState, Outcome, ResourceId, State, Version,
};

fn config_map(value: &str) -> ConfigMap {
    ConfigMap {
        metadata: kube::api::ObjectMeta { name: Some("web".into()), ..Default::default() },
        data: Some(BTreeMap::from([("key".to_owned(), value.to_owned())])),
        ..Default::default()
    }
}

fn delivery_of(map: &ConfigMap) -> Delivery {
    let resource = ResourceId {
        kind: kind_of::<ConfigMap>(),
        namespace: map.namespace().map(Into::into),
        name: map.name_any().into(),
        uid: map.uid().unwrap().as_str().into(),
    };
    Delivery {
        envelope: Envelope { resource, deletion_timestamp: None },
        state: State::Live,
        cause: Cause::Replay,
        attempt: 1,
        version: Version::UNKNOWN,
        hold: HoldState::NotAsked,
        labels: Vec::new(),
    }
}

#[tokio::test]
async fn a_reconcile_function_sees_the_resource_as_it_is_now_and_never_a_namesake() -> Result<()> {
    let plane = shared().await?;
    let namespace = plane.namespace("reconciler").await?;
    let client = plane.client().await?;
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace);
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let reconcile =
        async |map: Arc<ConfigMap>, seen: Arc<Mutex<Vec<String>>>| -> Result<Outcome, kube::Error> {
            seen.lock().unwrap().push(map.data.as_ref().unwrap()["key"].clone());
            Ok(Outcome::Done)
        };
    let reconcile =
        move |map, seen| Box::pin(reconcile(map, seen)) as std::pin::Pin<Box<dyn Future<Output = _> + Send>>;
    let consumer = Reconciler::new(client, seen.clone(), reconcile);

    let first = maps.create(&PostParams::default(), &config_map("first")).await?;
    let delivery = delivery_of(&first);
    let mut changed = first.clone();
    changed.data.as_mut().unwrap().insert("key".into(), "changed".into());
    maps.replace("web", &PostParams::default(), &changed).await?;
    assert_eq!(consumer.consume(delivery.clone()).await.unwrap(), Outcome::Done);
    assert_eq!(*seen.lock().unwrap(), ["changed"], "a live read, not what was delivered");

    maps.delete("web", &DeleteParams::default()).await?;
    assert_eq!(consumer.consume(delivery.clone()).await.unwrap(), Outcome::Done);
    maps.create(&PostParams::default(), &config_map("namesake")).await?;
    assert_eq!(consumer.consume(delivery).await.unwrap(), Outcome::Done);
    assert_eq!(seen.lock().unwrap().len(), 1, "neither for what has gone nor for another of its name (Q7)");
    Ok(())
}

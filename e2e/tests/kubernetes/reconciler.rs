//! A kube-rs reconcile function as a consumer, on a real API server.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use anyhow::Result;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Resource, ResourceExt};
use rewitness_controlplane::{shared, until};
use rewitness_e2e::queue::{SOON, quick, run, until_replayed};
use rewitness_kubernetes::{KubernetesQueue, Reconciler, kind_of};
use rewitness_messaging::{
    Cause, Consumer, Delivery, Envelope, Hold, HoldState, Outcome, Queue, ResourceId, State, Subscription,
    Version,
};
use serde_json::json;
use tokio::time::timeout;

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

type Seen = (String, bool);

/// What it is handed: the value, and whether it is going.
#[derive(Default)]
struct Ctx(Mutex<Vec<Seen>>);

impl Ctx {
    fn seen(&self) -> Vec<Seen> {
        self.0.lock().unwrap().clone()
    }
}

async fn reconcile(map: Arc<ConfigMap>, ctx: Arc<Ctx>) -> Result<Outcome, kube::Error> {
    let value = map.data.as_ref().unwrap()["key"].clone();
    ctx.0.lock().unwrap().push((value, map.metadata.deletion_timestamp.is_some()));
    Ok(Outcome::Done)
}

#[tokio::test]
async fn a_reconcile_function_sees_the_resource_as_it_is_now_and_never_a_namesake() -> Result<()> {
    let plane = shared().await?;
    let namespace = plane.namespace("reconciler").await?;
    let client = plane.client().await?;
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace);
    let (ctx, alone) = (Arc::new(Ctx::default()), Arc::new(Ctx::default()));
    let seen = |value: &str, deleting: bool| (value.to_owned(), deleting);

    let first = maps.create(&PostParams::default(), &config_map("first")).await?;
    let stale = delivery_of(&first);
    let mut changed = first.clone();
    changed.data.as_mut().unwrap().insert("key".into(), "changed".into());
    maps.replace("web", &PostParams::default(), &changed).await?;
    let by_hand = Reconciler::new(client.clone(), alone.clone(), reconcile);
    assert_eq!(by_hand.consume(stale.clone()).await.unwrap(), Outcome::Done);
    assert_eq!(alone.seen(), [seen("changed", false)], "a live read, not what was delivered");

    let queue = KubernetesQueue::new(client.clone(), quick());
    let subscription = Subscription::new("maps", [kind_of::<ConfigMap>()])
        .in_namespaces([namespace])
        .matching("!kubernetes.io/legacy".parse()?)
        .holding(Hold::new("hold.rewitness.dev/maps"));
    let handle = queue.subscribe(subscription, Reconciler::new(client, ctx.clone(), reconcile))?;
    let running = run(&queue);
    until_replayed(&handle).await?;
    maps.delete("web", &DeleteParams::default()).await?;
    until("it is gone", SOON, async || Ok(maps.get_opt("web").await?.is_none().then_some(()))).await?;
    assert_eq!(by_hand.consume(stale.clone()).await.unwrap(), Outcome::Done);
    maps.create(&PostParams::default(), &config_map("namesake")).await?;
    assert_eq!(by_hand.consume(stale).await.unwrap(), Outcome::Done);
    assert_eq!(alone.seen().len(), 1, "neither for what has gone nor for another of its name (Q7)");
    let wanted = [seen("changed", false), seen("changed", true), seen("namesake", false)];
    until("each is seen once", SOON, async || Ok((ctx.seen() == wanted).then_some(()))).await?;
    running.stop().await?;
    Ok(())
}

fn secret(name: &str, owner: Option<&ConfigMap>) -> Secret {
    let owners = owner.and_then(|owner| owner.controller_owner_ref(&()));
    let metadata = ObjectMeta {
        name: Some(name.to_owned()),
        owner_references: owners.map(|owner| vec![owner]),
        ..ObjectMeta::default()
    };
    Secret { metadata, ..Secret::default() }
}

#[tokio::test]
async fn a_parent_that_is_settled_is_reconciled_again_when_a_child_of_it_changes_or_goes() -> Result<()> {
    let plane = shared().await?;
    let namespace = plane.namespace("reconciler").await?;
    let client = plane.client().await?;
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace);
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &namespace);
    let parent = maps.create(&PostParams::default(), &config_map("parent")).await?;
    secrets.create(&PostParams::default(), &secret("child", Some(&parent))).await?;
    secrets.create(&PostParams::default(), &secret("nobodys", None)).await?;

    let ctx = Arc::new(Ctx::default());
    let queue = KubernetesQueue::new(client.clone(), quick());
    let reconciler = Reconciler::new(client, ctx.clone(), reconcile);
    let children = reconciler.owns::<Secret, _>(&queue, "maps");
    let of = |name: &str, kind| Subscription::new(name, [kind]).in_namespaces([namespace.clone()]);
    let wants = of("maps", kind_of::<ConfigMap>()).matching("!kubernetes.io/legacy".parse()?);
    let maps_handle = queue.subscribe(wants, reconciler)?;
    let secrets_handle = queue.subscribe(of("secrets", kind_of::<Secret>()).with_gone(), children)?;
    let running = run(&queue);
    until_replayed(&maps_handle).await?;
    until_replayed(&secrets_handle).await?;
    let at_rest = async || {
        for handle in [&maps_handle, &secrets_handle] {
            timeout(SOON, handle.when(|progress| progress.in_flight == 0)).await?;
        }
        anyhow::Ok(ctx.seen().len())
    };
    let seen_after = async |before: usize| {
        until("it is reconciled again", SOON, async || Ok((ctx.seen().len() > before).then_some(()))).await?;
        at_rest().await
    };

    let settled = at_rest().await?;
    let labels = Patch::Merge(json!({ "metadata": { "labels": { "a": "b" } } }));
    secrets.patch("nobodys", &PatchParams::default(), &labels).await?;
    secrets.patch("child", &PatchParams::default(), &labels).await?;
    let changed = seen_after(settled).await?;
    secrets.delete("child", &DeleteParams::default()).await?;
    let gone = seen_after(changed).await?;
    secrets.create(&PostParams::default(), &secret("another", Some(&parent))).await?;
    let created = seen_after(gone).await?;
    let parents = ctx.seen().iter().filter(|(value, _)| value == "parent").count();
    assert_eq!(parents, created, "nothing else was reconciled");
    running.stop().await?;
    Ok(())
}

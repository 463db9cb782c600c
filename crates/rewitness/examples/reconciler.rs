//! A kube-rs reconcile function on the queue, with a child that it owns: what
//! `Controller::new(…).owns(…).run(reconcile, error_policy, ctx)` was, with replay, backoff per
//! resource, and a deletion that cannot be missed. Each ConfigMap has a copy of it as a Secret.
//!
//! `cargo run --example reconciler --features kubernetes -- NAMESPACE`. Afterwards:
//! `rewitness unhold reconciler configmaps -n NAMESPACE`.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;

use anyhow::Context;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{ObjectMeta, Patch, PatchParams};
use kube::{Api, Resource, ResourceExt};
use rewitness::kubernetes::{Config, KubernetesQueue, Reconciler, client, kind_of};
use rewitness::{Hold, Outcome, Queue, Subscription};

struct Ctx {
    client: kube::Client,
}

async fn reconcile(map: Arc<ConfigMap>, ctx: Arc<Ctx>) -> Result<Outcome, kube::Error> {
    let name = map.name_any();
    if map.metadata.deletion_timestamp.is_some() {
        println!("{name} is going, and its copy with it, by the owner reference");
        return Ok(Outcome::Done);
    }
    let secrets = Api::<Secret>::namespaced(ctx.client.clone(), &map.namespace().unwrap_or_default());
    let copy = format!("{name}-copy");
    let data = map.data.iter().flatten().map(|(key, value)| (key.clone(), ByteString(value.clone().into())));
    let wanted = Secret {
        metadata: ObjectMeta {
            name: Some(copy.clone()),
            owner_references: Some(map.controller_owner_ref(&()).into_iter().collect()),
            ..ObjectMeta::default()
        },
        data: Some(data.collect()),
        ..Secret::default()
    };
    let apply = PatchParams::apply("example.rewitness.dev").force();
    secrets.patch(&copy, &apply, &Patch::Apply(&wanted)).await?;
    println!("{name} has its copy");
    Ok(Outcome::Done)
}

pub(crate) async fn follow(
    client: kube::Client,
    namespace: String,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let queue = KubernetesQueue::new(client.clone(), Config::default());
    let maps = Subscription::new("reconciler", [kind_of::<ConfigMap>()])
        .in_namespaces([namespace.clone()])
        .holding(Hold::new("hold.rewitness.dev/reconciler"));
    let secrets =
        Subscription::new("reconciler/secrets", [kind_of::<Secret>()]).in_namespaces([namespace]).with_gone();
    let reconciler = Reconciler::new(client.clone(), Arc::new(Ctx { client }), reconcile);
    let children = reconciler.owns::<Secret, _>(&queue, "reconciler");
    let _maps = queue.subscribe(maps, reconciler)?;
    let _secrets = queue.subscribe(secrets, children)?;
    queue.run(stop).await?;
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let namespace = std::env::args().nth(1).context("which namespace? Name it as the only argument")?;
    let client = client(kube::Config::infer().await?)?;
    let stop = async {
        tokio::signal::ctrl_c().await.ok();
    };
    follow(client, namespace, stop).await
}

//! A kube-rs reconcile function on the queue: what `Controller::new(…).run(reconcile, error_policy,
//! ctx)` was, with replay, backoff per resource, and a deletion that cannot be missed.
//!
//! `cargo run --example reconciler --features kubernetes -- NAMESPACE`. Afterwards:
//! `rewitness unhold reconciler configmaps -n NAMESPACE`.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;

use anyhow::Context;
use k8s_openapi::api::core::v1::ConfigMap;
use rewitness::kubernetes::{Config, KubernetesQueue, Reconciler, client, kind_of};
use rewitness::{Hold, Outcome, Queue, Subscription};

struct Ctx {
    greeting: &'static str,
}

async fn reconcile(map: Arc<ConfigMap>, ctx: Arc<Ctx>) -> Result<Outcome, kube::Error> {
    let name = map.metadata.name.as_deref().unwrap_or_default();
    let keys = map.data.as_ref().map_or(0, std::collections::BTreeMap::len);
    match map.metadata.deletion_timestamp {
        None => println!("{} {name}, you have {keys} keys", ctx.greeting),
        Some(_) => println!("{name} is going: clean up what it stood for"),
    }
    Ok(Outcome::Done)
}

pub(crate) async fn follow(
    client: kube::Client,
    namespace: String,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let queue = KubernetesQueue::new(client.clone(), Config::default());
    let wants = Subscription::new("reconciler", [kind_of::<ConfigMap>()])
        .in_namespaces([namespace])
        .holding(Hold::new("hold.rewitness.dev/reconciler"));
    let consumer = Reconciler::new(client, Arc::new(Ctx { greeting: "hello" }), reconcile);
    let _handle = queue.subscribe(wants, consumer)?;
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

//! The same consumer on Kubernetes: says what becomes of the ConfigMaps of a namespace, and holds
//! each until it has seen its deletion.
//!
//! `cargo run --example kubernetes --features kubernetes -- NAMESPACE`, with the current context of
//! your kubeconfig. Afterwards: `rewitness unhold example configmaps -n NAMESPACE`.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use anyhow::Context;
use rewitness::kubernetes::{Config, KubernetesQueue, client};
use rewitness::{Delivery, Failure, Hold, Kind, Outcome, Queue, Subscription};

async fn clean_up(delivery: Delivery) -> Result<Outcome, Failure> {
    println!(
        "{} ({}, attempt {}): {}",
        delivery.state, delivery.cause, delivery.attempt, delivery.envelope.resource
    );
    Ok(Outcome::Done) // only this lets a deletion finish
}

pub(crate) async fn follow(
    client: kube::Client,
    namespace: String,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let queue = KubernetesQueue::new(client, Config::default());
    let wants = Subscription::new("example", [Kind::new("", "ConfigMap")])
        .in_namespaces([namespace])
        .holding(Hold::new("hold.rewitness.dev/example"));
    let handle = queue.subscribe(wants, clean_up)?;
    let stop = async move {
        let replayed = handle.replayed().await;
        println!("replayed {}; now following, until Ctrl-C", replayed.delivered);
        stop.await;
        drop(handle);
    };
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

//! What the tests of the queue on a real API server share.

use std::ops::Deref;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::Widgets;
use anyhow::{Context, Result};
use kube::api::{Patch, PatchParams};
use rewitness_controlplane::{ControlPlane, FaultProxy, until};
use rewitness_kubernetes::{Config, KubernetesQueue};
use rewitness_messaging::{
    Backoff, Consumer, Delivery, Failure, Handle, Kind, Outcome, Queue, SourceState, State, Stopped,
    Subscription,
};
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// Long enough for anything that is to happen at once, on a busy machine.
pub const SOON: Duration = crate::SOON;

/// A queue's configuration with short times.
pub fn quick() -> Config {
    Config {
        grace: Duration::from_secs(5),
        hold_writes_per_second: 500,
        page_size: 50,
        call_timeout: Duration::from_secs(5),
        backoff: Backoff { base: Duration::from_millis(50), cap: Duration::from_millis(500) },
        ..Config::default()
    }
}

/// The widgets of a test of the queue.
pub struct World<'p>(Widgets<'p>);

impl<'p> Deref for World<'p> {
    type Target = Widgets<'p>;

    fn deref(&self) -> &Widgets<'p> {
        &self.0
    }
}

impl<'p> World<'p> {
    pub async fn new(plane: &'p ControlPlane) -> Result<Self> {
        Ok(Self(Widgets::new(plane, "queue").await?))
    }

    pub fn kind(&self) -> Kind {
        Kind::new(self.group.as_str(), "Widget")
    }

    /// What a [`Recorder`] asks for.
    pub fn wanted(&self) -> Subscription {
        Subscription::new("recorder", [self.kind()])
    }

    pub async fn set_finalizers(&self, name: &str, finalizers: &[&str]) -> Result<()> {
        let patch = json!({"metadata": {"finalizers": finalizers}});
        self.api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    pub async fn until_finalizers(&self, name: &str, wanted: &[&str]) -> Result<()> {
        until(&format!("the finalizers of {name} are {wanted:?}"), SOON, async || {
            Ok((self.finalizers(name).await?.as_deref()
                == Some(&wanted.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>()[..]))
            .then_some(()))
        })
        .await
    }

    pub async fn create_many(&self, count: usize) -> Result<()> {
        use futures::{StreamExt, TryStreamExt, stream};
        stream::iter(0..count)
            .map(|n| async move { self.create(&format!("w{n:05}")).await.map(drop) })
            .buffer_unordered(16)
            .try_collect::<()>()
            .await
    }
}

/// A consumer that keeps what it is handed, and answers `Done`.
#[derive(Clone, Default)]
pub struct Recorder(Arc<Mutex<Vec<Delivery>>>);

impl Consumer for Recorder {
    async fn consume(&self, delivery: Delivery) -> Result<Outcome, Failure> {
        self.0.lock().unwrap().push(delivery);
        Ok(Outcome::Done)
    }
}

/// Subscribes a recorder.
pub fn record(queue: &KubernetesQueue, wanted: Subscription) -> Result<(Recorder, Handle)> {
    let recorder = Recorder::default();
    let handle = queue.subscribe(wanted, recorder.clone())?;
    Ok((recorder, handle))
}

impl Recorder {
    pub fn all(&self) -> Vec<Delivery> {
        self.0.lock().unwrap().clone()
    }

    pub fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    pub fn of(&self, name: &str) -> Vec<Delivery> {
        self.all().into_iter().filter(|delivery| &*delivery.envelope.resource.name == name).collect()
    }

    pub fn has(&self, name: &str, state: State) -> bool {
        self.of(name).iter().any(|delivery| delivery.state == state)
    }

    pub async fn until(&self, name: &str, state: State) -> Result<Delivery> {
        until(&format!("{name} is delivered {state}"), SOON, async || {
            Ok(self.of(name).into_iter().find(|delivery| delivery.state == state))
        })
        .await
    }

    pub async fn until_count(&self, name: &str, count: usize) -> Result<()> {
        until(&format!("{name} is delivered {count} times"), SOON, async || {
            Ok((self.of(name).len() >= count).then_some(()))
        })
        .await
    }
}

/// A queue that runs, until this is dropped or stopped.
pub struct Run {
    stop: oneshot::Sender<()>,
    task: JoinSet<Result<Stopped, rewitness_messaging::Error>>,
}

pub fn run(queue: &KubernetesQueue) -> Run {
    let (stop, stopped) = oneshot::channel();
    let mut task = JoinSet::new();
    let queue = queue.clone();
    task.spawn(async move { queue.run(async { drop(stopped.await) }).await });
    Run { stop, task }
}

impl Run {
    pub async fn stop(mut self) -> Result<Stopped> {
        let _ = self.stop.send(());
        let ended = self.task.join_next().await.expect("it runs");
        Ok(ended??)
    }
}

/// Waits until one of the handle's sources fails for a reason that contains `text`.
pub async fn until_failing(handle: &Handle, text: &str) -> Result<String> {
    let what = format!("a source fails: {text}");
    let failing = until(&what, SOON, async || {
        Ok(handle.progress().sources.iter().find_map(|source| match &source.state {
            SourceState::Failing { reason } if reason.contains(text) => Some(reason.to_string()),
            _ => None,
        }))
    });
    failing.await.with_context(|| format!("{:?}", handle.progress()))
}

pub async fn until_synced(handle: &Handle) -> Result<()> {
    until("all sources are synced", SOON, async || {
        let sources = handle.progress().sources;
        let synced = sources.iter().all(|source| source.state == SourceState::Synced);
        Ok((synced && !sources.is_empty()).then_some(()))
    })
    .await
}

/// Waits for the replay, but not for ever.
pub async fn until_replayed(handle: &Handle) -> Result<()> {
    let waited = tokio::time::timeout(SOON, handle.replayed()).await;
    anyhow::ensure!(waited.is_ok(), "not replayed: {:?}", handle.progress());
    Ok(())
}

/// Waits until one watch is open through the proxy, and has begun to be forwarded.
pub async fn until_watching(proxy: &FaultProxy) -> Result<()> {
    proxy.wait_open_watches(1, SOON).await?;
    // The proxy is one thread: when this is answered, it has done what it was at.
    proxy.client().await?.apiserver_version().await?;
    Ok(())
}

//! The operator as a value: made, run until it is told to stop, and then gone.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use kube::{Api, Client};
use rewitness_cascade::{self as cascade, Cascades, Protection};
use rewitness_kubernetes::finalizer::Holds;
use rewitness_kubernetes::{Config as QueueConfig, KubernetesQueue};
use rewitness_messaging::{Kind, Queue, Selector};
use thiserror::Error;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::counts::{self, CountWatches, Shrinks};
use super::events::{self, EventWriter};
use super::rules::Rules;
use super::status_writer::{self, StatusWriters};
use super::work::Work;
use super::{controller, definition};

/// How long what runs may go on after the stop.
const GRACE: Duration = Duration::from_secs(30);

/// How long the last words may take.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Which Cascades an operator follows, and how.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Only the Cascades that these labels select; another operator must follow the others.
    pub selector: Selector,
    /// The namespaces to work in; all if there are none.
    pub namespace_scope: Vec<String>,
    /// Kinds that may be deleted although they are protected.
    pub allow_protected_kinds: Vec<Kind>,
    /// The namespace that the operator itself lives in, which is protected; `None` outside of a pod.
    pub own_namespace: Option<String>,
}

/// The role that follows a cluster's Cascades and writes their status.
///
/// # Assumptions
///
/// The runtime has one thread: that no two parents take the same room of an hour depends on it.
pub struct Operator {
    rules: Arc<Rules>,
    selector: Selector,
    /// Who is told when Rewitness is to be uninstalled.
    mark: watch::Sender<Option<String>>,
    writer: EventWriter,
    status_writers: StatusWriters,
    watches: CountWatches,
    shrinks: Shrinks,
}

/// Why an operator ended that nobody had told to stop.
#[derive(Debug, Error)]
pub enum Ended {
    /// A part of it did, and the others cannot go on without.
    #[error("{part} ended by itself")]
    Part {
        /// Which.
        part: &'static str,
    },
    /// The queue failed.
    #[error("the queue failed")]
    Queue {
        /// Why.
        #[from]
        source: rewitness_messaging::Error,
    },
    /// A task panicked: a bug in Rewitness. The next start goes on.
    #[error("a task ended by a bug in Rewitness")]
    Panicked,
}

impl Operator {
    /// An operator of the cluster that the client leads to. Nothing is read or written before
    /// [`run`](Self::run).
    pub fn new(client: Client, config: Config) -> Self {
        let (mark, marked) = watch::channel(None);
        let (events, writer) = events::events(client.clone());
        let (hand_in, status_writers) = status_writer::status_writers();
        let queue = QueueConfig { grace: GRACE, ..QueueConfig::default() };
        let queue = KubernetesQueue::new(client.clone(), queue);
        let (counts, watches, shrinks) = counts::counts(queue.clone());
        let within = config.namespace_scope.clone();
        let selector = config.selector.clone();
        let rules = Rules {
            api: Api::all(client.clone()),
            cascades: Cascades::new(queue.discovery().clone(), following(config)),
            holds: Holds::new(queue.discovery().clone()),
            queue,
            counts: within.is_empty().then_some(counts),
            within: (!within.is_empty()).then(|| within.into()),
            events,
            uninstall: marked,
            reconciling: Arc::default(),
            followed: Mutex::new(BTreeMap::new()),
            status_writers: hand_in,
            client,
        };
        Self { rules: Arc::new(rules), selector, mark, writer, status_writers, watches, shrinks }
    }

    /// What it works at, to be looked at while it runs.
    pub fn work(&self) -> Work {
        Work::new(self.rules.clone(), self.selector.to_string())
    }

    /// Follows the Cascades until `stop` completes; then nothing new begins, and what runs has 30 s.
    /// Where Cascades are not served yet, that is logged, and noticed once they are. To drop it ends it at
    /// once, as a crash would: the next start goes on.
    ///
    /// # Errors
    ///
    /// A part of it ended although `stop` had not completed.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), Ended> {
        // Whoever owns a task passes its panic on.
        AssertUnwindSafe(self.follow(stop)).catch_unwind().await.unwrap_or(Err(Ended::Panicked))
    }

    async fn follow(self, stop: impl Future<Output = ()>) -> Result<(), Ended> {
        let mut stop = std::pin::pin!(stop);
        let Self { rules, selector, mark, writer, mut status_writers, watches, shrinks } = self;
        let rules = &rules;
        tokio::select! {
            asked = uninstall_mark(rules) => drop(mark.send_replace(asked)),
            () = &mut stop => return Ok(()),
        }
        let (stopper, stopping) = watch::channel(false);
        let stopped = || {
            let mut stopping = stopping.clone();
            async move { drop(stopping.wait_for(|stopping| *stopping).await) }
        };
        let _followed = controller::follow(rules, &selector)?;
        let mut queue = std::pin::pin!(rules.queue.run(stopped()));
        let mut departure = std::pin::pin!(async {
            tokio::join!(definition::follow_mark(rules, mark), definition::acknowledge(rules))
        });
        let all_told = Notify::new();
        let mut events = std::pin::pin!(writer.run(all_told.notified()));
        let mut counting = std::pin::pin!(async {
            tokio::select! {
                () = watches.run(stopped()) => {}
                () = rules.wake_on(shrinks) => {}
            }
        });
        let ended = |part| Err(Ended::Part { part });
        tokio::select! {
            () = &mut events => return ended("the writer of Events"),
            () = &mut counting => return ended("the counting"),
            () = status_writers.run() => return ended("the writers of statuses"),
            stopped = &mut queue => return stopped.map_err(Ended::from).and_then(|_| ended("the queue")),
            _ = &mut departure => return ended("the watch of the definition"),
            () = &mut stop => {}
        }
        tracing::info!("stopping");
        stopper.send_replace(true);
        let drained = async {
            let stopped = (&mut queue).await;
            all_told.notify_one();
            stopped
        };
        let drained = async { tokio::join!(drained, &mut events, &mut counting).0 };
        let stopped = tokio::select! {
            () = status_writers.run() => return ended("the writers of statuses"),
            stopped = drained => stopped?,
        };
        if stopped.cut_off > 0 {
            let cut_off = stopped.cut_off;
            tracing::warn!(cut_off, "deliveries were cut off; the next start goes on with them");
        }
        last_words(rules, status_writers).await;
        Ok(())
    }
}

/// The mark before anything is held, as far as it may be read.
async fn uninstall_mark(rules: &Rules) -> Option<String> {
    if let Some(obstacle) = definition::obstacle(&rules.api).await {
        tracing::warn!("{obstacle}");
    }
    let unread = |_| tracing::warn!("uninstalling will not be noticed: the definition may not be read");
    definition::mark(&rules.client).await.map_err(unread).unwrap_or_default()
}

fn following(config: Config) -> cascade::Config {
    let allowed = config.allow_protected_kinds.into_iter();
    let protection = allowed.fold(Protection::default(), Protection::allowing);
    let mut following = cascade::Config::default();
    following.protection = match config.own_namespace {
        Some(namespace) => protection.with_namespace(namespace),
        None => protection,
    };
    following
}

/// Writes what is still to be written.
async fn last_words(rules: &Rules, status_writers: StatusWriters) {
    rules.all().iter().for_each(|followed| followed.change(|state| state.ended = true));
    if timeout(LAST_WORDS, status_writers.finish()).await.is_err() {
        tracing::warn!("not every status could be written");
    }
}

#[cfg(test)]
mod tests;

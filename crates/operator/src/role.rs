//! The operator as a value: made, run until it is told to stop, and then gone.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::{Api, Client};
use rewitness_cascade::{self as cascade, Cascades, Protection};
use rewitness_kubernetes::finalizer::Holds;
use rewitness_kubernetes::{Config as QueueConfig, KubernetesQueue};
use rewitness_messaging::{Kind, Queue, Selector};
use thiserror::Error;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::counts::{self, CountWatches, Counts, Shrinks};
use super::events::{self, EventSink, EventWriter};
use super::rules::Rules;
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
    selector: String,
    aides: Aides,
}

/// What works beside the queue.
struct Aides {
    /// Who is told when Rewitness is to be uninstalled.
    mark: watch::Sender<Option<String>>,
    writer: EventWriter,
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
}

impl Operator {
    /// An operator of the cluster that the client leads to. Nothing is read or written before
    /// [`run`](Self::run).
    pub fn new(client: Client, config: Config) -> Self {
        let (mark, marked) = watch::channel(None);
        let (events, writer) = events::events(client.clone());
        let (counts, watches, shrinks) = counts::counts(client.clone(), counts::Config::default());
        let counts = config.namespace_scope.is_empty().then_some(counts);
        let selector = config.selector.to_string();
        Self {
            rules: Arc::new(rules(client, config, marked, (events, counts))),
            selector,
            aides: Aides { mark, writer, watches, shrinks },
        }
    }

    /// What it works at, to be looked at while it runs.
    pub fn work(&self) -> Work {
        Work::new(self.rules.clone(), self.selector.clone())
    }

    /// Follows the Cascades until `stop` completes; then nothing new begins, and what runs has 30 s.
    /// Waits first until Cascades are served. To drop it ends it at once, as a crash would: the next
    /// start goes on.
    ///
    /// # Errors
    ///
    /// A part of it ended although `stop` had not completed.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), Ended> {
        let mut stop = std::pin::pin!(stop);
        let rules = &self.rules;
        let Aides { mark, writer, watches, shrinks } = self.aides;
        let asked = async {
            definition::served(&rules.api).await;
            definition::mark(&rules.client).await
        };
        tokio::select! {
            asked = asked => drop(mark.send_replace(asked)),
            () = &mut stop => return Ok(()),
        }
        let (stopper, stopping) = watch::channel(false);
        let stopped = || {
            let mut stopping = stopping.clone();
            async move { drop(stopping.wait_for(|stopping| *stopping).await) }
        };
        let mut queue = std::pin::pin!(rules.queue.run(stopped()));
        let mut controller = std::pin::pin!(controller::run(rules.clone(), &self.selector, stopped()));
        let mut departure = std::pin::pin!(async {
            tokio::join!(definition::follow_mark(rules.client.clone(), mark), definition::acknowledge(rules))
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
            stopped = &mut queue => return stopped.map_err(Ended::from).and_then(|_| ended("the queue")),
            () = &mut controller => return ended("the watch of Cascades"),
            _ = &mut departure => return ended("the watch of the definition"),
            () = &mut stop => {}
        }
        tracing::info!("stopping");
        stopper.send_replace(true);
        let drained = async {
            let (stopped, _) = tokio::join!(&mut queue, timeout(GRACE, &mut controller));
            all_told.notify_one();
            stopped
        };
        let (stopped, (), ()) = tokio::join!(drained, &mut events, &mut counting);
        let cut_off = stopped?.cut_off;
        if cut_off > 0 {
            tracing::warn!(cut_off, "deliveries were cut off; the next start goes on with them");
        }
        last_words(rules).await;
        Ok(())
    }
}

fn rules(
    client: Client,
    config: Config,
    uninstall: watch::Receiver<Option<String>>,
    (events, counts): (EventSink, Option<Counts>),
) -> Rules {
    let queue = QueueConfig { grace: GRACE, ..QueueConfig::default() };
    let within = config.namespace_scope.clone();
    Rules {
        api: Api::all(client.clone()),
        queue: KubernetesQueue::new(client.clone(), queue),
        cascades: Cascades::new(client.clone(), following(config)),
        holds: Holds::new(client.clone()),
        within: (!within.is_empty()).then(|| within.into()),
        events,
        counts,
        uninstall,
        recheck: Arc::new(Notify::new()),
        taking_in: AtomicUsize::new(0),
        followed: Mutex::new(BTreeMap::new()),
        status_writers: Mutex::new(JoinSet::new()),
        client,
    }
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
async fn last_words(rules: &Rules) {
    rules.all().iter().for_each(|followed| followed.end());
    let status_writers =
        std::mem::take(&mut *rules.status_writers.lock().unwrap_or_else(PoisonError::into_inner));
    if timeout(LAST_WORDS, status_writers.join_all()).await.is_err() {
        tracing::warn!("not every status could be written");
    }
}

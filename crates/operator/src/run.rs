//! `rewitness run`: the operator, which follows the cluster's Cascades.
//!
//! In reading order: [`definition`] is Cascade's own definition and the uninstall mark on it;
//! [`controller`] watches the Cascades and takes each in; [`course`] decides what is to be done
//! about one; [`rules`] does it, with [`release`] for what is let go; [`followed`] is one of
//! them and [`known`] what is known of it, [`records`] what its deletions are counted by,
//! [`status_writer`] the one writer of its status; [`events`] tells of its deletions, [`counts`] is how
//! many dependents there are; [`warning`] is for whoever deletes a parent; [`own_rights`] is what all of this needs beside its rules. Each call
//! that is made here ends by [`call`].

mod controller;
mod counts;
mod course;
mod definition;
mod error;
mod events;
mod followed;
mod known;
mod once;
mod own_finalizer;
mod own_rights;
mod parents;
mod records;
mod release;
mod rules;
mod status_writer;
mod warning;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use kube::Api;
use rewitness_cascade::{self as cascade, Cascades, Protection};
use rewitness_kubernetes::finalizer::Holds;
use rewitness_kubernetes::{Config, KubernetesQueue};
use rewitness_messaging::Queue;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::args::{GlobalArgs, RunArgs};
use crate::connect::{self, Link};
use crate::exit::Status;
use crate::screen::Screen;
use crate::signals::Signals;
use counts::{CountWatches, Counts, Shrinks};
use events::{EventSink, EventWriter};
use rules::Rules;

pub(crate) use definition::{WAY_OUT, is_served};
pub(crate) use own_rights::own_rights;
pub(crate) use status_writer::FIELD_MANAGER;
pub(crate) use warning::warning_rights;

/// How long what runs may go on after the first Ctrl-C.
const GRACE: Duration = Duration::from_secs(30);

/// How long the last words may take.
const LAST_WORDS: Duration = Duration::from_secs(5);

pub(crate) async fn run(args: &RunArgs, global: &GlobalArgs, screen: &Screen) -> anyhow::Result<Status> {
    let mut signals = Signals::catch()?;
    let link = connect::connect(global).await?;
    let cascades = Api::all(link.client.clone());
    if args.once {
        let is_served = definition::is_served(&cascades).await;
        let is_served = is_served.with_context(|| format!("cannot list Cascades of {}", link.place()))?;
        anyhow::ensure!(is_served, "the server does not serve Cascade\n{}", definition::WAY_OUT);
    }
    tracing::info!(server = link.server, "started");
    tokio::select! {
        () = definition::served(&cascades) => {}
        () = signals.next() => return Ok(Status::Done),
    }
    let mark = tokio::select! {
        mark = definition::mark(&link.client) => mark,
        () = signals.next() => return Ok(Status::Done),
    };
    let (mark, marked) = watch::channel(mark);
    let (events, writer) = events::events(link.client.clone());
    let (counts, watches, shrinks) = counts::counts(link.client.clone(), counts::Config::default());
    let counts = args.namespace_scope.is_empty().then_some(counts);
    let operator = Operator {
        rules: Arc::new(rules(&link, args, cascades, marked, (events, counts))),
        selector: args.selector.as_ref().map(ToString::to_string).unwrap_or_default(),
        once: args.once.then(|| args.timeout.unwrap_or(Duration::MAX)),
    };
    operator.run(Aides { mark, writer, watches, shrinks }, &mut signals, screen).await
}

/// What works beside the queue.
struct Aides {
    /// Who is told when Rewitness is to be uninstalled.
    mark: watch::Sender<Option<String>>,
    writer: EventWriter,
    watches: CountWatches,
    shrinks: Shrinks,
}

fn rules(
    link: &Link,
    args: &RunArgs,
    api: Api<rewitness_crds::Cascade>,
    uninstall: watch::Receiver<Option<String>>,
    (events, counts): (EventSink, Option<Counts>),
) -> Rules {
    let config = Config { grace: GRACE, ..Config::default() };
    Rules {
        client: link.client.clone(),
        api,
        queue: KubernetesQueue::new(link.client.clone(), config),
        cascades: Cascades::new(link.client.clone(), following(link, args)),
        holds: Holds::new(link.client.clone()),
        within: (!args.namespace_scope.is_empty())
            .then(|| args.namespace_scope.iter().map(|one| one.to_string()).collect()),
        events,
        counts,
        uninstall,
        recheck: Arc::new(Notify::new()),
        taking_in: AtomicUsize::new(0),
        followed: Mutex::new(BTreeMap::new()),
        status_writers: Mutex::new(JoinSet::new()),
    }
}

fn following(link: &Link, args: &RunArgs) -> cascade::Config {
    let allowed = args.allow_protected_kinds.iter().cloned();
    let protection = allowed.fold(Protection::default(), Protection::allowing);
    let mut config = cascade::Config::default();
    // In a pod the namespace is the operator's own.
    config.protection = match &link.context {
        None => protection.with_namespace(link.namespace.to_string()),
        Some(_) => protection,
    };
    config
}

struct Operator {
    rules: Arc<Rules>,
    selector: String,
    /// Whether to end once what is there is worked off, and after how long at the latest.
    once: Option<Duration>,
}

impl Operator {
    async fn run(&self, aides: Aides, signals: &mut Signals, screen: &Screen) -> anyhow::Result<Status> {
        let rules = &self.rules;
        let (stop, stopping) = watch::channel(false);
        let stopped = || {
            let mut stopping = stopping.clone();
            async move { drop(stopping.wait_for(|stopping| *stopping).await) }
        };
        let Aides { mark, writer, watches, shrinks } = aides;
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
        let verdict = tokio::select! {
            () = &mut events => anyhow::bail!("the writer of Events ended by itself"),
            () = &mut counting => anyhow::bail!("the counting ended by itself"),
            ended = &mut queue => anyhow::bail!("the queue ended by itself: {:?}", ended?),
            () = &mut controller => anyhow::bail!("the watch of Cascades ended by itself"),
            _ = &mut departure => anyhow::bail!("the watch of the definition ended by itself"),
            () = signals.next() => if self.once.is_some() { Status::Failed } else { Status::Done },
            verdict = self.once() => verdict?,
        };
        tracing::info!("stopping");
        stop.send_replace(true);
        let drained = async {
            let (stopped, _) = tokio::join!(&mut queue, timeout(GRACE, &mut controller));
            all_told.notify_one();
            stopped
        };
        let drained = async { tokio::join!(drained, &mut events, &mut counting).0 };
        tokio::select! {
            stopped = drained => {
                let cut_off = stopped?.cut_off;
                if cut_off > 0 {
                    tracing::warn!(cut_off, "deliveries were cut off; the next start goes on with them");
                }
            }
            () = signals.next() => {
                screen.note("ended at once; the next start goes on");
                return Ok(Status::Failed);
            }
        }
        self.last_words().await;
        Ok(verdict)
    }

    /// Completes once what is there is worked off, if that is all that was asked for.
    async fn once(&self) -> anyhow::Result<Status> {
        let Some(within) = self.once else { return std::future::pending().await };
        let worked_off = timeout(within, once::worked_off(&self.rules, &self.selector)).await;
        let is_late = worked_off.is_err();
        worked_off.unwrap_or(Ok(()))?;
        if is_late {
            tracing::warn!("not all was worked off in time");
        }
        let is_clean = once::tell(&self.rules.all())? && !is_late;
        Ok(if is_clean { Status::Done } else { Status::Failed })
    }

    /// Writes what is still to be written.
    async fn last_words(&self) {
        self.rules.all().iter().for_each(|followed| followed.end());
        let status_writers =
            std::mem::take(&mut *self.rules.status_writers.lock().unwrap_or_else(PoisonError::into_inner));
        if timeout(LAST_WORDS, status_writers.join_all()).await.is_err() {
            tracing::warn!("not every status could be written");
        }
    }
}

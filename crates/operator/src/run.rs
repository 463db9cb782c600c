//! `rewitness run`: the operator, which follows the cluster's Cascades.
//!
//! In reading order: [`definition`] is Cascade's own definition and the uninstall mark on it;
//! [`controller`] follows the Cascades and takes each in; [`course`] decides what is to be done
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
use std::panic::AssertUnwindSafe;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use kube::Api;
use rewitness_cascade::{self as cascade, Cascades, Protection};
use rewitness_kubernetes::finalizer::Holds;
use rewitness_kubernetes::{Config, KubernetesQueue};
use rewitness_messaging::{Queue, Selector};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use crate::args::{GlobalArgs, RunArgs};
use crate::connect::{self, Link};
use crate::exit::Status;
use crate::screen::Screen;
use crate::signals::Signals;
use counts::{CountWatches, Shrinks};
use events::EventWriter;
use rules::Rules;
use status_writer::StatusWriters;

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
    tracing::info!(server = link.server, "started");
    let start = async {
        let obstacle = definition::obstacle(&cascades).await;
        match obstacle {
            Some(obstacle) if args.once => anyhow::bail!("{}: {obstacle}", link.place()),
            Some(obstacle) => tracing::warn!("{obstacle}"),
            None => {}
        }
        let unread = |_| tracing::warn!("uninstalling will not be noticed: the definition may not be read");
        Ok(definition::mark(&link.client).await.map_err(unread).unwrap_or_default())
    };
    let mark = tokio::select! {
        mark = start => mark?,
        () = signals.next() => return Ok(Status::Done),
    };
    let (mark, marked) = watch::channel(mark);
    let (events, writer) = events::events(link.client.clone());
    let (hand_in, status_writers) = status_writer::status_writers();
    let queue = KubernetesQueue::new(link.client.clone(), Config { grace: GRACE, ..Config::default() });
    let (counts, watches, shrinks) = counts::counts(queue.clone());
    let counts = args.namespace_scope.is_empty().then_some(counts);
    let rules = Rules {
        client: link.client.clone(),
        api: cascades,
        queue,
        cascades: Cascades::new(link.client.clone(), following(&link, args)),
        holds: Holds::new(link.client.clone()),
        within: (!args.namespace_scope.is_empty()).then(|| args.namespace_scope.clone().into()),
        events,
        counts,
        uninstall: marked,
        taking_in: AtomicUsize::new(0),
        followed: Mutex::new(BTreeMap::new()),
        status_writers: hand_in,
    };
    let operator = Operator {
        rules: Arc::new(rules),
        selector: args.selector.clone().unwrap_or_default(),
        once: args.once.then(|| args.timeout.unwrap_or(Duration::MAX)),
    };
    operator.run(Aides { mark, writer, status_writers, watches, shrinks }, &mut signals, screen).await
}

/// What works beside the queue.
struct Aides {
    /// Who is told when Rewitness is to be uninstalled.
    mark: watch::Sender<Option<String>>,
    writer: EventWriter,
    status_writers: StatusWriters,
    watches: CountWatches,
    shrinks: Shrinks,
}

fn following(link: &Link, args: &RunArgs) -> cascade::Config {
    let allowed = args.allow_protected_kinds.iter().cloned();
    let protection = allowed.fold(Protection::default(), Protection::allowing);
    let mut config = cascade::Config::default();
    // In a pod the namespace is the operator's own.
    config.protection = match &link.context {
        None => protection.with_namespace(link.namespace.clone()),
        Some(_) => protection,
    };
    config
}

struct Operator {
    rules: Arc<Rules>,
    selector: Selector,
    /// Whether to end once what is there is worked off, and after how long at the latest.
    once: Option<Duration>,
}

impl Operator {
    async fn run(&self, aides: Aides, signals: &mut Signals, screen: &Screen) -> anyhow::Result<Status> {
        // Whoever owns a task passes its panic on.
        let worked = AssertUnwindSafe(self.work(aides, signals, screen)).catch_unwind().await;
        worked.unwrap_or_else(|_| anyhow::bail!("a task ended by a bug in Rewitness"))
    }

    async fn work(&self, aides: Aides, signals: &mut Signals, screen: &Screen) -> anyhow::Result<Status> {
        let rules = &self.rules;
        let (stop, stopping) = watch::channel(false);
        let stopped = || {
            let mut stopping = stopping.clone();
            async move { drop(stopping.wait_for(|stopping| *stopping).await) }
        };
        let Aides { mark, writer, mut status_writers, watches, shrinks } = aides;
        let _followed = controller::follow(rules, &self.selector)?;
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
        let verdict = tokio::select! {
            () = &mut events => anyhow::bail!("the writer of Events ended by itself"),
            () = &mut counting => anyhow::bail!("the counting ended by itself"),
            () = status_writers.run() => anyhow::bail!("the writers of statuses ended by themselves"),
            ended = &mut queue => anyhow::bail!("the queue ended by itself: {:?}", ended?),
            _ = &mut departure => anyhow::bail!("the watch of the definition ended by itself"),
            () = signals.next() => if self.once.is_some() { Status::Failed } else { Status::Done },
            verdict = self.once() => verdict?,
        };
        tracing::info!("stopping");
        stop.send_replace(true);
        let drained = async {
            let stopped = (&mut queue).await;
            all_told.notify_one();
            stopped
        };
        let drained = async { tokio::join!(drained, &mut events, &mut counting).0 };
        tokio::select! {
            () = status_writers.run() => {}
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
        self.last_words(status_writers).await;
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
    async fn last_words(&self, status_writers: StatusWriters) {
        self.rules.all().iter().for_each(|followed| followed.end());
        if timeout(LAST_WORDS, status_writers.finish()).await.is_err() {
            tracing::warn!("not every status could be written");
        }
    }
}

#[cfg(test)]
mod tests;

//! The rules in force and the log of requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use http::request::Parts;
use hyper::body::Bytes;
use tokio::sync::watch;
use tokio::time::timeout;

use super::call::Call;
use super::fault::{Fault, Match};

/// What the proxy's thread and the tests share.
#[derive(Debug, Default)]
pub(super) struct Rules {
    table: Mutex<Table>,
    /// Told when rules come or go, and when streams are to be cut.
    changed: watch::Sender<()>,
    /// Told when a rule has hit or a request has come.
    progress: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Table {
    entries: Vec<Entry>,
    next: u64,
    calls: Vec<Arc<Call>>,
    /// Streams that were opened before the n-th cut end at it.
    cuts: u64,
    streams: usize,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    matching: Match,
    fault: Fault,
    seen: usize,
    hits: usize,
    /// The streams a [`Fault::Silent`] was asked about before; it is asked again and again, and counts each
    /// one once.
    judged: HashMap<u64, bool>,
}

impl Entry {
    fn judge(&mut self, call: &Call) -> bool {
        if !self.matching.holds(call) {
            return false;
        }
        self.seen += 1;
        let hit = self.seen > self.matching.skip && self.hits < self.matching.times;
        self.hits += usize::from(hit);
        hit
    }
}

/// A fault that acts on one request.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) rule: u64,
    pub(super) fault: Fault,
}

impl Rules {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, matching: Match, fault: Fault) -> u64 {
        let id = {
            let mut table = self.table();
            table.next += 1;
            let id = table.next;
            table.entries.push(Entry { id, matching, fault, seen: 0, hits: 0, judged: HashMap::new() });
            id
        };
        self.changed.send_replace(());
        id
    }

    fn remove(&self, id: u64) {
        self.table().entries.retain(|entry| entry.id != id);
        self.changed.send_replace(());
    }

    fn hits(&self, id: u64) -> usize {
        self.table().entries.iter().find(|entry| entry.id == id).map_or(0, |entry| entry.hits)
    }

    /// Logs a request, and answers what is to be done to it. The order of requests is the order of these
    /// calls.
    pub(super) fn admit(&self, parts: &Parts, body: Bytes) -> (Arc<Call>, Vec<Applied>) {
        let mut guard = self.table();
        let table = &mut *guard;
        let call = Arc::new(Call::new(table.calls.len() as u64, parts, body));
        table.calls.push(Arc::clone(&call));
        let entries = table.entries.iter_mut().filter(|entry| !matches!(entry.fault, Fault::Silent));
        let applied = entries
            .filter_map(|entry| {
                entry.judge(&call).then(|| Applied { rule: entry.id, fault: entry.fault.clone() })
            })
            .collect();
        drop(guard);
        self.progress.send_replace(());
        (call, applied)
    }

    /// Whether nothing of this stream may pass at the moment.
    pub(super) fn silent(&self, call: &Call) -> bool {
        let mut table = self.table();
        let mut silent = false;
        for entry in table.entries.iter_mut().filter(|entry| matches!(entry.fault, Fault::Silent)) {
            silent |= match entry.judged.get(&call.number) {
                Some(judged) => *judged,
                None => {
                    let hit = entry.judge(call);
                    entry.judged.insert(call.number, hit);
                    hit
                }
            };
        }
        drop(table);
        if silent {
            self.progress.send_replace(());
        }
        silent
    }

    /// Waits until this rule is removed.
    pub(super) async fn removed(&self, id: u64) {
        let mut changed = self.changed.subscribe();
        let _ = changed.wait_for(|()| !self.table().entries.iter().any(|entry| entry.id == id)).await;
    }

    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Cuts the streams of all watches that are open, and answers how many there were.
    pub(super) fn cut(&self) -> usize {
        let streams = {
            let mut table = self.table();
            table.cuts += 1;
            table.streams
        };
        self.changed.send_replace(());
        streams
    }

    pub(super) fn streams(&self) -> usize {
        self.table().streams
    }

    pub(super) fn calls(&self) -> Vec<Arc<Call>> {
        self.table().calls.clone()
    }

    /// Counts an open watch until it is dropped.
    pub(super) fn opened(self: &Arc<Self>) -> OpenWatch {
        // Under one lock: whoever sees the watch counted can cut it.
        let cuts = {
            let mut table = self.table();
            table.streams += 1;
            table.cuts
        };
        self.progress.send_replace(());
        OpenWatch { rules: Arc::clone(self), cuts }
    }

    /// Waits until the condition holds; it is asked whenever something has happened.
    pub(super) async fn until(&self, what: &str, within: Duration, holds: impl Fn() -> bool) -> Result<()> {
        let mut progress = self.progress.subscribe();
        timeout(within, progress.wait_for(|()| holds()))
            .await
            .with_context(|| format!("not within {within:?}: {what}"))??;
        Ok(())
    }
}

/// One watch that a client reads.
#[derive(Debug)]
pub(super) struct OpenWatch {
    rules: Arc<Rules>,
    /// How many cuts there had been when it was opened.
    cuts: u64,
}

impl OpenWatch {
    pub(super) fn is_cut(&self) -> bool {
        self.rules.table().cuts > self.cuts
    }
}

impl Drop for OpenWatch {
    fn drop(&mut self) {
        self.rules.table().streams -= 1;
        self.rules.progress.send_replace(());
    }
}

/// A rule in force. Dropping it removes it; what it has held back goes on its way.
#[derive(Debug)]
#[must_use = "a rule is removed when it is dropped"]
pub struct Rule {
    id: u64,
    rules: Arc<Rules>,
}

impl Rule {
    pub(super) fn new(rules: &Arc<Rules>, matching: Match, fault: Fault) -> Self {
        Self { id: rules.add(matching, fault), rules: Arc::clone(rules) }
    }

    /// On how many requests the fault has acted.
    pub fn hits(&self) -> usize {
        self.rules.hits(self.id)
    }

    /// Waits until the fault has acted on this many requests.
    ///
    /// # Errors
    /// The time is over before.
    pub async fn wait_hits(&self, count: usize, within: Duration) -> Result<()> {
        self.rules.until(&format!("{count} hits of a rule"), within, || self.hits() >= count).await
    }
}

impl Drop for Rule {
    fn drop(&mut self) {
        self.rules.remove(self.id);
    }
}

//! How many dependents there are: one metadata watch for each kind and label that any rule looks
//! for, kept as a table of values and counts (C11).
//!
//! What a rule in mode Plan shows comes from here; and a parent that waits is woken when what
//! refers to it has become fewer, so that its list is made when it is worth its price.
//!
//! # Guarantees
//!
//! - Rules that look for one kind by one label share a watch, which ends with the last of them.
//! - A watch goes on after whatever ends it: a version that has expired, a kind that goes and comes
//!   back, a right that is given later, a connection that dies. Each pause doubles up to a bound.
//! - A value that nobody holds any more is told at once; one that is merely held by fewer, every few
//!   seconds.
//!
//! # Caveats
//!
//! - Counts are approximate. Nothing is deleted, and nothing let go, by them.
//! - The watcher keeps bookmarks to itself, so that a watch that has died without a word looks like
//!   one on which nothing happens. The server is asked to end each watch after some minutes, and the
//!   client gives up a little later; until then a count may be as old as that.
//! - Every namespace is watched. Without that right nothing is counted, and parents are looked at
//!   from time to time only.

mod watch;

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::Client;
use rewitness_cascade::{Approximate, CountSource, CountTable, CountTables, Referred, Rule, wake_key};
use rewitness_crds::cascade::Planned;
use rewitness_messaging::{ResourceId, Timestamp, WakeKey};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use watch::Watch;

/// How long what shrinks is collected before it is told.
const SETTLE: Duration = Duration::from_millis(250);

/// How often what shrank, and is not nothing yet, is told.
const FEWER_EVERY: Duration = Duration::from_secs(5);

/// How watches are made. The defaults are for production.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// After which time the server ends a watch on which nothing happens; at most 294 s.
    pub watch_seconds: u32,
    /// After which time without any news a watch is given up and the kind is listed anew, also
    /// while a list or the beginning of a watch is not answered.
    pub silence: Duration,
    /// The longest pause between two tries.
    pub longest_pause: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            watch_seconds: 270,
            silence: Duration::from_secs(15 * 60),
            longest_pause: Duration::from_secs(30),
        }
    }
}

/// What is counted, the task that counts, and what became fewer.
pub fn counts(client: Client, config: Config) -> (Counts, CountWatches, Shrinks) {
    let shared = Arc::new(Shared { state: Mutex::default(), changed: Notify::new(), shrunk: Notify::new() });
    let watches = CountWatches {
        client,
        config,
        shared: shared.clone(),
        tasks: JoinSet::new(),
        running: HashMap::new(),
    };
    let shrinks = Shrinks { shared: shared.clone(), settled: None, fewer_at: Instant::now() };
    (Counts(shared), watches, shrinks)
}

struct Shared {
    state: Mutex<State>,
    /// Rung when other kinds are wanted.
    changed: Notify,
    /// Rung when something became fewer.
    shrunk: Notify,
}

#[derive(Default)]
struct State {
    tables: CountTables,
    /// What each rule wants, with the version by which it knows the kind.
    wanted: HashMap<String, BTreeMap<CountSource, String>>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is counted. Clones are the same.
#[derive(Clone)]
pub struct Counts(Arc<Shared>);

/// What became fewer, by what is counted.
pub type Shrunk = Vec<(CountSource, Vec<Referred>)>;

impl Counts {
    /// From now on what this rule looks for is counted, and what it looked for before is not, unless
    /// another rule does.
    pub fn follow(&self, rule: &Rule) {
        self.0.state().wanted.insert(rule.name().to_owned(), rule.count_sources());
        self.0.changed.notify_one();
    }

    /// What this rule looks for is not counted any more, unless another rule does.
    pub fn forget(&self, rule: &str) {
        self.0.state().wanted.remove(rule);
        self.0.changed.notify_one();
    }

    /// How many objects hold a value, in one namespace or in all; `None` while that is not known.
    pub fn count(&self, source: &CountSource, value: &str, namespace: Option<&str>) -> Option<Approximate> {
        self.0.state().tables.get_mut(source)?.count(value, namespace)
    }

    /// Whether everything that this rule looks for is counted.
    pub fn is_known(&self, rule: &Rule) -> bool {
        rule.count_sources().keys().all(|source| self.count(source, "", None).is_some())
    }

    /// What would be deleted if all of these parents were.
    pub fn planned<'a>(
        &self,
        rule: &Rule,
        parents: impl IntoIterator<Item = &'a ResourceId>,
        now: Timestamp,
    ) -> Planned {
        self.0.state().tables.planned(rule, parents, now)
    }

    /// Which of the parents that a rule holds are to be woken, because less refers to them.
    pub fn wakes<'a>(
        &self,
        rule: &Rule,
        held: impl IntoIterator<Item = &'a ResourceId> + Clone,
        shrunk: &Shrunk,
    ) -> Vec<WakeKey> {
        let state = self.0.state();
        let concerned = shrunk
            .iter()
            .flat_map(|(source, shrunk)| state.tables.concerned(rule, held.clone(), (source, shrunk)));
        concerned.map(|parent| wake_key(&parent)).collect()
    }
}

/// Tells what became fewer. There is one.
pub struct Shrinks {
    shared: Arc<Shared>,
    /// Until when what shrinks now is collected.
    settled: Option<Instant>,
    /// When to tell next of what is not nothing yet.
    fewer_at: Instant,
}

impl Shrinks {
    /// Waits until something became fewer. May be dropped and called again; nothing is lost.
    pub async fn next(&mut self) -> Shrunk {
        loop {
            let settled = match self.settled {
                Some(settled) => settled,
                None => {
                    self.wait().await;
                    *self.settled.insert(Instant::now() + SETTLE)
                }
            };
            sleep_until(settled).await;
            self.settled = None;
            let shrunk = self.take();
            if !shrunk.is_empty() {
                return shrunk;
            }
        }
    }

    async fn wait(&self) {
        let is_left = self.shared.state().tables.iter_mut().any(|(_, table)| table.has_shrunk());
        tokio::select! {
            () = self.shared.shrunk.notified() => {}
            () = sleep_until(self.fewer_at), if is_left => {}
        }
    }

    fn take(&mut self) -> Shrunk {
        let is_time = self.fewer_at <= Instant::now();
        let mut state = self.shared.state();
        let of_table = |table: &mut CountTable| match is_time {
            true => table.take_shrunk(),
            false => table.take_gone(),
        };
        let shrunk = state.tables.iter_mut().map(|(source, table)| (source.clone(), of_table(table)));
        let shrunk: Shrunk = shrunk.filter(|(_, shrunk)| !shrunk.is_empty()).collect();
        if is_time && !shrunk.is_empty() {
            self.fewer_at = Instant::now() + FEWER_EVERY;
        }
        shrunk
    }
}

/// Owns the watches, one task for each.
pub struct CountWatches {
    client: Client,
    config: Config,
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
    running: HashMap<CountSource, AbortHandle>,
}

impl CountWatches {
    /// Counts what the rules want, until it is told to stop.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let (mut stop, shared) = (pin!(stop), self.shared.clone());
        loop {
            self.adjust();
            tokio::select! {
                () = &mut stop => break,
                () = shared.changed.notified() => {}
                Some(ended) = self.tasks.join_next_with_id() => self.ended(ended),
            }
        }
        self.tasks.shutdown().await;
    }

    fn adjust(&mut self) {
        let mut wanted = BTreeMap::new();
        for sources in self.shared.state().wanted.values() {
            wanted.extend(sources.iter().map(|(source, version)| (source.clone(), version.clone())));
        }
        let unwanted = self.running.extract_if(|source, _| !wanted.contains_key(source));
        unwanted.for_each(|(_, task)| task.abort());
        for (source, version) in wanted {
            if self.running.contains_key(&source) {
                continue;
            }
            let (client, shared) = (self.client.clone(), self.shared.clone());
            let watch = Watch::new(client, self.config, shared, source.clone(), version);
            self.running.insert(source, self.tasks.spawn(watch.run()));
        }
        self.forget_tables();
    }

    /// A watch ends because it is not wanted any more; or else by a bug, and what it counted is not
    /// shown from then on. It is not tried again: what made it panic is still there.
    fn ended(&mut self, ended: Result<(tokio::task::Id, ()), JoinError>) {
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        if let Some((source, _)) = self.running.iter().find(|(_, task)| task.id() == id) {
            tracing::error!(kind = %source.kind, label = source.label, "a count has ended by a bug in Rewitness");
            if let Some(table) = self.shared.state().tables.get_mut(source) {
                table.distrust();
            }
        }
    }

    /// Tables of watches that have ended; a watch that is ending may make one for the last time.
    fn forget_tables(&self) {
        let mut state = self.shared.state();
        let known: Vec<CountSource> = state.tables.iter_mut().map(|(source, _)| source.clone()).collect();
        known.iter().filter(|source| !self.running.contains_key(source)).for_each(|source| {
            state.tables.remove(source);
        });
    }
}

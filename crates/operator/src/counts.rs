//! How many dependents there are: what the queue's own list and watch shows of each kind and label that
//! any rule looks for, kept as a table of values and counts (C11).
//!
//! What a rule in mode Plan shows comes from here; and a parent that waits is woken when what
//! refers to it has become fewer, so that its list is made when it is worth its price.
//!
//! # Guarantees
//!
//! - Rules that look for one kind by one label share a watch, which ends with the last of them.
//! - A watch goes on after whatever ends it, as one of the queue does.
//! - A value that nobody holds any more is told at once; one that is merely held by fewer, every few
//!   seconds.
//!
//! # Caveats
//!
//! - Counts are approximate. Nothing is deleted, and nothing let go, by them.
//! - Every namespace is watched. Without that right nothing is counted, and parents are looked at
//!   from time to time only.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rewitness_cascade::{Approximate, CountSource, CountTable, CountTables, Referred, Rule, wake_key};
use rewitness_crds::cascade::Planned;
use rewitness_kubernetes::{KubernetesQueue, Observer, Seen, Tasks};
use rewitness_messaging::{ResourceId, Source, Timestamp, WakeKey};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

/// How long what shrinks is collected before it is told.
const SETTLE: Duration = Duration::from_millis(250);

/// How often what shrank, and is not nothing yet, is told.
const FEWER_EVERY: Duration = Duration::from_secs(5);

/// What is counted, the tasks that count by the queue's list and watch, and what became fewer.
pub fn counts(queue: KubernetesQueue) -> (Counts, CountWatches, Shrinks) {
    let shared = Arc::new(Shared { state: Mutex::default(), changed: Notify::new(), shrunk: Notify::new() });
    let watches =
        CountWatches { queue, shared: shared.clone(), tasks: Tasks::default(), running: HashMap::new() };
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
    /// What each rule wants.
    wanted: HashMap<String, BTreeSet<CountSource>>,
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
        rule.count_sources().iter().all(|source| self.count(source, "", None).is_some())
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
    queue: KubernetesQueue,
    shared: Arc<Shared>,
    tasks: Tasks,
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
                () = self.tasks.ended() => {}
            }
        }
        self.tasks.shut_down().await;
    }

    fn adjust(&mut self) {
        let wanted: BTreeSet<CountSource> = self.shared.state().wanted.values().flatten().cloned().collect();
        let unwanted = self.running.extract_if(|source, _| !wanted.contains(source));
        unwanted.for_each(|(_, task)| task.abort());
        for source in wanted {
            // A key alone selects what has the label. One that the server would refuse is in no rule.
            let Ok(selector) = source.label.parse() else { continue };
            if !self.running.contains_key(&source) {
                let of_kind = Source { kind: source.kind.clone(), namespace: None, selector };
                let count = Count { shared: self.shared.clone(), source: source.clone(), namespaced: false };
                let task = self.tasks.spawn(self.queue.observe(of_kind, None, count));
                self.running.insert(source, task);
            }
        }
        self.forget_tables();
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

/// Fills the table of what is counted.
struct Count {
    shared: Arc<Shared>,
    source: CountSource,
    namespaced: bool,
}

impl Observer for Count {
    fn see(&mut self, seen: Seen<'_>) {
        let mut state = self.shared.state();
        let table = state.tables.table(&self.source, self.namespaced);
        match seen {
            Seen::Served { namespaced } => self.namespaced = namespaced,
            Seen::ListStarted => table.begin_list(),
            Seen::Shown { page, .. } => page.iter().for_each(|one| match one.label(&self.source.label) {
                Some(value) => table.apply(&one.uid, one.namespace.as_deref(), value, one.version),
                // A server that knows no selectors shows objects that do not have the label.
                None => table.remove(&one.uid, one.version),
            }),
            Seen::Removed { uid, version } => table.remove(uid, version),
            Seen::ListFinished => table.end_list(),
            // What may not be seen, or is not served, is not shown as if it were known.
            Seen::Failing { is_hidden, .. } if is_hidden => table.distrust(),
            Seen::Recovered => table.trust(),
            Seen::Failing { .. } | Seen::Unreadable { .. } | Seen::RolledBack | Seen::Poisoned { .. } => {}
        }
        if table.has_shrunk() {
            self.shared.shrunk.notify_one();
        }
    }
}

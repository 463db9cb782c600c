use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rewitness_cascade::{CountSource, CountTables};
use tokio::sync::Notify;

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

/// What the counts, the watches and whoever waits for less share.
#[derive(Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Notified when other kinds are wanted.
    pub(super) changed: Notify,
    /// Notified when something became fewer.
    pub(super) shrunk: Notify,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) tables: CountTables,
    /// What each rule wants, with the version by which it knows the kind.
    pub(super) wanted: HashMap<String, BTreeMap<CountSource, String>>,
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::apply::Applier;
use super::limiter::Limiter;
use super::load::Loader;
use super::protection::Protection;
use super::wait_graph::WaitGraph;
use crate::api::Discovery;

/// How a process follows Cascades. The defaults are for production.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// What is never deleted.
    pub protection: Protection,
    /// The most deletes in flight, of all Cascades together.
    pub concurrency: usize,
    /// The longest time until a parent that waits is looked at again.
    pub look_again_after: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { protection: Protection::default(), concurrency: 32, look_again_after: Duration::from_secs(15) }
    }
}

/// What all Cascades of a process share.
pub(super) struct Shared {
    pub(super) loader: Arc<Loader>,
    pub(super) applier: Applier,
    pub(super) config: Config,
    graph: Mutex<WaitGraph>,
}

impl Shared {
    pub(super) fn new(discovery: Discovery, config: Config) -> Self {
        let loader = Arc::new(Loader { discovery });
        let applier = Applier {
            loader: loader.clone(),
            limiter: Limiter::new(config.concurrency),
            concurrency: config.concurrency.max(1),
        };
        Self { loader, applier, config, graph: Mutex::default() }
    }

    pub(super) fn graph(&self) -> MutexGuard<'_, WaitGraph> {
        self.graph.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

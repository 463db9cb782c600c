use tokio::sync::Semaphore;

use crate::Config;
use crate::discovery::Discovery;

/// What all sources share.
pub(crate) struct Context {
    pub(crate) discovery: Discovery,
    pub(crate) config: Config,
    /// Bounds how many lists are under way.
    pub(crate) lists: Semaphore,
}

impl Context {
    pub(crate) fn new(discovery: Discovery, config: Config) -> Self {
        let lists = Semaphore::new(config.concurrent_lists.max(1));
        Self { discovery, config, lists }
    }
}

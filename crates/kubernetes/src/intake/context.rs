use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::Config;
use crate::call::Server;
use crate::discovery::Discovery;

/// What all sources share.
pub(crate) struct Context {
    pub(crate) server: Server,
    pub(crate) discovery: Arc<Discovery>,
    pub(crate) config: Config,
    /// Bounds how many lists are under way.
    pub(crate) lists: Semaphore,
}

impl Context {
    pub(crate) fn new(server: Server, discovery: Arc<Discovery>, config: Config) -> Self {
        let lists = Semaphore::new(config.concurrent_lists.max(1));
        Self { server, discovery, config, lists }
    }
}

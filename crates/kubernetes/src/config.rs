use std::time::Duration;

use rewitness_messaging::Backoff;

/// How a [`KubernetesQueue`](crate::KubernetesQueue) behaves. The defaults are for production.
///
/// ```
/// use std::time::Duration;
/// use rewitness_kubernetes::Config;
///
/// let config = Config { grace: Duration::from_secs(10), ..Config::default() };
/// assert_eq!(config.page_size, 500);
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    /// How long deliveries that run may go on after `stop`; then they are cut off (Q10).
    pub grace: Duration,
    /// How many holds are written a second: marked with the finalizers that are missing.
    pub hold_writes_per_second: u32,
    /// How many hold writes are under way at a time.
    pub concurrent_hold_writes: usize,
    /// How many objects a page of a list has. 500 is what `kubectl` takes; larger pages cost
    /// memory on both sides and gain nothing.
    pub page_size: u32,
    /// How many lists are under way at a time. Others wait, so that a restart of many kinds does
    /// not become a storm of lists.
    pub concurrent_lists: usize,
    /// How long a call may take, from request to the end of its answer; for a watch, to the
    /// beginning of its answer.
    pub call_timeout: Duration,
    /// A watch that shows neither an event nor a bookmark for this long is dead, and is resumed on
    /// a new connection. An API server sends a bookmark about once a minute.
    pub silence: Duration,
    /// How often the server is asked, beside the watch, whether its version still is where it was.
    /// A version that moved backwards is a system of record restored from a backup.
    pub check_every: Duration,
    /// Whether protected kinds and `kube-*` namespaces may be held; see
    /// [`protected`](crate::finalizer::protected).
    pub allow_protected: bool,
    /// How failed calls of the intake are spaced: per source, reset once a watch is healthy.
    /// A server's `Retry-After` goes before it.
    pub backoff: Backoff,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(30),
            hold_writes_per_second: 50,
            concurrent_hold_writes: 8,
            page_size: 500,
            concurrent_lists: 4,
            call_timeout: Duration::from_secs(30),
            silence: Duration::from_secs(90),
            check_every: Duration::from_secs(60),
            allow_protected: false,
            backoff: Backoff { base: Duration::from_millis(250), cap: Duration::from_secs(30) },
        }
    }
}

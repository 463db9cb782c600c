use std::time::Duration;

use rewitness_messaging::schedule::ScheduleConfig;
use tokio::time::Instant;

/// How a [`MemoryQueue`](crate::MemoryQueue) behaves where the contract leaves a choice.
///
/// ```
/// use std::time::Duration;
/// use rewitness_memory::Config;
///
/// let impatient = Config { grace: Duration::from_secs(1), ..Config::default() };
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    /// How long deliveries in flight may go on after a stop (Q10).
    pub grace: Duration,
    /// How many resources a page of a list has at most.
    pub page_size: usize,
    /// The pace of holds, and the seed of the jitter.
    pub dispatcher: ScheduleConfig,
}

impl Default for Config {
    /// 30 s of grace, pages of 500, and the dispatcher's own.
    fn default() -> Self {
        Self { grace: Duration::from_secs(30), page_size: 500, dispatcher: ScheduleConfig::default() }
    }
}

/// The dispatcher's clock is tokio's, so that paused time is paused for both.
pub(super) fn now() -> std::time::Instant {
    Instant::now().into_std()
}

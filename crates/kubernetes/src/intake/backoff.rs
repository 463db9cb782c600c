use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use rewitness_messaging::Backoff;

/// How fast a source may try again. Every retry takes its wait from here, and only a healthy watch
/// resets it: a source that lists well and then fails to watch, over and over, would otherwise
/// list without a pause.
#[derive(Debug)]
pub(super) struct RetryBackoff {
    builder: ExponentialBuilder,
    seed: u64,
    waits: ExponentialBackoff,
    cap: Duration,
    fresh: bool,
}

impl RetryBackoff {
    pub(super) fn new(backoff: Backoff, seed: u64) -> Self {
        // backon adds up to as much again as jitter, so half of the cap makes waits of up to it.
        let builder = ExponentialBuilder::new()
            .with_min_delay(backoff.base)
            .with_max_delay((backoff.cap / 2).max(backoff.base))
            .without_max_times()
            .with_jitter();
        Self { builder, seed, waits: builder.with_jitter_seed(seed).build(), cap: backoff.cap, fresh: true }
    }

    /// The next wait, between once and twice an interval that doubles.
    pub(super) fn next(&mut self) -> Duration {
        self.fresh = false;
        self.waits.next().unwrap_or(self.cap).min(self.cap)
    }

    /// At once if all was well before; else as [`next`](Self::next).
    pub(super) fn soon(&mut self) -> Duration {
        if std::mem::take(&mut self.fresh) { Duration::ZERO } else { self.next() }
    }

    /// All is well again.
    pub(super) fn reset(&mut self) {
        if !self.fresh {
            self.seed = self.seed.wrapping_add(1);
            self.waits = self.builder.with_jitter_seed(self.seed).build();
            self.fresh = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_begin_again_after_health() {
        let interval = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(4) };
        let mut backoff = RetryBackoff::new(interval, 7);
        assert_eq!(backoff.soon(), Duration::ZERO);
        let waits: Vec<Duration> = (0..12).map(|_| backoff.soon()).collect();
        assert!(waits[0] >= interval.base && waits[0] <= 2 * interval.base, "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= interval.cap), "{waits:?}");
        assert!(waits[8..].iter().all(|wait| *wait >= interval.cap / 2), "{waits:?}");
        backoff.reset();
        assert_eq!(backoff.soon(), Duration::ZERO);
        assert!(backoff.next() <= 2 * interval.base);
    }
}

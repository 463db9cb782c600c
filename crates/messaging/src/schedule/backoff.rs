//! How long to wait after a failure.

use std::time::Duration;

use crate::Backoff;

impl Backoff {
    /// The longest wait after the `attempt`-th failure in a row, from 1: doubling from the base,
    /// up to the cap.
    ///
    /// ```
    /// use std::time::Duration;
    /// use rewitness_messaging::Backoff;
    ///
    /// let backoff = Backoff::default();
    /// assert_eq!(backoff.interval(1), Duration::from_millis(500));
    /// assert_eq!(backoff.interval(3), Duration::from_secs(2));
    /// assert_eq!(backoff.interval(u32::MAX), Duration::from_secs(300));
    /// ```
    pub fn interval(&self, attempt: u32) -> Duration {
        let factor = 1u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.cap)
    }
}

/// Draws waits. Deterministic by its seed, so that the rules stay pure.
pub(super) struct Jitter(u64);

impl Jitter {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Full jitter: evenly between nothing and the interval, so that what failed together does not
    /// come back together (AWS Architecture Blog, "Exponential Backoff And Jitter").
    pub(super) fn full_jitter(&mut self, interval: Duration) -> Duration {
        interval.mul_f64(self.fraction())
    }

    /// Between 0 and 1; SplitMix64, which is ample for spreading load.
    fn fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_is_full_and_even() {
        let mut jitter = Jitter::new(7);
        let waits: Vec<f64> =
            (0..10_000).map(|_| jitter.full_jitter(Duration::from_secs(1)).as_secs_f64()).collect();
        assert!(waits.iter().all(|wait| (0.0..1.0).contains(wait)));
        let tenths = |tenth: f64| waits.iter().filter(|wait| (tenth..tenth + 0.1).contains(*wait)).count();
        for tenth in 0..10 {
            let count = tenths(f64::from(tenth) / 10.0);
            assert!((800..1200).contains(&count), "{count} of 10,000 in tenth {tenth}");
        }
    }
}

use rewitness_crds::cascade::HourBucket;
use rewitness_messaging::Timestamp;

/// How much of an hour one bucket is.
const BUCKET_SECONDS: i64 = 300;
const HOUR_SECONDS: i64 = 3600;

/// How many deletions were begun in the last hour, in buckets of five minutes. A bucket counts
/// until its whole content is an hour old, so that the limit is never exceeded by the rounding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HourWindow(Vec<HourBucket>);

impl HourWindow {
    /// What a status kept. A clock that was ahead for a while has left buckets of the future: they count as of
    /// now.
    pub fn new(mut buckets: Vec<HourBucket>, now: Timestamp) -> Self {
        buckets.iter_mut().for_each(|bucket| bucket.at = bucket.at.min(now));
        Self(buckets)
    }

    /// What a status keeps: at most 13 buckets.
    pub fn into_buckets(self) -> Vec<HourBucket> {
        self.0
    }

    /// How many deletions still fit.
    pub fn remaining(&self, limit: u32, now: Timestamp) -> u64 {
        let used: u64 = self.0.iter().filter(|bucket| counts(bucket, now)).map(|bucket| bucket.count).sum();
        u64::from(limit).saturating_sub(used)
    }

    /// Counts deletions that begin now.
    pub fn add(&mut self, count: u64, now: Timestamp) {
        self.0.retain(|bucket| counts(bucket, now));
        let second = now.as_second() - now.as_second().rem_euclid(BUCKET_SECONDS);
        let at = Timestamp::from_second(second).unwrap_or(now);
        match self.0.iter_mut().find(|bucket| bucket.at == at) {
            Some(bucket) => bucket.count += count,
            None => self.0.push(HourBucket { at, count }),
        }
    }
}

fn counts(bucket: &HourBucket, now: Timestamp) -> bool {
    now.as_second() < bucket.at.as_second() + BUCKET_SECONDS + HOUR_SECONDS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::time;

    #[test]
    fn deletions_count_for_an_hour_and_a_little_more() {
        let mut window = HourWindow::default();
        window.add(40, time(0));
        window.add(30, time(299));
        window.add(20, time(300));
        for (at, remaining) in [(300, 10), (3899, 10), (3900, 80), (4199, 80), (4200, 100)] {
            assert_eq!(window.remaining(100, time(at)), remaining, "at {at} s");
        }
        assert_eq!(window.remaining(50, time(300)), 0);
    }

    #[test]
    fn c14_a_clock_that_was_ahead_uses_up_the_hour_for_an_hour_and_no_longer() {
        let month = 30 * 24 * 3600;
        let mut ahead = HourWindow::default();
        ahead.add(100, time(month));
        let restored = HourWindow::new(ahead.into_buckets(), time(0));
        assert_eq!(restored.remaining(100, time(0)), 0);
        assert_eq!(restored.remaining(100, time(3900)), 100);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut window = HourWindow::default();
        for second in (0..100_000).step_by(7) {
            window.add(1, time(second));
        }
        assert!(window.into_buckets().len() <= 13);
    }
}

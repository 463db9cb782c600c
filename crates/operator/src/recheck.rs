//! When what is known of the cluster is looked up again.

use std::time::Duration;

/// How often the rights and kinds of a rule are looked up, give or take a sixth.
pub(crate) const CHECK: Duration = Duration::from_secs(180);

/// Five to seven sixths of a time, so that many rules are not checked all at once.
pub(crate) fn jittered(time: Duration) -> Duration {
    use std::hash::{BuildHasher, RandomState};
    // The keys of a fresh hasher are random, which is all the chance that is needed.
    let jitter = RandomState::new().hash_one(0) % 1000;
    time.mul_f64(5.0 / 6.0 + jitter as f64 / 3000.0)
}

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rewitness_messaging::{Timestamp, Uid};

/// For how long a count is in the hour for certain.
const HOUR_SECONDS: i64 = 3600;

/// How many deletions of each parent are counted in the hour whose record is not written yet, so that each
/// counts once, however often that is tried.
#[derive(Debug, Default)]
pub(super) struct CountedParents(Mutex<HashMap<Uid, (u64, Timestamp)>>);

impl CountedParents {
    /// How many are counted, and still in the hour. Later the parent has to fit into another.
    pub(super) fn of(&self, parent: &Uid, now: Timestamp) -> u64 {
        let counted = self.parents().get(parent).copied();
        counted
            .filter(|(_, at)| now.as_second() - at.as_second() < HOUR_SECONDS)
            .map_or(0, |(count, _)| count)
    }

    /// As many are counted now. Those that were counted before stay in the hour for as long as they were.
    pub(super) fn count(&self, parent: &Uid, count: u64, now: Timestamp) {
        let before = self.of(parent, now);
        let mut parents = self.parents();
        let since = parents.get(parent).map(|(_, at)| *at).filter(|_| before > 0);
        parents.insert(parent.clone(), (count, since.unwrap_or(now)));
    }

    pub(super) fn forget(&self, parent: &Uid) {
        self.parents().remove(parent);
    }

    fn parents(&self) -> MutexGuard<'_, HashMap<Uid, (u64, Timestamp)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::time;

    #[test]
    fn c7_what_was_counted_an_hour_ago_is_no_room_in_this_one() {
        let (counted, web) = (CountedParents::default(), Uid::from("web"));
        counted.count(&web, 3, time(0));
        counted.count(&web, 5, time(3000));
        for (at, expected) in [(0, 5), (3599, 5), (3600, 0)] {
            assert_eq!(counted.of(&web, time(at)), expected, "at {at} s");
        }
        counted.count(&web, 5, time(4000));
        assert_eq!(counted.of(&web, time(7599)), 5);
        counted.forget(&web);
        assert_eq!(counted.of(&web, time(4000)), 0);
    }
}

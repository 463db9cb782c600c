//! What becomes due later.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

/// Deadlines in order. One that is no longer wanted stays until it is due and is then ignored by
/// who set it; when most are unwanted, [`Timers::sweep`] drops them.
pub(super) struct Timers<T> {
    heap: BinaryHeap<Reverse<(Instant, T)>>,
    sweep_at: usize,
}

const SMALL: usize = 1024;

impl<T: Ord> Default for Timers<T> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), sweep_at: SMALL }
    }
}

impl<T: Ord> Timers<T> {
    pub(super) fn set(&mut self, at: Instant, what: T) {
        self.heap.push(Reverse((at, what)));
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// The next one that is due at `now`, with its deadline.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<(Instant, T)> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(due)| due)
    }

    /// Whether so many are set that it is time to drop those nobody wants.
    pub(super) fn is_crowded(&self) -> bool {
        self.heap.len() >= self.sweep_at
    }

    pub(super) fn sweep(&mut self, wanted: impl Fn(Instant, &T) -> bool) {
        self.heap.retain(|Reverse((at, what))| wanted(*at, what));
        self.sweep_at = (2 * self.heap.len()).max(SMALL);
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

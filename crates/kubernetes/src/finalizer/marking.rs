use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The holds that are being put on resources at the moment.
#[derive(Default)]
pub(crate) struct Marking {
    /// How many calls are under way that put a hold on.
    under_way: Mutex<HashMap<Arc<str>, usize>>,
    ended: Notify,
}

/// Calls that are under way, until this is dropped.
pub(super) struct Marks<'a> {
    marking: &'a Marking,
    holds: Vec<Arc<str>>,
}

impl Marking {
    pub(super) fn begin(&self, holds: &[Arc<str>]) -> Marks<'_> {
        let mut under_way = self.under_way();
        holds.iter().for_each(|hold| *under_way.entry(hold.clone()).or_default() += 1);
        Marks { marking: self, holds: holds.to_vec() }
    }

    /// Waits until no call is under way that puts this hold on a resource.
    pub(crate) async fn idle(&self, hold: &str) {
        loop {
            // Before the look, so that no end between the two is missed.
            let ended = self.ended.notified();
            if !self.under_way().contains_key(hold) {
                return;
            }
            ended.await;
        }
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<Arc<str>, usize>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Marks<'_> {
    fn drop(&mut self) {
        let mut under_way = self.marking.under_way();
        for hold in &self.holds {
            if let Some(count) = under_way.get_mut(hold) {
                *count -= 1;
            }
        }
        under_way.retain(|_, count| *count > 0);
        self.marking.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_hold_is_idle_once_the_last_call_that_puts_it_on_has_ended() {
        let (marking, hold) = (Marking::default(), [Arc::from("a/b")]);
        let (first, second) = (marking.begin(&hold), marking.begin(&hold));
        assert!(marking.idle("a/c").now_or_never().is_some());
        let mut idle = std::pin::pin!(marking.idle("a/b"));
        drop(first);
        assert!(idle.as_mut().now_or_never().is_none());
        drop(second);
        assert!(idle.now_or_never().is_some());
    }
}

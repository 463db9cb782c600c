use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// For how long a server may go on with a call for which nobody waits any more: by default it ends
/// each after a minute (`--request-timeout` of kube-apiserver).
const SERVER_GIVES_UP: Duration = Duration::from_secs(60);

/// The holds that are being added to resources at the moment.
#[derive(Default)]
pub(crate) struct HoldCalls {
    calls: Mutex<HashMap<Arc<str>, Calls>>,
    ended: Notify,
}

/// The calls that add one hold.
#[derive(Default)]
struct Calls {
    /// How many are under way.
    under_way: usize,
    /// Until when one that ended without an answer may still do what it asked for.
    unsettled: Option<Instant>,
}

/// Calls that are under way, until this is dropped.
pub(super) struct HoldCall<'a> {
    hold_calls: &'a HoldCalls,
    holds: Vec<Arc<str>>,
    unsettled: Option<Instant>,
}

impl HoldCall<'_> {
    /// They end without the server having said what became of them.
    pub(super) fn unanswered(mut self) {
        self.unsettled = Some(Instant::now() + SERVER_GIVES_UP);
    }
}

impl HoldCalls {
    pub(super) fn begin(&self, holds: &[Arc<str>]) -> HoldCall<'_> {
        let mut calls = self.calls();
        holds.iter().for_each(|hold| calls.entry(hold.clone()).or_default().under_way += 1);
        HoldCall { hold_calls: self, holds: holds.to_vec(), unsettled: None }
    }

    /// Waits until no call is under way that adds this hold to a resource, nor any that the server
    /// may still be at although it was given up.
    pub(crate) async fn idle(&self, hold: &str) {
        loop {
            // Before the look, so that no end between the two is missed.
            let ended = self.ended.notified();
            let unsettled = match self.calls().get(hold) {
                None => return,
                Some(calls) if calls.is_over() => return,
                Some(calls) => calls.unsettled.filter(|_| calls.under_way == 0),
            };
            match unsettled {
                Some(until) => tokio::select! {
                    () = sleep_until(until) => {}
                    () = ended => {}
                },
                None => ended.await,
            }
        }
    }

    fn calls(&self) -> MutexGuard<'_, HashMap<Arc<str>, Calls>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Calls {
    fn is_over(&self) -> bool {
        self.under_way == 0 && self.unsettled.is_none_or(|until| until <= Instant::now())
    }
}

impl Drop for HoldCall<'_> {
    fn drop(&mut self) {
        let mut all = self.hold_calls.calls();
        for hold in &self.holds {
            if let Some(calls) = all.get_mut(hold) {
                calls.under_way -= 1;
                calls.unsettled = calls.unsettled.max(self.unsettled);
            }
        }
        all.retain(|_, calls| !calls.is_over());
        self.hold_calls.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_hold_is_idle_once_the_last_call_that_puts_it_on_has_ended() {
        let (hold_calls, hold) = (HoldCalls::default(), [Arc::from("a/b")]);
        let (first, second) = (hold_calls.begin(&hold), hold_calls.begin(&hold));
        assert!(hold_calls.idle("a/c").now_or_never().is_some());
        let mut idle = std::pin::pin!(hold_calls.idle("a/b"));
        drop(first);
        assert!(idle.as_mut().now_or_never().is_none());
        drop(second);
        assert!(idle.now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_without_an_answer_is_under_way_for_as_long_as_the_server_may_be_at_it() {
        let (hold_calls, hold) = (HoldCalls::default(), [Arc::from("a/b")]);
        let (first, second) = (hold_calls.begin(&hold), hold_calls.begin(&hold));
        first.unanswered();
        drop(second);
        let began = Instant::now();
        hold_calls.idle("a/b").await;
        assert_eq!(began.elapsed().as_secs(), SERVER_GIVES_UP.as_secs());
        assert!(hold_calls.idle("a/b").now_or_never().is_some());
    }
}

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// How many deletes are in flight: as many as the API server takes without complaint. One for all
/// Cascades of a process, because the server is one.
///
/// Grows by one for each window of successes, and halves at each 429, at which all wait for as long
/// as the server says.
pub(crate) struct Limiter {
    state: Mutex<Window>,
    changed: Notify,
}

#[derive(Debug)]
struct Window {
    size: f64,
    most: f64,
    in_flight: usize,
    /// Nothing is sent before.
    until: Option<Instant>,
}

/// How long is waited when the server does not say.
const UNTOLD: Duration = Duration::from_secs(1);

/// Where a process begins; it is at its most after a few hundred deletes.
const FIRST: f64 = 8.0;

/// The permission to make one call.
pub(crate) struct Pass<'a>(&'a Limiter);

impl Limiter {
    pub(crate) fn new(most: usize) -> Self {
        let most = most.max(1) as f64;
        let window = Window { size: FIRST.min(most), most, in_flight: 0, until: None };
        Self { state: Mutex::new(window), changed: Notify::new() }
    }

    /// Waits for its turn.
    pub(crate) async fn enter(&self) -> Pass<'_> {
        loop {
            // Before the look, so that no change between the two is missed.
            let changed = self.changed.notified();
            let until = self.window().try_enter(Instant::now());
            match until {
                Turn::Now => return Pass(self),
                Turn::At(until) => sleep_until(until).await,
                Turn::AfterAnother => changed.await,
            }
        }
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// The server took the call.
    pub(crate) fn taken(self) {
        self.0.window().grow();
    }

    /// The server was overloaded.
    pub(crate) fn overloaded(self, after: Option<Duration>) {
        self.0.window().shrink(Instant::now() + after.unwrap_or(UNTOLD));
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.0.window().in_flight -= 1;
        self.0.changed.notify_waiters();
    }
}

#[derive(Debug, PartialEq)]
enum Turn {
    Now,
    At(Instant),
    AfterAnother,
}

impl Window {
    fn try_enter(&mut self, now: Instant) -> Turn {
        match self.until.filter(|until| *until > now) {
            Some(until) => Turn::At(until),
            None if (self.in_flight as f64) < self.size.floor() => {
                self.in_flight += 1;
                Turn::Now
            }
            None => Turn::AfterAnother,
        }
    }

    fn grow(&mut self) {
        self.size = (self.size + 1.0 / self.size).min(self.most);
    }

    fn shrink(&mut self, until: Instant) {
        // A burst of refusals to one window of calls counts once.
        if self.until.is_none_or(|before| before < until) {
            self.size = (self.size / 2.0).max(1.0);
        }
        self.until = self.until.max(Some(until));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_grows_slowly_and_halves_at_once() {
        let mut window = Window { size: 8.0, most: 10.0, in_flight: 0, until: None };
        (0..100).for_each(|_| window.grow());
        assert_eq!(window.size, 10.0);
        let now = Instant::now();
        window.shrink(now + Duration::from_secs(2));
        window.shrink(now + Duration::from_secs(2));
        assert_eq!(window.size, 5.0);
        assert_eq!(window.try_enter(now), Turn::At(now + Duration::from_secs(2)));
        (0..20).for_each(|second| window.shrink(now + Duration::from_secs(3 + second)));
        assert_eq!(window.size, 1.0);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_goes_before_the_server_said_so_nor_more_than_fit() {
        let limiter = Limiter::new(2);
        let start = Instant::now();
        limiter.enter().await.overloaded(Some(Duration::from_secs(7)));
        let first = limiter.enter().await;
        assert_eq!(start.elapsed().as_secs(), 7);
        let second = tokio::time::timeout(Duration::from_secs(1), limiter.enter()).await;
        assert!(second.is_err(), "the window is 1");
        first.taken();
        let _second = limiter.enter().await;
    }
}

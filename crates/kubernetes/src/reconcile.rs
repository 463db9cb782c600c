//! From what is due to what is answered: `kube_runtime::applier` runs each delivery as a
//! reconcile, behind a window that the shared rules fill.
//!
//! The applier's own scheduler never holds more than the window: it hands out what is pending in
//! hash order, and slows down with its number. Which delivery is next, when a failed one comes
//! back, and that a resource has one at a time, is decided by the dispatcher alone; so every reconcile
//! ends with [`Action::await_change`].

mod context;
mod slot;
mod steps;
mod window;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use kube::runtime::applier;
use kube::runtime::controller::{self, Action};
use kube::runtime::reflector::ObjectRef;
use rewitness_messaging::dispatcher::Dispatcher;
use tokio::time::timeout;

use crate::finalizer::Finalizers;
use context::Context;
use slot::{Slot, number_of};
use steps::{Undone, error_policy, reconcile};
use window::Window;

/// What the applier yields when a reconcile is complete.
type Completion = Result<(ObjectRef<Slot>, Action), controller::Error<Undone, Infallible>>;

/// The deliveries of one run.
pub(crate) struct Reconciles {
    dispatcher: Dispatcher,
    context: Arc<Context>,
    window: Window,
    completions: BoxStream<'static, Completion>,
}

impl Reconciles {
    pub(crate) fn new(dispatcher: Dispatcher, finalizers: Arc<Finalizers>) -> Self {
        let context = Arc::new(Context::new(dispatcher.clone(), finalizers));
        let (window, mut requests) = Window::new(context.clone());
        let requests = stream::poll_fn(move |task| requests.poll_recv(task)).map(Ok::<_, Infallible>);
        // The window bounds how many run at a time.
        let unbounded = controller::Config::default().concurrency(0);
        let completions =
            applier(reconcile, error_policy, context.clone(), window.store(), requests, unbounded);
        Self { dispatcher, context, window, completions: completions.boxed() }
    }

    /// Begins what is due, as far as the subscriptions' concurrency has room.
    pub(crate) fn begin_due(&mut self, now: Instant) {
        while self.window.has_room()
            && let Some(admission) = self.dispatcher.admit(now)
        {
            self.window.give(admission);
        }
    }

    /// Waits until a reconcile is complete, and frees its slot and those of all that are complete; or,
    /// if there was no room for all that is due, until there is.
    pub(crate) async fn completed(&mut self) {
        let mut completed = tokio::select! {
            biased;
            completed = self.completions.next() => completed,
            // What has begun may go on for long, and the next that is due may be another's (Q5).
            () = self.window.room(), if !self.window.has_room() => return,
        };
        while let Some(completion) = completed {
            if let Some(slot) = slot_of(&completion) {
                self.window.free(slot);
            }
            completed = self.completions.next().now_or_never().flatten();
        }
        self.context.tasks().reap();
    }

    /// Lets what runs go on for `grace`, and cuts off the rest (Q10). Nothing begins any more.
    /// Returns how many were cut off.
    pub(crate) async fn finish(mut self, grace: Duration) -> usize {
        self.dispatcher.drain();
        self.context.stop();
        let finished = async {
            while self.window.is_busy() {
                self.completed().await;
            }
        };
        let in_time = timeout(grace, finished).await.is_ok();
        let mut tasks = std::mem::take(&mut *self.context.tasks());
        tasks.reap();
        let cut_off = if in_time { 0 } else { tasks.len() };
        tasks.shut_down().await;
        cut_off
    }
}

impl Drop for Reconciles {
    /// A run that is dropped takes what is under way with it. Each task keeps the context alive, and
    /// the context keeps the tasks, so that none would end by itself.
    fn drop(&mut self) {
        self.context.stop();
        drop(std::mem::take(&mut *self.context.tasks()));
    }
}

fn slot_of(completion: &Completion) -> Option<usize> {
    match completion {
        Ok((slot, _)) => number_of(&slot.name),
        Err(controller::Error::ReconcilerFailed(_, slot) | controller::Error::ObjectNotFound(slot)) => {
            number_of(&slot.name)
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests;

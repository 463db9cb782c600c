use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rewitness_messaging::Retry;
use rewitness_messaging::dispatcher::{Admission, Dispatcher};
use rewitness_messaging::schedule::Answer;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::time::Instant;

use crate::finalizer::Finalizers;
use crate::tasks::Tasks;

/// What every reconcile of a run shares.
pub(super) struct Context {
    pub(super) dispatcher: Dispatcher,
    pub(super) finalizers: Arc<Finalizers>,
    /// What was admitted, in this order, until a reconcile takes it. The applier begins its slots in
    /// any order, so each takes what has waited longest, and not something of its own.
    given: Mutex<VecDeque<Given>>,
    /// The deliveries under way. The applier polls every future that it holds whenever one of them
    /// moves, so the work itself is in tasks of its own.
    tasks: Mutex<Tasks>,
    /// Whether a delivery is polled once before it gets a task. Most are over by then, and a task
    /// costs more than they do. On several threads it would keep the others waiting while it
    /// computes; on one thread it does so in any case.
    pub(super) begins_in_place: bool,
    stopping: Arc<AtomicBool>,
}

impl Context {
    pub(super) fn new(dispatcher: Dispatcher, finalizers: Arc<Finalizers>) -> Self {
        let begins_in_place = Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread;
        let (given, tasks, stopping) = Default::default();
        Self { dispatcher, finalizers, given, tasks, begins_in_place, stopping }
    }

    /// Gives the next reconcile something to do.
    pub(super) fn give(&self, admission: Admission) {
        let (dispatcher, stopping) = (self.dispatcher.clone(), self.stopping.clone());
        lock(&self.given).push_back(Given { dispatcher, stopping, admission: Some(admission) });
    }

    /// Takes what has waited longest.
    pub(super) fn take(&self) -> Option<Given> {
        lock(&self.given).pop_front()
    }

    /// Takes back what was given last.
    pub(super) fn take_back(&self) -> Option<Given> {
        lock(&self.given).pop_back()
    }

    pub(super) fn tasks(&self) -> MutexGuard<'_, Tasks> {
        lock(&self.tasks)
    }

    /// From now on nothing begins.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}

/// What is under a lock here is whole after each statement, so a panic has broken nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An admission that is answered in any case: one that is dropped has failed. Only at the end of a
/// run nothing is answered, because nothing was witnessed: the next run delivers it again (Q10).
pub(super) struct Given {
    dispatcher: Dispatcher,
    stopping: Arc<AtomicBool>,
    admission: Option<Admission>,
}

impl Given {
    pub(super) fn admission(&self) -> Option<&Admission> {
        self.admission.as_ref()
    }

    pub(super) fn answer(mut self, answer: Answer) {
        self.hand_back(answer);
    }

    fn hand_back(&mut self, answer: Answer) {
        if let Some(admission) = self.admission.take() {
            self.dispatcher.answer(admission.ticket, answer, Instant::now().into_std());
        }
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        if !self.stopping.load(Ordering::Acquire) {
            self.hand_back(Answer::Failed(Retry::Backoff));
        }
    }
}

//! From what is due to what is answered: `kube_runtime::applier` runs each delivery as a reconcile.
//!
//! Which delivery is next, how many run at a time, when a failed one comes back, and that a resource
//! has one at a time, is decided by the dispatcher alone. The applier would merge what waits by
//! resource and begin it in hash order; so what it is given is a [`Slot`] for each delivery that may run,
//! and whichever slot it begins takes the delivery that has waited longest. Decision 9 says what that
//! costs, and why the applier stays.

mod slot;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::channel::mpsc::{UnboundedSender, unbounded};
use futures::future::{BoxFuture, ready};
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use kube::runtime::controller::{self, Action, ReconcileRequest};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::reflector::store::Writer;
use kube::runtime::{applier, watcher};
use rewitness_messaging::dispatcher::{Admission, Dispatcher};
use rewitness_messaging::schedule::{Answer, Work};
use rewitness_messaging::{Failure, ResourceId};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::Error;
use crate::finalizer::Finalizers;
use crate::tasks::Tasks;
use slot::Slot;

/// A reconcile asks for no other: what fails or is to come back has been told to the dispatcher.
type Reconciled = Result<Action, Infallible>;

/// What the applier yields when a reconcile is complete.
type Completion = Result<(ObjectRef<Slot>, Action), controller::Error<Infallible, Infallible>>;

/// The deliveries of one run. Dropping it ends what is under way.
pub(crate) struct Reconciles {
    context: Arc<Context>,
    slots: Writer<Slot>,
    free: Vec<ObjectRef<Slot>>,
    busy: usize,
    /// Never more than there are slots, and so bounded by the concurrency of the subscriptions.
    requests: UnboundedSender<ReconcileRequest<Slot>>,
    completions: BoxStream<'static, Completion>,
}

/// What every reconcile of a run shares.
struct Context {
    dispatcher: Dispatcher,
    finalizers: Arc<Finalizers>,
    /// What was admitted, in this order, until a slot takes it.
    admitted: Mutex<VecDeque<Admission>>,
    /// The deliveries under way. The applier polls every future that it holds whenever one of them
    /// moves, so those that wait do it in tasks of their own.
    tasks: Mutex<Tasks>,
    /// Whether a delivery is polled once before it gets a task. Most are over by then, and a task
    /// costs more than they do. On several threads it would keep the others waiting while it
    /// computes; on one thread it does so in any case.
    begins_in_place: bool,
}

impl Reconciles {
    pub(crate) fn new(dispatcher: Dispatcher, finalizers: Arc<Finalizers>) -> Self {
        let begins_in_place = Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread;
        let (admitted, tasks) = Default::default();
        let context = Arc::new(Context { dispatcher, finalizers, admitted, tasks, begins_in_place });
        let mut slots = Writer::default();
        // The applier waits for a complete list before it runs anything. This one is empty.
        slots.apply_watcher_event(&watcher::Event::Init);
        slots.apply_watcher_event(&watcher::Event::InitDone);
        let (requests, requested) = unbounded();
        let completions = applier(
            reconcile,
            |_, never, _| match *never {},
            context.clone(),
            slots.as_reader(),
            requested.map(Ok::<_, Infallible>),
            // The dispatcher bounds how many run at a time.
            controller::Config::default().concurrency(0),
        );
        let completions = completions.boxed();
        Self { context, slots, free: Vec::new(), busy: 0, requests, completions }
    }

    /// Begins what is due, as far as the subscriptions' concurrency allows.
    pub(crate) fn begin_due(&mut self, now: Instant) {
        while let Some(admission) = self.context.dispatcher.admit(now) {
            lock(&self.context.admitted).push_back(admission);
            let slot = self.free.pop().unwrap_or_else(|| self.add_slot());
            self.busy += 1;
            // Its other end is the applier's, which lives as long as this does.
            let _ = self.requests.unbounded_send(slot.into());
        }
    }

    fn add_slot(&mut self) -> ObjectRef<Slot> {
        // None is free, so there are as many as are busy.
        let slot = Slot::new(self.busy);
        let reference = ObjectRef::from_obj(&slot);
        self.slots.apply_watcher_event(&watcher::Event::Apply(slot));
        reference
    }

    /// Waits until a reconcile is complete, and takes note of all that are.
    pub(crate) async fn completed(&mut self) {
        let mut completed = self.completions.next().await;
        while let Some(completion) = completed {
            // What else the applier could yield is about slots that it was never told of.
            if let Ok((slot, _)) = completion {
                self.free.push(slot);
                self.busy -= 1;
            }
            completed = self.completions.next().now_or_never().flatten();
        }
        lock(&self.context.tasks).reap();
    }

    /// Lets what runs go on for `grace`, and cuts off the rest (Q10). Nothing begins any more: what was
    /// admitted and has not begun is delivered by the next run.
    /// Returns how many were cut off.
    pub(crate) async fn finish(mut self, grace: Duration) -> usize {
        self.context.dispatcher.drain();
        lock(&self.context.admitted).clear();
        let finished = async {
            while self.busy > 0 {
                self.completed().await;
            }
        };
        let in_time = timeout(grace, finished).await.is_ok();
        let mut tasks = std::mem::take(&mut *lock(&self.context.tasks));
        tasks.reap();
        let cut_off = if in_time { 0 } else { tasks.len() };
        tasks.shut_down().await;
        cut_off
    }
}

/// What is under a lock here is whole after each statement, so a panic has broken nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One reconcile: the delivery that has waited longest, in a task of its own as soon as it waits.
fn reconcile(_: Arc<Slot>, context: Arc<Context>) -> BoxFuture<'static, Reconciled> {
    let Some(admission) = lock(&context.admitted).pop_front() else {
        return ready(Ok(Action::await_change())).boxed();
    };
    let mut delivery = deliver(context.dispatcher.clone(), context.finalizers.clone(), admission).boxed();
    if context.begins_in_place && delivery.as_mut().now_or_never().is_some() {
        return ready(Ok(Action::await_change())).boxed();
    }
    let (sender, ended) = oneshot::channel();
    lock(&context.tasks).spawn(async move {
        // Nobody listens any more once the run is over.
        let _ = sender.send(AssertUnwindSafe(delivery).catch_unwind().await);
    });
    let ended = ended.map(|ended| match ended {
        // Consumers' own are caught before. Whatever else panics takes the run with it (Q12).
        Ok(Err(panic)) => resume_unwind(panic),
        Ok(Ok(())) | Err(_) => Ok(Action::await_change()),
    });
    ended.boxed()
}

/// The steps of a delivery: consume, release, answer.
async fn deliver(dispatcher: Dispatcher, finalizers: Arc<Finalizers>, admission: Admission) {
    let release = |resource: ResourceId, hold: Arc<str>, at| async move {
        finalizers.release(&resource, &hold, at).await.map_err(Error::into_failure)
    };
    let answer = admission.deliver(release).await.unwrap_or_else(|failure| {
        log_failure(&admission, &failure);
        Answer::Failed(failure.retry())
    });
    dispatcher.answer(admission.ticket, answer, tokio::time::Instant::now().into_std());
}

fn log_failure(admission: &Admission, failure: &Failure) {
    let (what, attempt) = match &admission.work {
        Work::Deliver(delivery) => {
            (format!("{} {}", delivery.state, delivery.envelope.resource), delivery.attempt)
        }
        Work::Listed(listed) => (format!("the list of {}", listed.kind), 1),
    };
    let subscription = &*admission.subscription.name;
    tracing::info!(subscription, what, attempt, error = %failure, "a delivery failed, and will come back");
}

#[cfg(test)]
mod tests;

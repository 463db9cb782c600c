//! The thin shell around [`schedule`](crate::schedule) that in-process backends share: a lock, a
//! notify, the consumers, the handles. It knows no runtime; a backend brings its own clock and tasks.
//!
//! A backend's pump is a loop:
//!
//! ```
//! # use std::time::Instant;
//! # use rewitness_messaging::dispatcher::Dispatcher;
//! # async fn pump(dispatcher: Dispatcher) {
//! loop {
//!     // Registered first, so that what happens while we work rings it.
//!     let notified = dispatcher.notified();
//!     while let Some(admission) = dispatcher.admit(Instant::now()) {
//!         // … run `admission.consume()` in a task of its own, then `dispatcher.answer(…)`
//!     }
//!     // … adopt what `dispatcher.next_adoption(…)` says, open what `dispatcher.source_changes()` says,
//!     // and wait for `notified`, for `dispatcher.next_timer(…)` or for the end
//!     notified.await;
//! }
//! # }
//! ```

use std::any::Any;
use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use event_listener::Event;
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::queue::Control;
use crate::schedule::{
    Admitted, Adopted, Adoption, AdoptionTicket, Answer, Observation, Schedule, ScheduleConfig, SourceChange,
    SourceId, SubscriberId, Ticket, Via, Work,
};
use crate::{
    Consumer, Delivery, DynConsumer, Error, Failure, Handle, HoldState, Outcome, Pause, Progress, State,
    Subscription, WakeKey,
};

/// A [`Schedule`] that many tasks share. Cloning it gives another handle on the same.
#[derive(Clone)]
pub struct Dispatcher(Arc<Shared>);

struct Shared {
    state: Mutex<DispatcherState>,
    /// Notified when there may be something to admit, to adopt or to open.
    work: Event,
    /// Notified when the progress of a subscription may have changed.
    progress: Event,
}

struct DispatcherState {
    schedule: Schedule,
    consumers: HashMap<SubscriberId, Arc<dyn DynConsumer>>,
    changes: Vec<SourceChange>,
    running: bool,
}

/// A run that is under way. It ends when this is dropped, so that one that is killed can be followed
/// by another; nothing is in flight then.
#[must_use = "the run ends when this is dropped"]
pub struct Run(Dispatcher);

impl Drop for Run {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.schedule.stop();
        state.running = false;
        drop(state);
        self.0.notify();
    }
}

/// One delivery or marker that is due, with the consumer that it is for.
pub struct Admission {
    /// To be handed back with the answer.
    pub ticket: Ticket,
    /// What is due.
    pub work: Work,
    /// Who gets it.
    pub consumer: Arc<dyn DynConsumer>,
    /// What that one asked for.
    pub subscription: Arc<Subscription>,
}

impl Admission {
    /// Hands it to its consumer. A panic is caught, and is a failure that is retried with backoff.
    pub async fn consume(&self) -> Result<Outcome, Failure> {
        let answered = async {
            match &self.work {
                Work::Deliver(delivery) => self.consumer.consume_boxed(delivery.clone()).await,
                Work::Listed(marker) => {
                    self.consumer.listed_boxed(marker.clone()).await.map(|()| Outcome::Done)
                }
            }
        };
        match AssertUnwindSafe(answered).catch_unwind().await {
            Ok(answer) => answer,
            Err(panic) => Err(Failure::backoff(format!("the consumer panicked: {}", message(&*panic)))),
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("it did not say why")
}

/// Whether the hold is to be taken off once the consumer has answered `Done` to this (Q6).
pub fn is_release_due(delivery: &Delivery) -> bool {
    delivery.state == State::Deleting && delivery.hold == HoldState::Held
}

/// A consumer's answer in the terms of the schedule. `released` says whether the hold was taken off.
pub fn answer(answer: Result<Outcome, Failure>, released: bool) -> Answer {
    match answer {
        Ok(Outcome::Done) => Answer::Done { released },
        Ok(Outcome::RequeueAfter { after, wake }) => Answer::RequeueAfter { after, wake },
        Err(failure) => Answer::Failed(failure.retry()),
    }
}

impl Dispatcher {
    /// A dispatcher that knows nothing.
    pub fn new(config: ScheduleConfig) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(DispatcherState {
                schedule: Schedule::new(config),
                consumers: HashMap::new(),
                changes: Vec::new(),
                running: false,
            }),
            work: Event::new(),
            progress: Event::new(),
        }))
    }

    /// A panic while the lock was held has broken nothing that is not checked again, and must not
    /// take every other consumer down.
    fn state(&self) -> MutexGuard<'_, DispatcherState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn notify(&self) {
        self.0.work.notify(usize::MAX);
        self.0.progress.notify(usize::MAX);
    }

    /// Does something to the schedule, and rings.
    fn change<T>(&self, change: impl FnOnce(&mut Schedule) -> T) -> T {
        let result = change(&mut self.state().schedule);
        self.notify();
        result
    }

    /// Adds a subscription.
    ///
    /// # Errors
    ///
    /// As [`Queue::subscribe`](crate::Queue::subscribe).
    pub fn subscribe(&self, subscription: Subscription, consumer: impl Consumer) -> Result<Handle, Error> {
        let mut state = self.state();
        let (id, changes) = state.schedule.subscribe(subscription)?;
        state.changes.extend(changes);
        state.consumers.insert(id, Arc::new(consumer));
        drop(state);
        self.notify();
        Ok(Handle::new(Arc::new(Subscribed { dispatcher: self.clone(), id })))
    }

    /// A run begins (Q1), and goes on until what is returned is dropped. The next
    /// [`Dispatcher::source_changes`] opens every source there is.
    ///
    /// # Errors
    ///
    /// [`Error::Running`] if one is under way.
    pub fn start(&self) -> Result<Run, Error> {
        let mut state = self.state();
        if std::mem::replace(&mut state.running, true) {
            return Err(Error::Running);
        }
        state.changes = state.schedule.start();
        drop(state);
        self.notify();
        Ok(Run(self.clone()))
    }

    /// What is to be opened, listed again or closed, since the last call.
    pub fn source_changes(&self) -> Vec<SourceChange> {
        std::mem::take(&mut self.state().changes)
    }

    /// [`Schedule::list_started`].
    pub fn list_started(&self, id: SourceId) {
        self.change(|schedule| schedule.list_started(id));
    }

    /// [`Schedule::observe`], a page at a time: one lock, one ring.
    pub fn observe<'a>(&self, id: SourceId, via: Via, page: impl IntoIterator<Item = Observation<'a>>) {
        self.change(|schedule| page.into_iter().for_each(|seen| schedule.observe(id, via, &seen)));
    }

    /// [`Schedule::unreadable`].
    pub fn unreadable(&self, id: SourceId, namespace: Option<&str>, name: Option<&str>, uid: Option<&str>) {
        self.change(|schedule| schedule.unreadable(id, namespace, name, uid));
    }

    /// [`Schedule::list_finished`].
    pub fn list_finished(&self, id: SourceId) {
        self.change(|schedule| schedule.list_finished(id));
    }

    /// [`Schedule::removed`].
    pub fn removed(&self, id: SourceId, uid: &str) {
        self.change(|schedule| schedule.removed(id, uid));
    }

    /// [`Schedule::failing`].
    pub fn failing(&self, id: SourceId, reason: impl Into<Arc<str>>) {
        self.change(|schedule| schedule.failing(id, reason.into()));
    }

    /// [`Schedule::recovered`].
    pub fn recovered(&self, id: SourceId) {
        self.change(|schedule| schedule.recovered(id));
    }

    /// [`Schedule::rolled_back`].
    pub fn rolled_back(&self, id: SourceId) {
        self.change(|schedule| schedule.rolled_back(id));
    }

    /// [`Schedule::poisoned`].
    pub fn poisoned(&self, id: SourceId, count: u64) {
        self.change(|schedule| schedule.poisoned(id, count));
    }

    /// [`Schedule::is_one_of_several`].
    pub fn is_one_of_several(&self, id: SourceId) -> bool {
        self.state().schedule.is_one_of_several(id)
    }

    /// [`Schedule::admit`].
    pub fn admit(&self, now: Instant) -> Option<Admission> {
        let mut state = self.state();
        loop {
            let Admitted { ticket, subscriber, subscription, work } = state.schedule.admit(now)?;
            match state.consumers.get(&subscriber) {
                Some(consumer) => {
                    let consumer = consumer.clone();
                    drop(state);
                    self.0.progress.notify(usize::MAX);
                    return Some(Admission { ticket, work, consumer, subscription });
                }
                // Its handle was dropped between the two.
                None => state.schedule.answer(ticket, Answer::Done { released: false }, now),
            }
        }
    }

    /// [`Schedule::answer`].
    pub fn answer(&self, ticket: Ticket, answer: Answer, now: Instant) {
        self.change(|schedule| schedule.answer(ticket, answer, now));
    }

    /// [`Schedule::next_adoption`].
    pub fn next_adoption(&self, now: Instant) -> Option<Adoption> {
        self.state().schedule.next_adoption(now)
    }

    /// [`Schedule::adopted`].
    pub fn adopted(&self, ticket: AdoptionTicket, result: Adopted<'_>, now: Instant) {
        self.change(|schedule| schedule.adopted(ticket, result, now));
    }

    /// [`Schedule::next_timer`].
    pub fn next_timer(&self, now: Instant) -> Option<Instant> {
        self.state().schedule.next_timer(now)
    }

    /// Completes when, since this call, there may be something to admit, to adopt or to open.
    pub fn notified(&self) -> impl Future<Output = ()> + Send + 'static {
        self.0.work.listen()
    }

    /// [`Schedule::wake`].
    pub fn wake(&self, key: &WakeKey) {
        self.change(|schedule| schedule.wake(key));
    }

    /// [`Schedule::pause`].
    pub fn pause(&self, pause: Pause) {
        self.change(|schedule| schedule.pause(pause));
    }

    /// [`Schedule::drain`].
    pub fn drain(&self) {
        self.change(Schedule::drain);
    }

    /// [`Schedule::in_flight`].
    pub fn in_flight(&self) -> usize {
        self.state().schedule.in_flight()
    }

    /// How long until something may become due by itself.
    pub fn time_to_timer(&self, now: Instant) -> Option<Duration> {
        self.next_timer(now).map(|at| at.saturating_duration_since(now))
    }

    fn unsubscribe(&self, id: SubscriberId) {
        let mut state = self.state();
        let changes = state.schedule.unsubscribe(id);
        state.changes.extend(changes);
        let consumer = state.consumers.remove(&id);
        drop(state);
        // Outside of the lock: a consumer may own a handle of this very dispatcher.
        drop(consumer);
        self.notify();
    }
}

/// What a handle does.
struct Subscribed {
    dispatcher: Dispatcher,
    id: SubscriberId,
}

impl Control for Subscribed {
    fn progress(&self) -> Progress {
        self.dispatcher.state().schedule.progress(self.id)
    }

    fn changed(&self) -> BoxFuture<'static, ()> {
        let listener = self.dispatcher.0.progress.listen();
        listener.boxed()
    }

    fn close(&self) {
        self.dispatcher.unsubscribe(self.id);
    }
}

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
//!     // Registered first, so that what happens while we work is heard.
//!     let notified = dispatcher.notified();
//!     while let Some(admission) = dispatcher.admit(Instant::now()) {
//!         // … run `admission.deliver(…)` in a task of its own, then `dispatcher.answer(…)`
//!     }
//!     // … write the holds that `dispatcher.next_hold_write(…)` says, open what `dispatcher.source_changes()` says,
//!     // and wait for `notified`, for `dispatcher.next_timer(…)` or for the end
//!     notified.await;
//! }
//! # }
//! ```

mod admission;

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use admission::Admission;
use event_listener::Event;
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::queue::Control;
use crate::schedule::{
    Admitted, Answer, HoldWrite, HoldWriteResult, HoldWriteTicket, Observation, Schedule, ScheduleConfig,
    SourceChange, SourceId, SubscriberId, Ticket, Via,
};
use crate::{Consumer, DynConsumer, Error, Handle, Pause, Progress, Subscription, Uid, WakeKey};

/// A [`Schedule`] that many tasks share. Cloning it gives another handle on the same.
#[derive(Clone)]
pub struct Dispatcher(Arc<Shared>);

struct Shared {
    state: Mutex<DispatcherState>,
    /// Notified when there may be something to admit, to write or to open.
    work: Event,
}

struct DispatcherState {
    schedule: Schedule,
    recipients: HashMap<SubscriberId, Recipient>,
    changes: Vec<SourceChange>,
    running: bool,
}

/// One subscription, as far as the schedule knows nothing of it.
struct Recipient {
    consumer: Arc<dyn DynConsumer>,
    /// Notified when the progress of this subscription may have changed. One for all would wake
    /// every waiter at each delivery of anybody.
    progress: Arc<Event>,
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
        let all = state.recipients.values().map(|recipient| recipient.progress.clone()).collect();
        drop(state);
        self.0.notify(all);
    }
}

impl Dispatcher {
    /// A dispatcher that knows nothing.
    pub fn new(config: ScheduleConfig) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(DispatcherState {
                schedule: Schedule::new(config),
                recipients: HashMap::new(),
                changes: Vec::new(),
                running: false,
            }),
            work: Event::new(),
        }))
    }

    /// A panic while the lock was held has broken nothing that is not checked again, and must not
    /// take every other consumer down.
    fn state(&self) -> MutexGuard<'_, DispatcherState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the pump, and those who wait for these progresses.
    fn notify(&self, progresses: Vec<Arc<Event>>) {
        self.0.work.notify(usize::MAX);
        for progress in progresses {
            progress.notify(usize::MAX);
        }
    }

    /// Does something to the schedule that changes no progress.
    fn change(&self, change: impl FnOnce(&mut Schedule)) {
        change(&mut self.state().schedule);
        self.notify(Vec::new());
    }

    /// Does something that concerns every subscription that is attached to a source.
    fn change_source(&self, id: SourceId, change: impl FnOnce(&mut Schedule)) {
        let mut state = self.state();
        change(&mut state.schedule);
        let attached = state.schedule.attached(id).filter_map(|one| state.recipients.get(&one));
        let progresses = attached.map(|recipient| recipient.progress.clone()).collect();
        drop(state);
        self.notify(progresses);
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
        let progress = Arc::new(Event::new());
        let recipient = Recipient { consumer: Arc::new(consumer), progress: progress.clone() };
        state.recipients.insert(id, recipient);
        drop(state);
        self.notify(Vec::new());
        Ok(Handle::new(Arc::new(Subscribed { dispatcher: self.clone(), id, progress })))
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
        let all = state.recipients.values().map(|recipient| recipient.progress.clone()).collect();
        drop(state);
        self.notify(all);
        Ok(Run(self.clone()))
    }

    /// What is to be opened, listed again or closed, since the last call.
    pub fn source_changes(&self) -> Vec<SourceChange> {
        std::mem::take(&mut self.state().changes)
    }

    /// [`Schedule::list_started`].
    pub fn list_started(&self, id: SourceId) {
        self.change_source(id, |schedule| schedule.list_started(id));
    }

    /// [`Schedule::observe`], a page at a time: one lock, one notification.
    pub fn observe<'a>(&self, id: SourceId, via: Via, page: impl IntoIterator<Item = Observation<'a>>) {
        self.change_source(id, |schedule| page.into_iter().for_each(|seen| schedule.observe(id, via, &seen)));
    }

    /// [`Schedule::unreadable`].
    pub fn unreadable(&self, id: SourceId, namespace: Option<&str>, name: Option<&str>, uid: Option<&str>) {
        self.change_source(id, |schedule| schedule.unreadable(id, namespace, name, uid));
    }

    /// [`Schedule::list_finished`].
    pub fn list_finished(&self, id: SourceId) {
        self.change_source(id, |schedule| schedule.list_finished(id));
    }

    /// [`Schedule::removed`].
    pub fn removed(&self, id: SourceId, uid: &str) {
        self.change_source(id, |schedule| schedule.removed(id, uid));
    }

    /// [`Schedule::failing`].
    pub fn failing(&self, id: SourceId, reason: impl Into<Arc<str>>) {
        self.change_source(id, |schedule| schedule.failing(id, reason.into()));
    }

    /// [`Schedule::recovered`].
    pub fn recovered(&self, id: SourceId) {
        self.change_source(id, |schedule| schedule.recovered(id));
    }

    /// [`Schedule::rolled_back`].
    pub fn rolled_back(&self, id: SourceId) {
        self.change_source(id, |schedule| schedule.rolled_back(id));
    }

    /// [`Schedule::poisoned`].
    pub fn poisoned(&self, id: SourceId, count: u64) {
        self.change_source(id, |schedule| schedule.poisoned(id, count));
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
            match state.recipients.get(&subscriber) {
                Some(Recipient { consumer, progress }) => {
                    let (consumer, progress) = (consumer.clone(), progress.clone());
                    drop(state);
                    progress.notify(usize::MAX);
                    return Some(Admission { ticket, work, consumer, subscription });
                }
                // Its handle was dropped between the two.
                None => state.schedule.answer(ticket, Answer::Done { released: false }, now),
            }
        }
    }

    /// [`Schedule::answer`].
    pub fn answer(&self, ticket: Ticket, answer: Answer, now: Instant) {
        let mut state = self.state();
        let progress = state.recipients.get(&ticket.subscriber()).map(|one| one.progress.clone());
        state.schedule.answer(ticket, answer, now);
        drop(state);
        self.notify(progress.into_iter().collect());
    }

    /// [`Schedule::next_hold_write`].
    pub fn next_hold_write(&self, now: Instant) -> Option<HoldWrite> {
        self.state().schedule.next_hold_write(now)
    }

    /// [`Schedule::hold_written`].
    pub fn hold_written(&self, ticket: HoldWriteTicket, result: HoldWriteResult<'_>, now: Instant) {
        self.change_source(ticket.source(), |schedule| schedule.hold_written(ticket, result, now));
    }

    /// [`Schedule::next_timer`].
    pub fn next_timer(&self, now: Instant) -> Option<Instant> {
        self.state().schedule.next_timer(now)
    }

    /// Completes when, since this call, there may be something to admit, to write or to open.
    pub fn notified(&self) -> impl Future<Output = ()> + Send + 'static {
        self.0.work.listen()
    }

    /// [`Schedule::wake`].
    pub fn wake(&self, key: &WakeKey) {
        self.change(|schedule| schedule.wake(key));
    }

    /// [`Schedule::redeliver`].
    pub fn redeliver(&self, subscription: &str, resource: &Uid) {
        self.change(|schedule| schedule.redeliver(subscription, resource));
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
        let recipient = state.recipients.remove(&id);
        drop(state);
        self.notify(recipient.iter().map(|recipient| recipient.progress.clone()).collect());
        // Outside of the lock: a consumer may own a handle of this very dispatcher.
        drop(recipient);
    }
}

/// What a handle does.
struct Subscribed {
    dispatcher: Dispatcher,
    id: SubscriberId,
    progress: Arc<Event>,
}

impl Control for Subscribed {
    fn progress(&self) -> Progress {
        self.dispatcher.state().schedule.progress(self.id)
    }

    fn changed(&self) -> BoxFuture<'static, ()> {
        self.progress.listen().boxed()
    }

    fn close(&self) {
        self.dispatcher.unsubscribe(self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Delivery, Failure, Kind, Outcome, Version};

    /// Which of the waits are over.
    fn over<const N: usize>(waits: [BoxFuture<'_, ()>; N]) -> [bool; N] {
        waits.map(|wait| wait.now_or_never().is_some())
    }

    #[test]
    fn a_waiter_is_woken_for_its_own_subscription_and_nobody_elses() {
        let (dispatcher, now) = (Dispatcher::new(ScheduleConfig::default()), Instant::now());
        let subscribe = |name: &str, kind: &str| {
            let wants = Subscription::new(name, [Kind::new("", kind)]);
            dispatcher.subscribe(wants, async |_: Delivery| Ok::<_, Failure>(Outcome::Done)).unwrap()
        };
        let handles = [subscribe("one", "Node"), subscribe("two", "Node"), subscribe("elsewhere", "Pod")];
        let waits = || [0, 1, 2].map(|at: usize| handles[at].changed().boxed());
        let begun = waits();
        let _run = dispatcher.start().unwrap();
        assert_eq!(over(begun), [true; 3], "a start concerns all");
        let nodes = dispatcher.source_changes().into_iter().find_map(|change| match change {
            SourceChange::Open { id, source } => (&*source.kind.kind == "Node").then_some(id),
            _ => None,
        });
        let nodes = nodes.unwrap();

        let listed = waits();
        dispatcher.list_started(nodes);
        let seen = Observation { uid: "a".into(), version: Version(1), ..Observation::default() };
        dispatcher.observe(nodes, Via::List, [seen]);
        dispatcher.list_finished(nodes);
        assert_eq!(over(listed), [true, true, false], "a list concerns those attached to its source");

        for _ in 0..2 {
            let admitted = waits();
            let admission = dispatcher.admit(now).unwrap();
            let whose = ["one", "two", "elsewhere"].map(|name| name == &*admission.subscription.name);
            assert_eq!(over(admitted), whose);
            let answered = waits();
            dispatcher.answer(admission.ticket, Answer::Done { released: false }, now);
            assert_eq!(over(answered), whose);
        }
        let left = waits();
        dispatcher.wake(&WakeKey::from("key"));
        dispatcher.pause(Pause::default());
        assert_eq!(over(left), [false; 3], "neither changes any progress");
    }
}

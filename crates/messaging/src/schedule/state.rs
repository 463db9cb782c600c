//! What is known, what is due and what is in flight; and who subscribes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use super::attachment::{Attachment, Wait};
use super::backoff::Jitter;
use super::hold_writes::HoldWrites;
use super::subscriber::Subscriber;
use super::table::{Index, Table};
use super::terms::{Admitted, Due, MARKER, Place, SourceChange, SourceId, SubscriberId, Ticket};
use super::timers::Timers;
use super::wakes::Wakes;
use crate::{Error, Pause, Progress, Source, SourceProgress, SourceState, Subscription, Uid, WakeKey};

/// How a [`Schedule`] behaves.
#[derive(Clone, Copy, Debug)]
pub struct ScheduleConfig {
    /// How many holds are written per second: each costs a write to the system of record.
    pub hold_writes_per_second: u32,
    /// Whether resources of this namespace are never held.
    pub exempt_from_holds: fn(Option<&str>) -> bool,
    /// Where the jitter starts.
    pub seed: u64,
}

impl Default for ScheduleConfig {
    /// 50 hold writes per second, nothing exempt.
    fn default() -> Self {
        Self { hold_writes_per_second: 50, exempt_from_holds: |_| false, seed: 0 }
    }
}

/// The state of a queue: what is known, what is due, what is in flight.
pub struct Schedule {
    pub(super) config: ScheduleConfig,
    pub(super) watched: HashMap<SourceId, Watched>,
    pub(super) by_source: HashMap<Source, SourceId>,
    pub(super) subscribers: BTreeMap<SubscriberId, Subscriber>,
    pub(super) leaving: BTreeMap<SubscriberId, Leaving>,
    pub(super) last_id: u32,
    pub(super) last_served: SubscriberId,
    pub(super) timers: Timers<Due>,
    pub(super) wakes: Wakes,
    pub(super) jitter: Jitter,
    pub(super) hold_writes: HoldWrites,
    pub(super) pause: Pause,
    pub(super) draining: bool,
    pub(super) run: u32,
    pub(super) in_flight: usize,
}

/// A subscription that has ended while deliveries of it are in flight. Until they are answered its
/// name and its hold are taken, or two of one name would be at work on one resource (Q4).
pub(super) struct Leaving {
    pub(super) spec: Arc<Subscription>,
    pub(super) running: usize,
}

/// One source, and who is attached to it.
pub(super) struct Watched {
    pub(super) source: Source,
    pub(super) table: Table,
    pub(super) attached: Vec<(SubscriberId, u16)>,
    /// Whether a list has been complete since the start.
    pub(super) listed: bool,
    /// The number of the list that was begun last.
    pub(super) list: u64,
    /// Whether older versions count: the system of record was rolled back, and no list has been
    /// complete since.
    pub(super) accept_older: bool,
    pub(super) failing: Option<Arc<str>>,
    pub(super) holds_failing: Option<Arc<str>>,
    pub(super) rollbacks: u64,
    pub(super) poisoned: u64,
}

impl Schedule {
    /// A schedule that knows nothing.
    pub fn new(config: ScheduleConfig) -> Self {
        Self {
            watched: HashMap::new(),
            by_source: HashMap::new(),
            subscribers: BTreeMap::new(),
            leaving: BTreeMap::new(),
            last_id: 0,
            last_served: SubscriberId(0),
            timers: Timers::default(),
            wakes: Wakes::default(),
            jitter: Jitter::new(config.seed),
            hold_writes: HoldWrites::new(config.hold_writes_per_second),
            pause: Pause::default(),
            draining: false,
            run: 0,
            in_flight: 0,
            config,
        }
    }

    /// Adds a subscription.
    ///
    /// # Errors
    ///
    /// As [`Queue::subscribe`](crate::Queue::subscribe).
    pub fn subscribe(&mut self, spec: Subscription) -> Result<(SubscriberId, Vec<SourceChange>), Error> {
        spec.check()?;
        let leaving = self.leaving.values().map(|leaving| &leaving.spec);
        for other in self.subscribers.values().map(|subscriber| &subscriber.spec).chain(leaving) {
            if other.name == spec.name {
                return Err(Error::NameTaken { name: spec.name });
            }
            match (&other.hold, &spec.hold) {
                (Some(theirs), Some(ours)) if theirs.name == ours.name => {
                    return Err(Error::HoldTaken { hold: ours.name.clone(), owner: other.name.clone() });
                }
                _ => {}
            }
        }
        let id = SubscriberId(self.next_id());
        let mut subscriber = Subscriber::new(id, Arc::new(spec));
        let mut changes = Vec::new();
        for source in subscriber.spec.sources() {
            self.attach(&mut subscriber, source, &mut changes);
        }
        subscriber.check_replayed();
        self.subscribers.insert(id, subscriber);
        Ok((id, changes))
    }

    fn next_id(&mut self) -> u32 {
        self.last_id += 1;
        self.last_id
    }

    /// Attaches a new subscription to a source, and replays to it what is known if that suffices:
    /// holds, and labels that nobody asked for before, have to be listed again.
    fn attach(&mut self, subscriber: &mut Subscriber, source: Source, changes: &mut Vec<SourceChange>) {
        let spec = subscriber.spec.clone();
        let id = match self.by_source.get(&source) {
            Some(id) => *id,
            None => {
                let id = SourceId(self.next_id());
                self.by_source.insert(source.clone(), id);
                let watched = Watched::new(source);
                changes.push(watched.open(id));
                self.watched.insert(id, watched);
                id
            }
        };
        let Some(watched) = self.watched.get_mut(&id) else { return };
        watched.attached.push((subscriber.id, subscriber.attachments.len() as u16));
        let lacks_labels = watched.table.keep_labels(&spec.labels);
        let fresh = watched.list == 0;
        let needs_list = !fresh && (spec.hold.is_some() || spec.matches_locally() || lacks_labels);
        let mut attachment = Attachment::new(id);
        if needs_list {
            attachment.needs_list = watched.list + 1;
            changes.push(SourceChange::Relist { id });
        } else {
            attachment.listed = watched.listed;
        }
        subscriber.attach(attachment);
        if !needs_list {
            subscriber.replay_known(&watched.table);
        }
    }

    /// Ends a subscription. Its holds stay on the resources.
    pub fn unsubscribe(&mut self, id: SubscriberId) -> Vec<SourceChange> {
        let Some(subscriber) = self.subscribers.remove(&id) else { return Vec::new() };
        let mut changes = Vec::new();
        for (key, place) in subscriber.awaited_keys() {
            self.wakes.forget(&key, place);
        }
        if subscriber.running > 0 {
            self.leaving.insert(id, Leaving { spec: subscriber.spec.clone(), running: subscriber.running });
        }
        for attachment in &subscriber.attachments {
            let Some(watched) = self.watched.get_mut(&attachment.source) else { continue };
            watched.attached.retain(|(attached, _)| *attached != id);
            if watched.attached.is_empty() {
                self.by_source.remove(&watched.source);
                self.watched.remove(&attachment.source);
                self.hold_writes.forget_source(attachment.source);
                changes.push(SourceChange::Close { id: attachment.source });
            } else {
                let asking = watched.attached.iter().filter_map(|(id, _)| self.subscribers.get(id));
                let wanted = asking.flat_map(|subscriber| &subscriber.spec.labels).cloned().collect();
                watched.table.keep_no_more_than(wanted);
                let gone: Vec<Index> =
                    watched.table.indexes().filter(|index| watched.table.is_gone(*index)).collect();
                gone.into_iter().for_each(|index| self.forget_if_unowed(attachment.source, index));
            }
        }
        changes
    }

    /// The next delivery that is due at `now`, if the windows have room. Subscriptions take turns.
    pub fn admit(&mut self, now: Instant) -> Option<Admitted> {
        if self.draining {
            return None;
        }
        self.pop_timers(now);
        let after = self.last_served;
        let later = self.subscribers.range((std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded));
        let order: Vec<SubscriberId> = later
            .chain(self.subscribers.range(..=after))
            .filter(|(_, subscriber)| subscriber.has_room())
            .map(|(id, _)| *id)
            .collect();
        for id in order {
            let Some(subscriber) = self.subscribers.get_mut(&id) else { continue };
            let Some((place, work)) = subscriber.admit(&self.watched, self.pause, self.wakes.serial()) else {
                continue;
            };
            self.last_served = id;
            self.in_flight += 1;
            let subscription = subscriber.spec.clone();
            return Some(Admitted {
                ticket: Ticket { run: self.run, place },
                subscriber: id,
                subscription,
                work,
            });
        }
        None
    }

    pub(super) fn pop_timers(&mut self, now: Instant) {
        while let Some((deadline, due)) = self.timers.pop_due(now) {
            match due {
                Due::HoldWrite(source, index) => self.requeue_hold_write(source, index),
                Due::EndOfContest(source, index) => {
                    if self.hold_writes.contests.ends_at(source, index, deadline) {
                        self.hold_writes.contests.forget(source, index);
                    }
                }
                Due::Delivery(place) => self.end_wait(place, |wait| wait.until == Some(deadline)),
            }
        }
        if self.timers.is_crowded() {
            let (subscribers, contests) = (&self.subscribers, &self.hold_writes.contests);
            self.timers.sweep(|deadline, due| match due {
                Due::HoldWrite(..) | Due::Delivery(Place { index: MARKER, .. }) => true,
                Due::EndOfContest(source, index) => contests.ends_at(*source, *index, deadline),
                Due::Delivery(place) => subscribers
                    .get(&place.subscriber)
                    .and_then(|subscriber| subscriber.wait(*place))
                    .is_some_and(|wait| wait.until == Some(deadline)),
            });
        }
    }

    /// Makes what waits at `place` due, if it waits as `wanted`.
    pub(super) fn end_wait(&mut self, place: Place, wanted: impl Fn(&Wait) -> bool) {
        let Some(subscriber) = self.subscribers.get_mut(&place.subscriber) else { return };
        if let Some(key) = subscriber.end_wait(place, &self.watched, wanted) {
            self.wakes.forget(&key, place);
        }
    }

    /// Ends the waits of everything that was requeued under this key.
    pub fn wake(&mut self, key: &WakeKey) {
        for place in self.wakes.wake(key, self.in_flight > 0) {
            self.end_wait(place, |wait| wait.key.as_ref() == Some(key));
        }
    }

    /// Makes a resource due for one subscription, as [`Queue::redeliver`](crate::Queue::redeliver) says.
    pub fn redeliver(&mut self, subscription: &str, resource: &Uid) {
        let named = |subscriber: &&mut Subscriber| &*subscriber.spec.name == subscription;
        let Some(subscriber) = self.subscribers.values_mut().find(named) else { return };
        for at in 0..subscriber.attachments.len() {
            let table = &self.watched[&subscriber.attachments[at].source].table;
            let Some(index) = table.find(resource).filter(|index| !table.is_gone(*index)) else { continue };
            if let Some((key, place)) = subscriber.redeliver(at as u16, index, table.is_deleting(index)) {
                self.wakes.forget(&key, place);
            }
        }
    }

    /// The subscriptions that a source serves.
    pub(crate) fn attached(&self, id: SourceId) -> impl Iterator<Item = SubscriberId> + use<'_> {
        self.watched.get(&id).into_iter().flat_map(|watched| watched.attached.iter().map(|(id, _)| *id))
    }

    /// Holds back what `pause` says.
    pub fn pause(&mut self, pause: Pause) {
        self.pause = pause;
    }

    /// When something may become due by itself.
    pub fn next_timer(&self, now: Instant) -> Option<Instant> {
        if self.draining {
            return None;
        }
        [self.timers.next(), self.hold_writes.next_timer(now)].into_iter().flatten().min()
    }

    /// How far the replay of a subscription is. Of one that has ended: nothing.
    pub fn progress(&self, id: SubscriberId) -> Progress {
        let Some(subscriber) = self.subscribers.get(&id) else { return Progress::default() };
        let spec = &subscriber.spec;
        let source = |attachment: &Attachment| {
            let watched = &self.watched[&attachment.source];
            SourceProgress {
                kind: watched.source.kind.clone(),
                namespace: watched.source.namespace.clone(),
                state: match &watched.failing {
                    Some(reason) => SourceState::Failing { reason: reason.clone() },
                    None if attachment.listed => SourceState::Synced,
                    None => SourceState::Listing,
                },
                holds_failing: watched.holds_failing.clone().filter(|_| spec.hold.is_some()),
                contested: match spec.hold {
                    Some(_) => self.hold_writes.contests.repeated(attachment.source),
                    None => 0,
                },
                rollbacks: watched.rollbacks,
                poisoned: watched.poisoned,
            }
        };
        Progress { sources: subscriber.attachments.iter().map(source).collect(), ..subscriber.progress() }
    }
}

impl Watched {
    fn new(source: Source) -> Self {
        Self {
            source,
            table: Table::default(),
            attached: Vec::new(),
            listed: false,
            list: 0,
            accept_older: false,
            failing: None,
            holds_failing: None,
            rollbacks: 0,
            poisoned: 0,
        }
    }

    pub(super) fn open(&self, id: SourceId) -> SourceChange {
        SourceChange::Open { id, source: self.source.clone() }
    }
}

//! Which holds are to be written next, and what follows from what became of a write.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::hold_writes::{HoldWrite, HoldWriteResult, HoldWriteTicket};
use super::sighting::Origin;
use super::state::Schedule;
use super::table::Index;
use super::terms::{Due, SourceId};
use crate::Backoff;

impl Schedule {
    /// The next write that is due at `now`, if the token bucket allows one.
    pub fn next_hold_write(&mut self, now: Instant) -> Option<HoldWrite> {
        if self.draining {
            return None;
        }
        self.pop_timers(now);
        while self.hold_writes.bucket.is_ready(now) {
            let (source, index) = self.hold_writes.pop(now)?;
            let Some(watched) = self.watched.get_mut(&source) else { continue };
            if !watched.table.is_active(index) || !watched.table.is_hold_write_queued(index) {
                continue;
            }
            watched.table.set_hold_write_queued(index, false);
            let (mut add, mut remove) = (Vec::new(), Vec::new());
            for (subscriber, at) in &watched.attached {
                if let Some(subscriber) = self.subscribers.get(subscriber) {
                    add.extend(subscriber.hold_to_add(*at, index));
                    remove.extend(subscriber.hold_to_remove(*at, index));
                }
            }
            if add.is_empty() {
                self.stand_again(source, index, now);
            } else if let Some(until) = self.hold_writes.contests.rests_until(source, index, now) {
                add.clear();
                self.retry_hold_write(source, index, until.saturating_duration_since(now), now);
            }
            if add.is_empty() && remove.is_empty() {
                continue;
            }
            let Some(watched) = self.watched.get_mut(&source) else { continue };
            watched.table.set_hold_write_in_flight(index, true);
            self.hold_writes.bucket.take(now);
            let resource = watched.table.id(index, &watched.source.kind);
            let version = watched.table.version(index);
            let (run, uid, added) = (self.run, resource.uid.clone(), add.clone());
            let ticket = HoldWriteTicket { run, source, index, uid, added };
            return Some(HoldWrite { ticket, resource, version, add, remove });
        }
        None
    }

    /// Takes in what became of a hold write.
    pub fn hold_written(&mut self, ticket: HoldWriteTicket, result: HoldWriteResult<'_>, now: Instant) {
        let HoldWriteTicket { run, source, index, uid, added } = ticket;
        let Some(watched) = self.watched.get_mut(&source) else { return };
        // The place may have passed to another resource meanwhile.
        let is_same = watched.table.find(&uid) == Some(index);
        if run != self.run || !is_same || !watched.table.is_active(index) {
            return;
        }
        watched.table.set_hold_write_in_flight(index, false);
        match result {
            HoldWriteResult::Observed(seen) => {
                watched.holds_failing = None;
                self.hold_writes.succeeded(source);
                self.hold_writes.settle(source, index);
                self.apply_observation(source, Origin::OwnWrite, &seen);
                if self.is_missing(source, index, &added) {
                    // Taken off before the answer came, or by admission in the write itself.
                    self.hold_writes.contests.lost(source, index);
                } else if !added.is_empty() {
                    self.stand_again(source, index, now);
                }
                self.queue_rest_of_hold_writes(source, index);
            }
            HoldWriteResult::Gone => self.hold_writes.settle(source, index),
            HoldWriteResult::Changed => self.retry_hold_write(source, index, Duration::from_millis(500), now),
            HoldWriteResult::Failed { after, reason } => {
                watched.holds_failing = Some(reason);
                self.hold_writes.failed(source, now);
                let failures = self.hold_writes.failures.entry((source, index)).or_default();
                *failures = failures.saturating_add(1);
                let interval = Backoff::default().interval(*failures);
                let wait = after.unwrap_or_else(|| self.jitter.full_jitter(interval));
                self.retry_hold_write(source, index, wait, now);
            }
        }
    }

    /// Whether one of these holds is to be added still.
    fn is_missing(&self, source: SourceId, index: Index, added: &[Arc<str>]) -> bool {
        let attached = self.watched.get(&source).into_iter().flat_map(|watched| &watched.attached);
        let subscribers = attached.filter_map(|(id, at)| Some((self.subscribers.get(id)?, *at)));
        let mut missing = subscribers.filter_map(|(subscriber, at)| subscriber.hold_to_add(at, index));
        missing.any(|hold| added.contains(&hold))
    }

    /// No hold is missing. If that stays so, nobody contests them any more.
    fn stand_again(&mut self, source: SourceId, index: Index, now: Instant) {
        if let Some(over) = self.hold_writes.contests.held(source, index, now) {
            self.timers.set(over, Due::EndOfContest(source, index));
        }
    }

    /// What was observed during a write may want another.
    fn queue_rest_of_hold_writes(&mut self, source: SourceId, index: Index) {
        let Some(watched) = self.watched.get_mut(&source) else { return };
        let is_left = watched.attached.iter().any(|(subscriber, at)| {
            self.subscribers.get(subscriber).is_some_and(|subscriber| {
                subscriber.hold_to_add(*at, index).is_some()
                    || subscriber.hold_to_remove(*at, index).is_some()
            })
        });
        let table = &mut watched.table;
        if is_left && table.is_active(index) && !table.is_hold_write_queued(index) {
            table.set_hold_write_queued(index, true);
            self.hold_writes.push(source, index, false);
        }
    }

    fn retry_hold_write(&mut self, source: SourceId, index: Index, wait: Duration, now: Instant) {
        if self.hold_writes.waiting.insert((source, index)) {
            // No clock reaches the end of some waits that a server may ask for.
            let until = now.checked_add(wait).unwrap_or(now + Duration::from_secs(300));
            self.timers.set(until, Due::HoldWrite(source, index));
        }
    }

    pub(super) fn requeue_hold_write(&mut self, source: SourceId, index: Index) {
        let waited = self.hold_writes.waiting.remove(&(source, index));
        let Some(watched) = self.watched.get_mut(&source) else { return };
        let table = &mut watched.table;
        if waited
            && table.is_active(index)
            && !table.is_hold_write_in_flight(index)
            && !table.is_hold_write_queued(index)
        {
            table.set_hold_write_queued(index, true);
            self.hold_writes.push(source, index, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{Observation, ScheduleConfig, SourceChange, SubscriberId, Via};
    use crate::{Hold, Kind, Subscription, Version};

    /// A schedule with one resource, and a foreign hand that takes its hold off.
    struct Fight {
        schedule: Schedule,
        subscriber: SubscriberId,
        source: SourceId,
        version: u64,
        now: Instant,
    }

    impl Fight {
        fn new() -> Self {
            let mut schedule = Schedule::new(ScheduleConfig::default());
            let wants = Subscription::new("one", [Kind::new("", "Node")]).holding(Hold::new("one"));
            let (subscriber, changes) = schedule.subscribe(wants).unwrap();
            let [SourceChange::Open { id: source, .. }] = changes[..] else { panic!("{changes:?}") };
            schedule.list_started(source);
            let now = Instant::now();
            let mut fight = Self { schedule, subscriber, source, version: 0, now };
            fight.shown(Via::List, "web", false);
            fight.schedule.list_finished(source);
            fight
        }

        fn seen(&mut self, name: &'static str, held: bool) -> Observation<'static> {
            self.version += 1;
            Observation {
                name: name.into(),
                uid: name.into(),
                version: Version(self.version),
                generation: 1,
                holds: if held { vec!["one".into()] } else { Vec::new() },
                ..Observation::default()
            }
        }

        fn shown(&mut self, via: Via, name: &'static str, held: bool) {
            let seen = self.seen(name, held);
            self.schedule.observe(self.source, via, &seen);
        }

        /// The next write, and how many seconds after the last thing that happened it is due.
        fn next(&mut self) -> (HoldWrite, u64) {
            let since = self.now;
            loop {
                if let Some(write) = self.schedule.next_hold_write(self.now) {
                    return (write, (self.now - since).as_secs());
                }
                self.now = self.schedule.next_timer(self.now).expect("a write that is due at some time");
            }
        }

        fn write(&mut self) -> u64 {
            self.write_that_ends(|fight| fight.seen("web", true))
        }

        /// The next write, with what happens until its answer comes, which shows this.
        fn write_that_ends(&mut self, end: impl FnOnce(&mut Self) -> Observation<'static>) -> u64 {
            let (write, waited) = self.next();
            let seen = end(self);
            self.schedule.hold_written(write.ticket, HoldWriteResult::Observed(seen), self.now);
            waited
        }

        fn contested(&self) -> u64 {
            self.schedule.progress(self.subscriber).sources[0].contested
        }

        fn passes(&mut self, seconds: u64) {
            self.now += Duration::from_secs(seconds);
        }
    }

    #[test]
    fn q06_a_hold_that_is_taken_off_again_and_again_is_put_back_with_growing_pauses() {
        let mut fight = Fight::new();
        let pauses: Vec<u64> = (0..13)
            .map(|_| {
                let waited = fight.write();
                fight.shown(Via::Watch, "web", false);
                waited
            })
            .collect();
        assert_eq!(pauses, [0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    }

    #[test]
    fn q06_news_of_a_resource_do_not_shorten_the_pause_of_its_hold() {
        let mut fight = Fight::new();
        for _ in 0..6 {
            fight.write();
            fight.shown(Via::Watch, "web", false);
        }
        for _ in 0..15 {
            fight.shown(Via::Watch, "web", false);
            assert!(fight.schedule.next_hold_write(fight.now).is_none());
            fight.passes(1);
        }
        assert_eq!(fight.write(), 1);
    }

    #[test]
    fn q06_a_hold_that_stayed_for_longer_than_the_longest_pause_is_put_back_at_once() {
        let mut fight = Fight::new();
        for stays in [0, 0, 0, 299, 299] {
            fight.write();
            fight.passes(stays);
            fight.shown(Via::Watch, "web", false);
        }
        assert_eq!(fight.write(), 8, "it was never kept for long enough");
        fight.passes(301);
        assert!(fight.schedule.next_hold_write(fight.now).is_none());
        fight.shown(Via::Watch, "web", false);
        assert_eq!(fight.write(), 0);
        fight.shown(Via::Watch, "web", false);
        assert_eq!(fight.write(), 1);
    }

    /// The watch is faster than the answer: the hold was never seen on the resource.
    #[test]
    fn q06_a_hold_that_is_lost_before_the_answer_to_its_write_counts_as_lost() {
        let mut fight = Fight::new();
        let pauses = [(); 5].map(|()| {
            fight.write_that_ends(|fight| {
                let answer = fight.seen("web", true);
                fight.shown(Via::Watch, "web", false);
                answer
            })
        });
        assert_eq!(pauses, [0, 0, 1, 2, 4]);
    }

    /// Admission webhooks may change what we write.
    #[test]
    fn q06_a_hold_that_is_stripped_in_the_write_itself_counts_as_lost() {
        let mut fight = Fight::new();
        let pauses = [(); 5].map(|()| fight.write_that_ends(|fight| fight.seen("web", false)));
        assert_eq!(pauses, [0, 0, 1, 2, 4]);
    }

    #[test]
    fn q06_the_pause_of_one_resource_delays_no_other_and_goes_with_it() {
        let mut fight = Fight::new();
        for _ in 0..8 {
            fight.write();
            fight.shown(Via::Watch, "web", false);
        }
        assert!(fight.schedule.next_hold_write(fight.now).is_none());
        fight.shown(Via::Watch, "other", false);
        let (write, waited) = fight.next();
        assert_eq!((&*write.resource.name, waited), ("other", 0));

        fight.schedule.removed(fight.source, "web");
        fight.shown(Via::Watch, "another", false);
        let (write, waited) = fight.next();
        assert_eq!((&*write.resource.name, waited), ("another", 0));
    }

    #[test]
    fn q06_progress_counts_what_lost_its_hold_more_than_once_until_it_is_kept() {
        let mut fight = Fight::new();
        let counts = [(); 4].map(|()| {
            fight.write();
            fight.shown(Via::Watch, "web", false);
            fight.contested()
        });
        assert_eq!(counts, [0, 1, 1, 1], "the first loss may be an accident");
        fight.write();
        assert_eq!(fight.contested(), 1, "it is put back, and has not been kept");
        fight.passes(301);
        assert!(fight.schedule.next_hold_write(fight.now).is_none());
        assert_eq!(fight.contested(), 0);

        for _ in 0..2 {
            fight.shown(Via::Watch, "web", false);
            fight.write();
        }
        assert_eq!(fight.contested(), 1);
        fight.schedule.removed(fight.source, "web");
        assert_eq!(fight.contested(), 0, "it has gone");
    }
}

//! Which holds are to be written next, and what follows from what became of a write.

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
            if add.is_empty() && remove.is_empty() {
                continue;
            }
            watched.table.set_hold_write_in_flight(index, true);
            self.hold_writes.bucket.take(now);
            let resource = watched.table.id(index, &watched.source.kind);
            let version = watched.table.version(index);
            let ticket = HoldWriteTicket { run: self.run, source, index, uid: resource.uid.clone() };
            return Some(HoldWrite { ticket, resource, version, add, remove });
        }
        None
    }

    /// Takes in what became of a hold write.
    pub fn hold_written(&mut self, ticket: HoldWriteTicket, result: HoldWriteResult<'_>, now: Instant) {
        let HoldWriteTicket { run, source, index, uid } = ticket;
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
                self.hold_writes.forget(source, index);
                self.apply_observation(source, Origin::OwnWrite, &seen);
                self.queue_rest_of_hold_writes(source, index);
            }
            HoldWriteResult::Gone => self.hold_writes.forget(source, index),
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

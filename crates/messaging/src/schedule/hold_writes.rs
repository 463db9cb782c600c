//! Which holds are to be written next, and what follows from what became of a write.

use std::time::{Duration, Instant};

use super::adoption::{Adopted, Adoption, AdoptionTicket};
use super::sighting::Origin;
use super::state::Schedule;
use super::table::Index;
use super::terms::{Due, SourceId};
use crate::Backoff;

impl Schedule {
    /// The next write that is due at `now`, if the token bucket allows one.
    pub fn next_adoption(&mut self, now: Instant) -> Option<Adoption> {
        if self.draining {
            return None;
        }
        self.pop_timers(now);
        while self.adoptions.bucket.is_ready(now) {
            let (source, index) = self.adoptions.pop(now)?;
            let Some(watched) = self.watched.get_mut(&source) else { continue };
            if !watched.table.is_active(index) || !watched.table.is_adoption_queued(index) {
                continue;
            }
            watched.table.set_adoption_queued(index, false);
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
            watched.table.set_adopting(index, true);
            self.adoptions.bucket.take(now);
            let resource = watched.table.id(index, &watched.source.kind);
            let version = watched.table.version(index);
            let ticket = AdoptionTicket { run: self.run, source, index, uid: resource.uid.clone() };
            return Some(Adoption { ticket, resource, version, add, remove });
        }
        None
    }

    /// Takes in what became of an adoption.
    pub fn adopted(&mut self, ticket: AdoptionTicket, result: Adopted<'_>, now: Instant) {
        let AdoptionTicket { run, source, index, uid } = ticket;
        let Some(watched) = self.watched.get_mut(&source) else { return };
        // The place may have passed to another resource meanwhile.
        let is_same = watched.table.find(&uid) == Some(index);
        if run != self.run || !is_same || !watched.table.is_active(index) {
            return;
        }
        watched.table.set_adopting(index, false);
        match result {
            Adopted::Observed(seen) => {
                watched.holds_failing = None;
                self.adoptions.succeeded(source);
                self.adoptions.forget(source, index);
                self.apply_observation(source, Origin::OwnWrite, &seen);
                self.queue_rest_of_hold_writes(source, index);
            }
            Adopted::Gone => self.adoptions.forget(source, index),
            Adopted::Changed => self.retry_adoption(source, index, Duration::from_millis(500), now),
            Adopted::Failed { after, reason } => {
                watched.holds_failing = Some(reason);
                self.adoptions.failed(source, now);
                let failures = self.adoptions.failures.entry((source, index)).or_default();
                *failures = failures.saturating_add(1);
                let interval = Backoff::default().interval(*failures);
                let wait = after.unwrap_or_else(|| self.jitter.full_jitter(interval));
                self.retry_adoption(source, index, wait, now);
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
        if is_left && table.is_active(index) && !table.is_adoption_queued(index) {
            table.set_adoption_queued(index, true);
            self.adoptions.push(source, index, false);
        }
    }

    fn retry_adoption(&mut self, source: SourceId, index: Index, wait: Duration, now: Instant) {
        if self.adoptions.waiting.insert((source, index)) {
            // No clock reaches the end of some waits that a server may ask for.
            let until = now.checked_add(wait).unwrap_or(now + Duration::from_secs(300));
            self.timers.set(until, Due::Adoption(source, index));
        }
    }

    pub(super) fn requeue_adoption(&mut self, source: SourceId, index: Index) {
        let waited = self.adoptions.waiting.remove(&(source, index));
        let Some(watched) = self.watched.get_mut(&source) else { return };
        let table = &mut watched.table;
        if waited && table.is_active(index) && !table.is_adopting(index) && !table.is_adoption_queued(index) {
            table.set_adoption_queued(index, true);
            self.adoptions.push(source, index, false);
        }
    }
}

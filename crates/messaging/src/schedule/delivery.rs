//! One subscription: what is in flight, and what waits.

use std::collections::HashMap;

use super::attachment::{Active, Attachment, InFlight, Marker, News, Phase, Wait};
use super::cell::*;
use super::lanes::Lane;
use super::state::Watched;
use super::subscriber::{Subscriber, lane, state};
use super::table::Index;
use super::terms::{MARKER, Place, SourceId, Work};
use crate::{Cause, Delivery, Envelope, HoldState, Listed, Pause, State, WakeKey};

impl Subscriber {
    pub(super) fn has_room(&self) -> bool {
        self.running < self.spec.concurrency
    }

    /// The next delivery or marker that is due, now in flight.
    pub(super) fn admit(
        &mut self,
        watched: &HashMap<SourceId, Watched>,
        pause: Pause,
        since_wake: u64,
    ) -> Option<(Place, Work)> {
        let open = |lane| match lane {
            Lane::Deletion => !pause.deletions,
            Lane::Change | Lane::Replay => !pause.live,
        };
        loop {
            let (popped, (at, index)) = self.lanes.pop(open)?;
            let place = Place { subscriber: self.id, at, index };
            let source = &watched[&self.attachments[usize::from(at)].source];
            if index == MARKER {
                let Marker::Queued { failures } = self.attachments[usize::from(at)].marker else { continue };
                self.attachments[usize::from(at)].marker = Marker::InFlight { failures, again: false };
                self.running += 1;
                let marker =
                    Listed { kind: source.source.kind.clone(), namespace: source.source.namespace.clone() };
                return Some((place, Work::Listed(marker)));
            }
            let cell = self.attachments[usize::from(at)].cell(index);
            self.attachments[usize::from(at)].cell_mut(index).clear(IN_LANE[popped as usize]);
            if !cell.has(QUEUED) {
                continue;
            }
            let state = state(&source.table, index);
            if lane(cell, state != State::Live) != popped {
                // It was put in its lane when it was something else, and takes no turn of that lane.
                self.enqueue(at, index, state != State::Live);
                continue;
            }
            self.attachments[usize::from(at)].cell_mut(index).clear(QUEUED);
            let gated = cell.has(WANTS_HOLD) && self.gates_live();
            if state == State::Live && cell.has(SEEN_DELETING) {
                // Its deletion was undone by a backup: it stays as it was told (Q3).
                self.deactivate(at, index);
                self.attachments[usize::from(at)].uncount(index);
                self.settle_progress(at);
                continue;
            }
            if state == State::Live && gated {
                continue;
            }
            self.lanes.delivered();
            return Some((place, Work::Deliver(self.deliver(place, source, state, since_wake))));
        }
    }

    fn deliver(&mut self, place: Place, source: &Watched, state: State, since_wake: u64) -> Delivery {
        let Place { at, index, .. } = place;
        self.running += 1;
        let hold_asked = self.spec.hold.is_some();
        let attachment = &mut self.attachments[usize::from(at)];
        let cell = attachment.cell_mut(index);
        cell.set(BUSY);
        if state == State::Deleting {
            cell.set(SEEN_DELETING);
        }
        let hold = match (hold_asked, cell.has(HELD) && state != State::Gone) {
            (false, _) => HoldState::NotAsked,
            (true, true) => HoldState::Held,
            (true, false) => HoldState::NotHeld,
        };
        let cause = if cell.has(REPLAY) { Cause::Replay } else { Cause::Change };
        let phase = Phase::InFlight(InFlight { state, news: News::None, since_wake });
        let active = attachment.active.entry(index).or_insert(Active {
            phase: Phase::Ready,
            attempt: 1,
            cause,
            failed: false,
        });
        active.phase = phase;
        let table = &source.table;
        Delivery {
            envelope: Envelope {
                resource: table.id(index, &source.source.kind),
                deletion_timestamp: table.deletion(index),
            },
            state,
            cause: active.cause,
            attempt: active.attempt,
            version: table.version(index),
            hold,
            labels: table.labels(index, &self.spec.labels),
        }
    }

    /// Takes what was in flight out, for its answer.
    pub(super) fn land(&mut self, at: u16, index: Index) -> Option<Active> {
        self.running -= 1;
        let attachment = &mut self.attachments[usize::from(at)];
        let active = attachment.active.remove(&index)?;
        let cell = attachment.cell_mut(index);
        cell.clear(BUSY);
        if !cell.has(WITNESSED) {
            cell.set(WITNESSED);
            if cell.has(COUNTED) {
                attachment.witnessed += 1;
            }
        }
        self.failing -= u64::from(active.failed);
        Some(active)
    }

    pub(super) fn cell_mut(&mut self, at: u16, index: Index) -> &mut Cell {
        self.attachments[usize::from(at)].cell_mut(index)
    }

    /// Keeps more of a resource: it waits, or is due with what is said here.
    pub(super) fn activate(&mut self, at: u16, index: Index, active: Active) {
        self.failing += u64::from(active.failed);
        let attachment = &mut self.attachments[usize::from(at)];
        attachment.cell_mut(index).set(BUSY);
        attachment.active.insert(index, active);
    }

    /// Takes in the answer to a marker; how often it has failed in a row.
    pub(super) fn marker_answered(&mut self, at: u16, done: bool) -> u32 {
        self.running -= 1;
        let attachment = &mut self.attachments[usize::from(at)];
        let Marker::InFlight { failures, again } = attachment.marker else { return 0 };
        if !done {
            attachment.marker = Marker::Queued { failures: failures.saturating_add(1) };
            return failures.saturating_add(1);
        }
        attachment.marker = if again { Marker::Owed } else { Marker::None };
        self.check_marker(at);
        0
    }

    /// The keys that places of it wait for.
    pub(super) fn awaited_keys(&self) -> Vec<(WakeKey, Place)> {
        let of = |at: usize, attachment: &Attachment| -> Vec<(WakeKey, Place)> {
            let key = |(index, active): (&Index, &Active)| match &active.phase {
                Phase::Waiting(Wait { key: Some(key), .. }) => {
                    Some((key.clone(), Place { subscriber: self.id, at: at as u16, index: *index }))
                }
                _ => None,
            };
            attachment.active.iter().filter_map(key).collect()
        };
        self.attachments.iter().enumerate().flat_map(|(at, attachment)| of(at, attachment)).collect()
    }

    /// What a place waits for, if it waits.
    pub(super) fn wait(&self, place: Place) -> Option<&Wait> {
        let attachment = self.attachments.get(usize::from(place.at))?;
        match &attachment.active.get(&place.index)?.phase {
            Phase::Waiting(wait) => Some(wait),
            Phase::Ready | Phase::InFlight(_) => None,
        }
    }

    /// Makes what waits due, if it waits as `wanted`; the key that it waited for, if any.
    pub(super) fn end_wait(
        &mut self,
        place: Place,
        watched: &HashMap<SourceId, Watched>,
        wanted: impl Fn(&Wait) -> bool,
    ) -> Option<WakeKey> {
        if place.index == MARKER {
            self.lanes.push(Lane::Replay, (place.at, MARKER));
            return None;
        }
        if !self.wait(place).is_some_and(wanted) {
            return None;
        }
        let attachment = &mut self.attachments[usize::from(place.at)];
        let deleting = state(&watched[&attachment.source].table, place.index) != State::Live;
        let active = attachment.active.get_mut(&place.index)?;
        let phase = std::mem::replace(&mut active.phase, Phase::Ready);
        self.enqueue(place.at, place.index, deleting);
        match phase {
            Phase::Waiting(wait) => wait.key,
            Phase::Ready | Phase::InFlight(_) => None,
        }
    }
}

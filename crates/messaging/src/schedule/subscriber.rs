//! One subscription: what it wants, and what observations mean to it.

use std::sync::Arc;

use super::attachment::{Attachment, Marker, News, Phase, Wait, Woken};
use super::cell::*;
use super::lanes::{Lane, Lanes};
use super::sighting::{Origin, Sighting};
use super::table::{Change, Index, Table};
use super::terms::{MARKER, Place, SourceId, SubscriberId};
use crate::{Cause, Hold, Progress, State, Subscription};

pub(super) struct Subscriber {
    pub(super) id: SubscriberId,
    pub(super) spec: Arc<Subscription>,
    pub(super) attachments: Vec<Attachment>,
    pub(super) lanes: Lanes<(u16, Index)>,
    pub(super) running: usize,
    /// How many of its attachments wait for a list.
    unlisted: usize,
    pub(super) failing: u64,
    awaiting_hold: u64,
    lost: u64,
    replayed: bool,
}

impl Subscriber {
    pub(super) fn new(id: SubscriberId, spec: Arc<Subscription>) -> Self {
        Self {
            id,
            spec,
            attachments: Vec::new(),
            lanes: Lanes::default(),
            running: 0,
            unlisted: 0,
            failing: 0,
            awaiting_hold: 0,
            lost: 0,
            replayed: false,
        }
    }

    pub(super) fn attach(&mut self, mut attachment: Attachment) {
        if attachment.listed {
            attachment.marker = if self.spec.listed { Marker::Owed } else { Marker::None };
        } else {
            self.unlisted += 1;
        }
        self.attachments.push(attachment);
    }

    /// Replays to the latest attachment what its source knows.
    pub(super) fn replay_known(&mut self, table: &Table) {
        let at = self.attachments.len() - 1;
        for index in table.indexes().filter(|index| !table.is_gone(*index)) {
            let attachment = &mut self.attachments[at];
            attachment.cell_mut(index).set(MATCHED);
            attachment.cell_mut(index).set(REPLAY);
            attachment.count(index);
            self.enqueue(at as u16, index, table.is_deleting(index));
        }
        self.check_marker(at as u16);
    }

    /// Forgets what was due and what was in flight: everything comes again with the lists.
    pub(super) fn restart<'a>(&mut self, table: impl Fn(SourceId) -> &'a Table) {
        self.lanes.clear();
        (self.running, self.failing, self.awaiting_hold, self.replayed) = (0, 0, 0, false);
        self.unlisted = self.attachments.len();
        let mut owed = Vec::new();
        for (at, attachment) in self.attachments.iter_mut().enumerate() {
            attachment.active.clear();
            (attachment.listed, attachment.needs_list) = (false, 0);
            (attachment.counted, attachment.witnessed, attachment.marker) = (0, 0, Marker::None);
            for cell in &mut attachment.cells {
                *cell = cell.only(&[MATCHED, HELD, WAS_HELD, SEEN_DELETING]);
            }
            let table = table(attachment.source);
            let gone = table.indexes().filter(|index| table.is_gone(*index));
            owed.extend(gone.map(|index| (at as u16, index)));
        }
        for (at, index) in owed {
            if self.spec.gone && self.attachments[usize::from(at)].cell(index).has(MATCHED) {
                self.enqueue(at, index, true);
            }
        }
    }

    /// Takes in an observation. Says whether the holds on the resource are not as they should be,
    /// and which wait it ended.
    pub(super) fn observe(&mut self, at: u16, sighting: &Sighting<'_>) -> (bool, Woken) {
        let Sighting { index, seen, deleting, .. } = *sighting;
        let attachment = &mut self.attachments[usize::from(at)];
        let before = attachment.cell(index);
        // A frame that is older than what is known says nothing new about a resource that is known.
        let outdated = sighting.outdated && before.has(MATCHED);
        let is_held = |hold: &Hold| if outdated { before.has(HELD) } else { seen.is_held_by(&hold.name) };
        let held = self.spec.hold.as_ref().is_some_and(is_held);
        // Labels decide what is held while it lives. A deletion that carries the hold, or that was begun,
        // is delivered whatever they are by then: to let go of it now would be to let it go without its
        // consumer's answer (Q6).
        let deletion_is_held = held && seen.deletion_timestamp.is_some();
        let matched = outdated
            || deleting && (before.has(MATCHED) || deletion_is_held)
            || !self.spec.matches_locally()
            || self.spec.scope.contains(seen.namespace.as_deref())
                && self.spec.selector.matches(|key| seen.label(key));
        // By the labels of an older version no hold is removed.
        let held = held && (matched || !sighting.outdated);
        let cell = attachment.cell_mut(index);
        cell.assign(HELD, held);
        if held {
            cell.set(WAS_HELD);
        }
        if !deleting || sighting.restored && held {
            // Nothing released is ever live or held again, unless a backup brought it back.
            cell.clear(RELEASED);
        }
        if !matched {
            let woken = if before.has(MATCHED) { self.unmatch(at, index) } else { None };
            return (held, woken);
        }
        cell.set(MATCHED);
        let listing = sighting.origin == Origin::List && !attachment.listed;
        let replayed = listing && !before.has(COUNTED) && !before.has(WITNESSED);
        if replayed {
            attachment.cell_mut(index).set(REPLAY);
            attachment.count(index);
        }
        let wants_hold = self.want_hold(at, sighting, held);
        // What its hold was awaited for is due now. What was at work or waits already stays as it is: a
        // hold that a foreign hand takes off again and again must not end the backoff (Q2).
        let became_held = held
            && !before.has(HELD)
            && !deleting
            && self.gates_live()
            && self.attachments[usize::from(at)].stands_by(index);
        let news = match replayed || became_held || !before.has(MATCHED) {
            true => News::Major,
            false => self.news(sighting),
        };
        let gated = wants_hold && self.gates_live();
        let cell = self.attachments[usize::from(at)].cell(index);
        // A change of what waits already ends its wait even so; it then stands by for its hold.
        let woken = match cell.has(RELEASED) || gated && !cell.has(BUSY) {
            true => None,
            false => self.tell(at, index, news, deleting, is_change(sighting.change)),
        };
        (wants_hold, woken)
    }

    pub(super) fn gates_live(&self) -> bool {
        self.spec.hold.as_ref().is_some_and(|hold| hold.gates_live)
    }

    fn want_hold(&mut self, at: u16, sighting: &Sighting<'_>, held: bool) -> bool {
        let cell = self.attachments[usize::from(at)].cell_mut(sighting.index);
        let wants = self.spec.hold.is_some() && !held && !sighting.deleting && !sighting.exempt;
        self.awaiting_hold += u64::from(wants);
        self.awaiting_hold -= u64::from(cell.has(WANTS_HOLD));
        cell.assign(WANTS_HOLD, wants);
        wants
    }

    fn news(&self, sighting: &Sighting<'_>) -> News {
        match sighting.change {
            Change::None | Change::Outdated => News::None,
            Change::Version => News::Minor,
            Change::New | Change::Substance { beyond_labels: true, .. } => News::Major,
            Change::Substance { labels_before, .. } => {
                // Labels that only another subscription asked for are no substance to this one.
                let before = |key: &str| labels_before.iter().flatten().find(|(name, _)| name == key);
                let changed =
                    |key: &String| before(key).map(|(_, value)| &**value) != sighting.seen.label(key);
                if self.spec.labels.iter().any(changed) { News::Major } else { News::Minor }
            }
        }
    }

    /// Passes news on to wherever the resource stands.
    fn tell(&mut self, at: u16, index: Index, news: News, deleting: bool, is_change: bool) -> Woken {
        if news == News::None {
            return None;
        }
        let place = Place { subscriber: self.id, at, index };
        let attachment = &mut self.attachments[usize::from(at)];
        let cell = attachment.cell(index);
        if let Some(active) = attachment.active.get_mut(&index) {
            if let Phase::InFlight(in_flight) = &mut active.phase {
                in_flight.news = in_flight.news.max(news);
                return None;
            }
            if news < News::Major {
                return None;
            }
            let key = match std::mem::replace(&mut active.phase, Phase::Ready) {
                Phase::Waiting(wait) => wait.key,
                Phase::Ready | Phase::InFlight(_) => None,
            };
            if is_change {
                // A change resets the attempts, and tells more than "retry" would.
                (active.attempt, active.cause) = (1, Cause::Change);
            }
            self.enqueue(at, index, deleting);
            return key.map(|key| (key, place));
        }
        let was_replay = cell.has(REPLAY);
        if is_change && was_replay && cell.has(QUEUED) && news == News::Major {
            attachment.cell_mut(index).clear(REPLAY);
        }
        if !cell.has(QUEUED) || news == News::Major {
            self.enqueue(at, index, deleting);
        }
        None
    }

    /// Makes it due again, unless its backoff or its hold decides when.
    pub(super) fn redeliver(&mut self, at: u16, index: Index, deleting: bool) -> Woken {
        let attachment = &self.attachments[usize::from(at)];
        let cell = attachment.cell(index);
        let is_gated = cell.has(WANTS_HOLD) && self.gates_live() && !deleting;
        let backs_off = attachment.active.get(&index).is_some_and(
            |active| matches!(&active.phase, Phase::Waiting(wait) if active.failed && wait.until.is_some()),
        );
        if !cell.has(MATCHED) || cell.has(RELEASED) || is_gated || backs_off {
            return None;
        }
        self.tell(at, index, News::Major, deleting, false)
    }

    /// Puts it in the lane where it belongs. It may stand in another already: whichever is popped
    /// first delivers it, and the other is ignored.
    pub(super) fn enqueue(&mut self, at: u16, index: Index, deleting: bool) {
        let cell = self.attachments[usize::from(at)].cell_mut(index);
        cell.set(QUEUED);
        let lane = lane(*cell, deleting);
        if !cell.has(IN_LANE[lane as usize]) {
            cell.set(IN_LANE[lane as usize]);
            self.lanes.push(lane, (at, index));
        }
    }

    /// The resource no longer matches the selector.
    fn unmatch(&mut self, at: u16, index: Index) -> Woken {
        let in_flight = self.attachments[usize::from(at)].is_in_flight(index);
        let woken = if in_flight { None } else { self.deactivate(at, index) };
        let attachment = &mut self.attachments[usize::from(at)];
        if !in_flight {
            attachment.uncount(index);
        }
        let cell = attachment.cell_mut(index);
        self.awaiting_hold -= u64::from(cell.has(WANTS_HOLD));
        [MATCHED, QUEUED, REPLAY, WANTS_HOLD].into_iter().for_each(|fact| cell.clear(fact));
        self.settle_progress(at);
        woken
    }

    /// Drops what is kept of a resource that waits or is due.
    pub(super) fn deactivate(&mut self, at: u16, index: Index) -> Woken {
        let attachment = &mut self.attachments[usize::from(at)];
        attachment.cell_mut(index).clear(BUSY);
        let active = attachment.active.remove(&index)?;
        self.failing -= u64::from(active.failed);
        let place = Place { subscriber: self.id, at, index };
        match active.phase {
            Phase::Waiting(Wait { key: Some(key), .. }) => Some((key, place)),
            _ => None,
        }
    }

    /// The resource has left the system of record.
    pub(super) fn vanished(&mut self, at: u16, index: Index) -> Woken {
        let attachment = &mut self.attachments[usize::from(at)];
        let cell = attachment.cell_mut(index);
        self.awaiting_hold -= u64::from(cell.has(WANTS_HOLD));
        cell.clear(WANTS_HOLD);
        if attachment.is_in_flight(index) {
            // What is told next is decided when its answer has come.
            return None;
        }
        let woken = self.deactivate(at, index);
        self.tell_gone(at, index);
        woken
    }

    /// Decides what is still to be said of a resource that has gone, and is not in flight.
    pub(super) fn tell_gone(&mut self, at: u16, index: Index) {
        let attachment = &mut self.attachments[usize::from(at)];
        let cell = attachment.cell(index);
        if cell.has(WAS_HELD) && !cell.has(RELEASED) && cell.has(MATCHED) {
            self.lost += 1;
        }
        if self.spec.gone && cell.has(MATCHED) && !cell.has(RELEASED) {
            self.enqueue(at, index, true);
        } else {
            attachment.uncount(index);
            attachment.forget(index);
        }
        self.settle_progress(at);
    }

    /// Whether a resource that has gone is still in flight or to be told of.
    pub(super) fn is_owed(&self, at: u16, index: Index) -> bool {
        let cell = self.attachments[usize::from(at)].cell(index);
        cell.has(BUSY) || cell.has(QUEUED)
    }

    pub(super) fn forget(&mut self, at: u16, index: Index) {
        let attachment = &mut self.attachments[usize::from(at)];
        if !attachment.cell(index).is_empty() {
            attachment.forget(index);
        }
    }

    pub(super) fn list_finished(&mut self, at: u16, list: u64) {
        let attachment = &mut self.attachments[usize::from(at)];
        if list < attachment.needs_list {
            return;
        }
        if !attachment.listed {
            attachment.listed = true;
            self.unlisted -= 1;
        }
        if self.spec.listed {
            attachment.marker = match attachment.marker {
                Marker::None | Marker::Owed => Marker::Owed,
                Marker::Queued { failures } => Marker::Queued { failures },
                Marker::InFlight { failures, .. } => Marker::InFlight { failures, again: true },
            };
        }
        self.settle_progress(at);
    }

    /// Looks whether the replay has come to its end.
    pub(super) fn settle_progress(&mut self, at: u16) {
        self.check_marker(at);
        self.check_replayed();
    }

    pub(super) fn check_marker(&mut self, at: u16) {
        let attachment = &mut self.attachments[usize::from(at)];
        if attachment.marker == Marker::Owed && attachment.counted == attachment.witnessed {
            attachment.marker = Marker::Queued { failures: 0 };
            self.lanes.push(Lane::Replay, (at, MARKER));
        }
    }

    pub(super) fn check_replayed(&mut self) {
        if !self.replayed && self.unlisted == 0 {
            self.replayed = self.attachments.iter().all(|one| one.counted == one.witnessed);
        }
    }

    pub(super) fn is_held(&self, at: u16, index: Index) -> bool {
        self.attachments[usize::from(at)].cell(index).has(HELD)
    }

    pub(super) fn hold_to_add(&self, at: u16, index: Index) -> Option<Arc<str>> {
        let wants = self.attachments[usize::from(at)].cell(index).has(WANTS_HOLD);
        self.spec.hold.as_ref().filter(|_| wants).map(|hold| hold.name.clone())
    }

    pub(super) fn hold_to_remove(&self, at: u16, index: Index) -> Option<Arc<str>> {
        let cell = self.attachments[usize::from(at)].cell(index);
        let relieve = cell.has(HELD) && !cell.has(MATCHED) && !cell.has(BUSY);
        self.spec.hold.as_ref().filter(|_| relieve).map(|hold| hold.name.clone())
    }

    pub(super) fn progress(&self) -> Progress {
        Progress {
            listed: self.attachments.iter().map(|attachment| attachment.counted).sum(),
            delivered: self.attachments.iter().map(|attachment| attachment.witnessed).sum(),
            in_flight: self.running as u64,
            failing: self.failing,
            awaiting_hold: self.awaiting_hold,
            lost: self.lost,
            replayed: self.replayed,
            sources: Vec::new(),
        }
    }
}

fn is_change(change: &Change) -> bool {
    matches!(change, Change::Substance { .. })
}

pub(super) fn lane(cell: Cell, deleting: bool) -> Lane {
    match deleting {
        true => Lane::Deletion,
        false if cell.has(REPLAY) => Lane::Replay,
        false => Lane::Change,
    }
}

pub(super) fn state(table: &Table, index: Index) -> State {
    match (table.is_gone(index), table.is_deleting(index)) {
        (true, _) => State::Gone,
        (false, true) => State::Deleting,
        (false, false) => State::Live,
    }
}

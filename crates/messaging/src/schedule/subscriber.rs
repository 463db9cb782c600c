//! One subscription: what it wants, what is due to it, what it is at.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use super::cell::*;
use super::intake::{Origin, Sighting};
use super::lanes::{Lane, Lanes};
use super::table::{Change, Index, Table};
use super::{MARKER, Place, SourceId, SubscriberId, Watched, Work};
use crate::{Cause, Delivery, Envelope, HoldState, Listed, Pause, Progress, State, Subscription, WakeKey};

pub(super) struct Subscriber {
    pub(super) id: SubscriberId,
    pub(super) spec: Arc<Subscription>,
    pub(super) attachments: Vec<Attachment>,
    lanes: Lanes<(u16, Index)>,
    pub(super) running: usize,
    /// How many of its attachments wait for a list.
    unlisted: usize,
    failing: u64,
    awaiting_hold: u64,
    lost: u64,
    replayed: bool,
}

/// A subscription's part in one source.
pub(super) struct Attachment {
    pub(super) source: SourceId,
    /// Whether a list that counts for it has been complete.
    pub(super) listed: bool,
    /// The first list that counts for it.
    pub(super) needs_list: u64,
    cells: Vec<Cell>,
    active: HashMap<Index, Active>,
    counted: u64,
    witnessed: u64,
    marker: Marker,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Marker {
    None,
    /// To be given as soon as everything counted has been witnessed.
    Owed,
    /// In its lane, or waiting after a failure.
    Queued {
        failures: u32,
    },
    InFlight {
        failures: u32,
        /// Another list was complete meanwhile.
        again: bool,
    },
}

/// What is kept of a resource that is more than settled or queued for the first time.
pub(super) struct Active {
    pub(super) phase: Phase,
    pub(super) attempt: u32,
    pub(super) cause: Cause,
    pub(super) failed: bool,
}

pub(super) enum Phase {
    /// It is due, or stands by for its hold.
    Ready,
    InFlight(InFlight),
    Waiting(Wait),
}

/// What has to be known when the answer comes.
#[derive(Clone, Copy)]
pub(super) struct InFlight {
    pub(super) state: State,
    /// What has happened to the resource meanwhile.
    pub(super) news: News,
    /// The serial number of the latest wake when it began.
    pub(super) since_wake: u64,
}

pub(super) struct Wait {
    /// `None` is parked: only a change can help.
    pub(super) until: Option<Instant>,
    pub(super) key: Option<WakeKey>,
}

/// How much an observation says to one subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum News {
    None,
    /// A new version, of which nothing is known to matter: a status write, say.
    Minor,
    /// It is new, or its generation, its deletion timestamp or a label that was asked for changed.
    Major,
}

type Woken = Option<(WakeKey, Place)>;

impl Attachment {
    pub(super) fn new(source: SourceId) -> Self {
        Self {
            source,
            listed: false,
            needs_list: 0,
            cells: Vec::new(),
            active: HashMap::new(),
            counted: 0,
            witnessed: 0,
            marker: Marker::None,
        }
    }

    fn cell(&self, index: Index) -> Cell {
        self.cells.get(index as usize).copied().unwrap_or_default()
    }

    fn cell_mut(&mut self, index: Index) -> &mut Cell {
        let place = index as usize;
        if place >= self.cells.len() {
            self.cells.resize(place + 1, Cell::default());
        }
        &mut self.cells[place]
    }

    fn count(&mut self, index: Index) {
        self.cell_mut(index).set(COUNTED);
        self.counted += 1;
    }

    /// No longer expects what nobody can witness any more.
    fn uncount(&mut self, index: Index) {
        let cell = self.cell_mut(index);
        if cell.has(COUNTED) && !cell.has(WITNESSED) {
            cell.clear(COUNTED);
            self.counted -= 1;
        }
    }

    fn is_in_flight(&self, index: Index) -> bool {
        self.cell(index).has(BUSY)
            && self.active.get(&index).is_some_and(|active| matches!(active.phase, Phase::InFlight(_)))
    }
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
        let held = self.spec.hold.as_ref().is_some_and(|hold| seen.is_held_by(&hold.name));
        let matched = !self.spec.matches_locally() || self.spec.selector.matches(|key| seen.label(key));
        let attachment = &mut self.attachments[usize::from(at)];
        let before = attachment.cell(index);
        let cell = attachment.cell_mut(index);
        cell.assign(HELD, held);
        if held {
            cell.set(WAS_HELD);
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
        let became_held = held && !before.has(HELD) && !deleting && self.gates_live();
        let news = match replayed || became_held || !before.has(MATCHED) {
            true => News::Major,
            false => self.news(sighting.change),
        };
        let gated = wants_hold && self.gates_live();
        let cell = self.attachments[usize::from(at)].cell(index);
        let suppressed = cell.has(RELEASED) || cell.has(SEEN_DELETING) && !deleting || gated;
        let woken = match suppressed {
            true => None,
            false => self.tell(at, index, news, deleting, is_change(sighting.change)),
        };
        (wants_hold, woken)
    }

    fn gates_live(&self) -> bool {
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

    fn news(&self, change: &Change) -> News {
        match change {
            Change::None => News::None,
            Change::New | Change::Substance { beyond_labels: true, .. } => News::Major,
            Change::Version => News::Minor,
            // Labels that only another subscription asked for are no substance to this one.
            Change::Substance { .. } if self.spec.labels.is_empty() => News::Minor,
            Change::Substance { .. } => News::Major,
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

    /// Puts it in the lane where it belongs. It may stand in another already: whichever is popped
    /// first delivers it, and the other is ignored.
    pub(super) fn enqueue(&mut self, at: u16, index: Index, deleting: bool) {
        let cell = self.attachments[usize::from(at)].cell_mut(index);
        cell.set(QUEUED);
        let lane = lane(*cell, deleting);
        self.lanes.push(lane, (at, index));
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
            *attachment.cell_mut(index) = Cell::default();
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
            *attachment.cell_mut(index) = Cell::default();
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

    fn check_marker(&mut self, at: u16) {
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
            let (_, (at, index)) = self.lanes.pop(open)?;
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
            if !cell.has(QUEUED) {
                continue;
            }
            let state = state(&source.table, index);
            let lane = lane(cell, state != State::Live);
            if !open(lane) {
                // It was put in its lane when it was something else.
                self.lanes.push(lane, (at, index));
                continue;
            }
            self.attachments[usize::from(at)].cell_mut(index).clear(QUEUED);
            let gated = cell.has(WANTS_HOLD) && self.gates_live();
            if state == State::Live && (gated || cell.has(SEEN_DELETING)) {
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

fn lane(cell: Cell, deleting: bool) -> Lane {
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

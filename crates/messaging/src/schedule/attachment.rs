//! One subscription's part in one source: two bytes for every resource, more for those at work.

use std::collections::HashMap;
use std::time::Instant;

use super::cell::{BUSY, COUNTED, Cell, WITNESSED};
use super::table::Index;
use super::terms::{Place, SourceId};
use crate::{Cause, State, WakeKey};

/// A subscription's part in one source.
pub(super) struct Attachment {
    pub(super) source: SourceId,
    /// Whether a list that counts for it has been complete.
    pub(super) listed: bool,
    /// The first list that counts for it.
    pub(super) needs_list: u64,
    pub(super) cells: Vec<Cell>,
    pub(super) active: HashMap<Index, Active>,
    pub(super) counted: u64,
    pub(super) witnessed: u64,
    pub(super) marker: Marker,
}

/// Where the marker is that says that a list is complete.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
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

/// A wait that ended: its key, and who waited.
pub(super) type Woken = Option<(WakeKey, Place)>;

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

    pub(super) fn cell(&self, index: Index) -> Cell {
        self.cells.get(index as usize).copied().unwrap_or_default()
    }

    pub(super) fn cell_mut(&mut self, index: Index) -> &mut Cell {
        let place = index as usize;
        if place >= self.cells.len() {
            self.cells.resize(place + 1, Cell::default());
        }
        &mut self.cells[place]
    }

    pub(super) fn forget(&mut self, index: Index) {
        let cell = self.cell_mut(index);
        *cell = cell.forgotten();
    }

    pub(super) fn count(&mut self, index: Index) {
        self.cell_mut(index).set(COUNTED);
        self.counted += 1;
    }

    /// No longer expects what nobody can witness any more.
    pub(super) fn uncount(&mut self, index: Index) {
        let cell = self.cell_mut(index);
        if cell.has(COUNTED) && !cell.has(WITNESSED) {
            cell.clear(COUNTED);
            self.counted -= 1;
        }
    }

    /// Whether the resource is neither in flight nor waits.
    pub(super) fn stands_by(&self, index: Index) -> bool {
        !self.cell(index).has(BUSY)
            || self.active.get(&index).is_none_or(|active| matches!(active.phase, Phase::Ready))
    }

    pub(super) fn is_in_flight(&self, index: Index) -> bool {
        self.cell(index).has(BUSY)
            && self.active.get(&index).is_some_and(|active| matches!(active.phase, Phase::InFlight(_)))
    }
}

//! What is known of one resource and one subscription: two bytes.

/// A set of the facts below.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cell(u16);

/// The subscription wants the resource.
pub(super) const MATCHED: Cell = Cell(1);
/// The subscription's hold is on the resource.
pub(super) const HELD: Cell = Cell(1 << 1);
/// It has been answered for at least once since the start.
pub(super) const WITNESSED: Cell = Cell(1 << 2);
/// It was delivered as deleting, and must never be delivered as live again (Q3).
pub(super) const SEEN_DELETING: Cell = Cell(1 << 3);
/// It stands in a lane.
pub(super) const QUEUED: Cell = Cell(1 << 4);
/// More is kept of it: it is in flight, waiting or failing.
pub(super) const BUSY: Cell = Cell(1 << 5);
/// What is due is its replay.
pub(super) const REPLAY: Cell = Cell(1 << 6);
/// It is counted in the progress of the replay.
pub(super) const COUNTED: Cell = Cell(1 << 7);
/// The consumer's own `Done` released it: nothing more is said of it.
pub(super) const RELEASED: Cell = Cell(1 << 8);
/// The subscription's hold is missing, and is to be added.
pub(super) const WANTS_HOLD: Cell = Cell(1 << 9);

/// It has an entry in the lane of deletions, of changes, of replay. One that turned out not to be due
/// stays there until it is popped, so that there is never more than one of each.
pub(super) const IN_LANE: [Cell; 3] = [Cell(1 << 11), Cell(1 << 12), Cell(1 << 13)];
/// The subscription's hold was on the resource at some time.
pub(super) const WAS_HELD: Cell = Cell(1 << 10);

impl Cell {
    pub(super) fn has(self, fact: Self) -> bool {
        self.0 & fact.0 != 0
    }

    pub(super) fn set(&mut self, fact: Self) {
        self.0 |= fact.0;
    }

    pub(super) fn clear(&mut self, fact: Self) {
        self.0 &= !fact.0;
    }

    /// Only those of its facts that are also in `facts`.
    pub(super) fn only(self, facts: &[Self]) -> Self {
        Self(self.0 & facts.iter().fold(0, |all, fact| all | fact.0))
    }

    /// Whether nothing is known but where it stands in lanes.
    pub(super) fn is_empty(self) -> bool {
        self.forgotten() == self
    }

    /// What remains when the resource is forgotten: the lanes still have their entries.
    pub(super) fn forgotten(self) -> Self {
        self.only(&IN_LANE)
    }

    pub(super) fn assign(&mut self, fact: Self, on: bool) {
        if on { self.set(fact) } else { self.clear(fact) }
    }
}

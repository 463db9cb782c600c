//! In which order what is due is delivered (Q8).

use std::collections::VecDeque;

/// Deletions go before changes, and those before replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    Deletion = 0,
    Change = 1,
    Replay = 2,
}

/// Whose turn it is, over and over: every lane has one delivery in four for itself while it has
/// any. A turn that its lane does not need goes to the first lane that has something.
const TURNS: [Lane; 4] = [Lane::Deletion, Lane::Deletion, Lane::Change, Lane::Replay];
const BY_RANK: [Lane; 3] = [Lane::Deletion, Lane::Change, Lane::Replay];

pub(super) struct Lanes<T> {
    queues: [VecDeque<T>; 3],
    turn: usize,
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self { queues: Default::default(), turn: 0 }
    }
}

impl<T> Lanes<T> {
    pub(super) fn push(&mut self, lane: Lane, item: T) {
        self.queues[lane as usize].push_back(item);
    }

    /// The next item of the lanes that are `open`, and the lane it came from.
    pub(super) fn pop(&mut self, open: impl Fn(Lane) -> bool) -> Option<(Lane, T)> {
        let has = |lane: Lane| open(lane) && !self.queues[lane as usize].is_empty();
        let preferred = TURNS[self.turn % TURNS.len()];
        let lane = std::iter::once(preferred).chain(BY_RANK).find(|lane| has(*lane))?;
        let item = self.queues[lane as usize].pop_front()?;
        let queue = &mut self.queues[lane as usize];
        if queue.is_empty() && queue.capacity() > 1024 {
            // A replay of a million leaves no million places behind.
            queue.shrink_to_fit();
        }
        Some((lane, item))
    }

    /// Counts a delivery: the turn passes on. What was popped and turned out not to be due costs
    /// its lane no turn.
    pub(super) fn delivered(&mut self) {
        self.turn = (self.turn + 1) % TURNS.len();
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deliver(lanes: &mut Lanes<u32>) -> Lane {
        let (lane, _) = lanes.pop(|_| true).unwrap();
        lanes.delivered();
        lane
    }

    #[test]
    fn every_lane_has_one_in_four_while_it_has_any() {
        for filled in 1..8u32 {
            let mut lanes = Lanes::default();
            let open: Vec<Lane> =
                BY_RANK.into_iter().filter(|lane| filled & 1 << *lane as u32 != 0).collect();
            for item in 0..100 {
                open.iter().for_each(|lane| lanes.push(*lane, item));
            }
            let order: Vec<Lane> = (0..100).map(|_| deliver(&mut lanes)).collect();
            for four in order.windows(4) {
                assert!(open.iter().all(|lane| four.contains(lane)), "{filled:b}: {four:?}");
            }
        }
    }

    #[test]
    fn deletions_go_first_then_changes() {
        let mut lanes = Lanes::default();
        for lane in [Lane::Replay, Lane::Change, Lane::Deletion] {
            lanes.push(lane, 0);
        }
        assert_eq!([(); 3].map(|()| deliver(&mut lanes)), BY_RANK);
    }

    #[test]
    fn a_closed_lane_waits_and_keeps_what_it_has() {
        let mut lanes = Lanes::default();
        lanes.push(Lane::Deletion, 1);
        assert!(lanes.pop(|lane| lane != Lane::Deletion).is_none());
        assert_eq!(lanes.pop(|_| true), Some((Lane::Deletion, 1)));
    }
}

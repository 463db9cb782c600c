//! Who waits for which key.

use std::collections::{HashMap, HashSet};

use super::terms::Place;
use crate::WakeKey;

/// The requeued deliveries that wait for a key, and the keys that were woken of late.
///
/// A wake that comes while a delivery is still being worked on, just before it answers "wait for
/// this key", must not be lost: each wake has a serial number, and who asks to wait says since when
/// it has been at work.
#[derive(Default)]
pub(super) struct Wakes {
    waiting: HashMap<WakeKey, HashSet<Place>>,
    serial: u64,
    recent: HashMap<WakeKey, u64>,
    /// Every key counts as woken at this serial: the recent ones were too many to keep.
    all_woken: u64,
}

const RECENT: usize = 4096;

impl Wakes {
    /// The serial number of the latest wake.
    pub(super) fn serial(&self) -> u64 {
        self.serial
    }

    /// Whether the key was woken after `serial`.
    pub(super) fn woken_since(&self, key: &WakeKey, serial: u64) -> bool {
        self.all_woken > serial || self.recent.get(key).is_some_and(|woken| *woken > serial)
    }

    pub(super) fn wait(&mut self, key: WakeKey, place: Place) {
        self.waiting.entry(key).or_default().insert(place);
    }

    pub(super) fn forget(&mut self, key: &WakeKey, place: Place) {
        if let Some(places) = self.waiting.get_mut(key) {
            places.remove(&place);
            if places.is_empty() {
                self.waiting.remove(key);
            }
        }
    }

    /// Wakes a key; who waited for it.
    pub(super) fn wake(&mut self, key: &WakeKey, anybody_at_work: bool) -> HashSet<Place> {
        self.serial += 1;
        if !anybody_at_work {
            self.recent.clear();
        } else if self.recent.len() < RECENT {
            self.recent.insert(key.clone(), self.serial);
        } else {
            self.recent.clear();
            self.all_woken = self.serial;
        }
        self.waiting.remove(key).unwrap_or_default()
    }
}

//! One observation, as the subscriptions of its source see it.

use super::table::{Change, Index, Observation};

/// How an observation came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// In a list.
    List,
    /// As an event of a watch.
    Watch,
}

/// What an observation means beside what it shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    List,
    Watch,
    /// The answer to a write of our own that changed nothing but holds. That is no news.
    OwnWrite,
}

/// One observation, as it is shown to every subscription that is attached.
pub(super) struct Sighting<'a> {
    pub(super) index: Index,
    pub(super) seen: &'a Observation<'a>,
    pub(super) change: &'a Change,
    pub(super) origin: Origin,
    pub(super) deleting: bool,
    /// Whether it is older than what is known.
    pub(super) outdated: bool,
    /// Whether it comes from a backup, and may have been done with before.
    pub(super) restored: bool,
    pub(super) exempt: bool,
}

use std::sync::Arc;
use std::time::Duration;

use rewitness_messaging::Version;

use super::object::Object;

/// From where a watch goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(super) incarnation: u64,
    pub(super) version: Version,
}

/// What a watch shows.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// It is there, and like this.
    Put(Arc<Object>),
    /// It is there no more; this is how it was.
    Removed(Arc<Object>),
}

/// Why a call of a queue did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallError {
    /// Too much to do; call again after this.
    Busy(Duration),
    /// The connection broke, or there is none to be had.
    Unreachable,
    /// What the caller goes on from is forgotten: list again.
    Expired,
    /// What the caller goes on from is in a future that was undone: list again.
    RolledBack,
}

impl CallError {
    /// For a person to act on.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Busy(_) => "the store is overloaded",
            Self::Unreachable => "the store cannot be reached",
            Self::Expired => "the history that was asked for is forgotten",
            Self::RolledBack => "the store was restored to an older state",
        }
    }

    /// What the store asked to wait.
    pub(crate) fn retry_after(self) -> Option<Duration> {
        match self {
            Self::Busy(after) => Some(after),
            _ => None,
        }
    }
}

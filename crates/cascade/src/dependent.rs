use std::collections::BTreeMap;

use rewitness_messaging::{ResourceId, Timestamp};

use super::reference::Unclear;

/// A dependent, as a list showed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dependent {
    pub(crate) id: ResourceId,
    /// Its resourceVersion, as it came.
    pub(crate) version: String,
    pub(crate) created: Option<Timestamp>,
    pub(crate) deleting: Option<Timestamp>,
    pub(crate) finalizers: Vec<String>,
}

/// A parent, as a live read showed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LiveParent {
    pub(crate) id: ResourceId,
    pub(crate) version: String,
    /// As text: a patch tests that it still is what it was.
    pub(crate) deleting: Option<String>,
    pub(crate) finalizers: Vec<String>,
    pub(crate) annotations: BTreeMap<String, String>,
}

impl LiveParent {
    /// Whether this finalizer is on it.
    pub(crate) fn is_held_by(&self, finalizer: &str) -> bool {
        self.finalizers.iter().any(|one| one == finalizer)
    }
}

/// What a list found of one kind of dependents, in the order of the revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listing {
    /// Which stage, and which of its dependents.
    pub(crate) place: (usize, usize),
    pub(crate) found: Result<Vec<Dependent>, Unlisted>,
}

/// Why dependents were not listed. What is not listed is never taken for empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unlisted {
    /// The server no longer has the kind.
    NotServed,
    /// The right to list it is missing.
    Forbidden { message: String },
    /// Anything else.
    Failed { message: String },
    /// It was not tried, because what it would find could belong to another parent.
    Unclear(Unclear),
}

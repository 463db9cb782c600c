use std::sync::Arc;

use rewitness_crds::Reason;
use rewitness_crds::cascade::{Confirmation, StageCount};
use rewitness_messaging::{ResourceId, Timestamp};

use super::plan::Refused;
use super::waits::Wait;

/// Where the deletion of one parent stands, after each look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Whose deletion.
    pub parent: ResourceId,
    /// Since when the parent is being deleted.
    pub since: Option<Timestamp>,
    /// When it was looked at.
    pub at: Timestamp,
    /// Where it stands.
    pub state: DeletionState,
    /// What a person has confirmed.
    pub confirmation: Option<Confirmation>,
    /// The revision by which the deletion goes, once it has begun.
    pub revision: Option<String>,
}

/// Where a deletion stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeletionState {
    /// Nothing may be done.
    Refused(Refused),
    /// Dependents are being deleted; of these, in this stage.
    Deleting {
        /// The stage.
        stage: Arc<str>,
        /// How many deletes are being made.
        count: u64,
    },
    /// It waits for dependents to go.
    Waiting {
        /// The stage; empty if it is the parent itself that the server denies to write to.
        stage: Arc<str>,
        /// For what.
        waits: Vec<Wait>,
    },
    /// Our finalizer is off: nothing refers to the parent any more.
    Finished {
        /// How many dependents were deleted, at least.
        stages: Vec<StageCount>,
        /// How many were to be deleted, as was recorded before they were; `None` if none were.
        authorised: Option<u64>,
    },
    /// It has gone, or is no longer held by us, without us having finished.
    Left,
}

impl DeletionState {
    /// The word for it.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Refused(refused) => refused.reason(),
            Self::Deleting { .. } => Reason::Deleting,
            Self::Waiting { stage, .. } if stage.is_empty() => Reason::Refused,
            Self::Waiting { .. } => Reason::DependentsRemain,
            Self::Finished { .. } => Reason::Finished,
            Self::Left => Reason::Left,
        }
    }
}

/// What is said of dependents whose deletes are being made.
pub(super) fn being_deleted(count: u64) -> String {
    match count {
        1 => "1 dependent is being deleted".to_owned(),
        count => format!("{count} dependents are being deleted"),
    }
}

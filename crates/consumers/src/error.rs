use std::time::Duration;

use rewitness_messaging::{Failure, Kind, ResourceId, Retry};
use thiserror::Error;

use crate::api::Refusal;

/// What went wrong, and at which step. [`retry`](Self::retry) says what comes next.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// Where a kind is served could not be found out.
    #[error("discover {kind}: {refusal}")]
    Discover {
        /// Which.
        kind: Kind,
        /// The server's answer.
        refusal: Refusal,
    },
    /// The kind of a parent is not served.
    #[error("read {resource}: the server does not serve {}", .resource.kind)]
    NotServed {
        /// The parent.
        resource: ResourceId,
    },
    /// A resource could not be read.
    #[error("read {resource}: {refusal}")]
    Read {
        /// Which.
        resource: ResourceId,
        /// The server's answer.
        refusal: Refusal,
    },
    /// The parents of a rule could not be listed.
    #[error("list {kind}: {refusal}")]
    ListParents {
        /// Their kind.
        kind: Kind,
        /// The server's answer.
        refusal: Refusal,
    },
    /// A read showed a state from before the delivery: this API server lags behind.
    #[error("read {resource}: the answer is older than what was delivered")]
    Lagging {
        /// Which.
        resource: ResourceId,
    },
    /// Whether a parent's kind itself is being removed could not be found out.
    #[error("read the definition of {kind}: {refusal}")]
    ReadDefinition {
        /// Of which kind.
        kind: Kind,
        /// The server's answer.
        refusal: Refusal,
    },
    /// Whether a right is there could not be found out.
    #[error("review rights: {refusal}")]
    Review {
        /// The server's answer.
        refusal: Refusal,
    },
    /// That a deletion begins could not be counted.
    #[error("count the deletion of {resource}: {failure}")]
    Count {
        /// Whose.
        resource: ResourceId,
        /// Why.
        failure: Failure,
    },
    /// The record of a deletion could not be written on its parent.
    #[error("record the deletion of {resource}: {refusal}")]
    Record {
        /// Whose.
        resource: ResourceId,
        /// The server's answer.
        refusal: Refusal,
    },
    /// Some dependents could not be deleted; the others were.
    #[error("delete dependents of {resource}: {} of {of} failed: {}", .failed.len(), first_of(.failed))]
    Delete {
        /// Whose dependents.
        resource: ResourceId,
        /// Of how many.
        of: usize,
        /// Which, and the server's answers.
        failed: Vec<(ResourceId, Refusal)>,
    },
    /// The finalizer could not be taken off.
    #[error("release {resource}: {refusal}")]
    Release {
        /// Whose.
        resource: ResourceId,
        /// The server's answer.
        refusal: Refusal,
    },
}

impl Error {
    /// What is to be done next.
    pub fn retry(&self) -> Retry {
        let after = match self {
            Self::Discover { refusal, .. }
            | Self::Read { refusal, .. }
            | Self::ListParents { refusal, .. }
            | Self::ReadDefinition { refusal, .. }
            | Self::Review { refusal }
            | Self::Record { refusal, .. }
            | Self::Release { refusal, .. } => refusal.retry_after(),
            Self::Delete { failed, .. } => {
                failed.iter().filter_map(|(_, refusal)| refusal.retry_after()).max()
            }
            Self::Count { failure, .. } => return failure.retry(),
            Self::Lagging { .. } => Some(Duration::from_secs(1)),
            Self::NotServed { .. } => None,
        };
        after.map_or(Retry::Backoff, Retry::After)
    }

    /// The same as a consumer's failure.
    pub fn into_failure(self) -> Failure {
        match self.retry() {
            Retry::Backoff => Failure::backoff(self),
            Retry::After(after) => Failure::after(after, self),
            Retry::Never => Failure::never(self),
        }
    }
}

fn first_of(failed: &[(ResourceId, Refusal)]) -> String {
    failed.first().map(|(resource, refusal)| format!("{resource}: {refusal}")).unwrap_or_default()
}

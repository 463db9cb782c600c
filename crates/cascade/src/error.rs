use std::time::Duration;

use rewitness_messaging::{Failure, Kind, ResourceId, Retry};
use thiserror::Error;

use crate::api::ApiError;

/// How soon a parent is looked at again that could not be read for want of a right.
const DENIED: Duration = Duration::from_secs(30);

/// What went wrong, and at which step. [`retry`](Self::retry) says what comes next.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// Where a kind is served could not be found out.
    #[error("discover {kind}: {error}")]
    Discover {
        /// Which.
        kind: Kind,
        /// The server's answer.
        error: ApiError,
    },
    /// The kind of a parent is not served.
    #[error("read {resource}: the server does not serve {}", .resource.kind)]
    NotServed {
        /// The parent.
        resource: ResourceId,
    },
    /// A resource could not be read.
    #[error("read {resource}: {error}")]
    Read {
        /// Which.
        resource: ResourceId,
        /// The server's answer.
        error: ApiError,
    },
    /// The parents of a rule could not be listed.
    #[error("list {kind}: {error}")]
    ListParents {
        /// Their kind.
        kind: Kind,
        /// The server's answer.
        error: ApiError,
    },
    /// A read showed a state from before the delivery: this API server lags behind.
    #[error("read {resource}: the answer is older than what was delivered")]
    Lagging {
        /// Which.
        resource: ResourceId,
    },
    /// Whether a parent's kind itself is being removed could not be found out.
    #[error("read the definition of {kind}: {error}")]
    ReadDefinition {
        /// Of which kind.
        kind: Kind,
        /// The server's answer.
        error: ApiError,
    },
    /// Whether a right is there could not be found out.
    #[error("review rights: {error}")]
    Review {
        /// The server's answer.
        error: ApiError,
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
    #[error("record the deletion of {resource}: {error}")]
    Record {
        /// Whose.
        resource: ResourceId,
        /// The server's answer.
        error: ApiError,
    },
    /// Some dependents could not be deleted; the others were.
    #[error("delete dependents of {resource}: {} of {of} failed: {}", .failed.len(), first_of(.failed))]
    Delete {
        /// Whose dependents.
        resource: ResourceId,
        /// Of how many.
        of: usize,
        /// Which, and the server's answers.
        failed: Vec<(ResourceId, ApiError)>,
    },
}

impl Error {
    /// What is to be done next.
    pub fn retry(&self) -> Retry {
        let after = match self {
            // No key wakes what has failed, so whoever grants it has no other way to be noticed.
            Self::Discover { error, .. } | Self::Read { error, .. } | Self::ReadDefinition { error, .. }
                if is_denial(error) =>
            {
                Some(DENIED)
            }
            Self::Discover { error, .. }
            | Self::Read { error, .. }
            | Self::ListParents { error, .. }
            | Self::ReadDefinition { error, .. }
            | Self::Review { error }
            | Self::Record { error, .. } => error.retry_after(),
            Self::Delete { failed, .. } => failed.iter().filter_map(|(_, error)| error.retry_after()).max(),
            Self::Count { failure, .. } => return failure.retry(),
            Self::Lagging { .. } => Some(Duration::from_secs(1)),
            Self::NotServed { .. } => None,
        };
        after.map_or(Retry::Backoff, Retry::After)
    }

    /// What the server denies until a person changes something, a right or a policy of admission:
    /// its words, where a parent that is known could not be written to, or dependents not deleted.
    pub(crate) fn denial(&self) -> Option<&ApiError> {
        match self {
            Self::Record { error, .. } => Some(error),
            Self::Delete { failed, .. } => failed.iter().map(|(_, error)| error).find(|one| is_denial(one)),
            _ => None,
        }
        .filter(|error| is_denial(error))
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

/// Whether trying again sooner than somebody acts is of no use.
pub(crate) fn is_denial(error: &ApiError) -> bool {
    match error {
        ApiError::Forbidden { .. } | ApiError::Conflict | ApiError::Unprocessable { .. } => true,
        ApiError::Status { status, .. } => (400..500).contains(status) && *status != 408,
        _ => false,
    }
}

fn first_of(failed: &[(ResourceId, ApiError)]) -> String {
    failed.first().map(|(resource, error)| format!("{resource}: {error}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_denied_until_a_person_acts_is_told_from_what_passes() {
        let resource = || ResourceId {
            kind: Kind::new("example.com", "Project"),
            namespace: None,
            name: "web".into(),
            uid: "web".into(),
        };
        let forbidden = ApiError::Forbidden { message: "cannot".to_owned() };
        let status = |status| ApiError::Status { status, message: "ask the team".to_owned() };
        for (error, denied) in [
            (forbidden.clone(), true),
            (status(403), true),
            (status(408), false),
            (status(500), false),
            (ApiError::Overloaded { after: None }, false),
            (ApiError::Unauthorized, false),
            (ApiError::Unreachable { reason: "reset".to_owned() }, false),
        ] {
            let failed = vec![(resource(), status(500)), (resource(), error.clone())];
            let delete = Error::Delete { resource: resource(), of: 3, failed };
            assert_eq!(delete.denial().is_some(), denied, "{error:?}");
            let record = Error::Record { resource: resource(), error: error.clone() };
            assert_eq!(record.denial(), denied.then_some(&error));
        }
        // Nothing can be told of a parent that was not read; it comes back before long.
        let read = Error::Read { resource: resource(), error: forbidden };
        assert_eq!((read.denial(), read.retry()), (None, Retry::After(DENIED)));
    }
}

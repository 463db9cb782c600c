use std::time::Duration;

use crate::call::ApiError;
use rewitness_messaging::{Failure, Kind, ResourceId, Retry};
use thiserror::Error;

/// What went wrong, and at which step.
///
/// [`retry`](Self::retry) says what comes next.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// No client could be made from the configuration.
    #[error("make a client from the configuration")]
    Client {
        /// Why.
        source: Box<kube::Error>,
    },
    /// What the server serves could not be read.
    #[error("discover what the server serves: {error}")]
    Discover {
        /// The server's answer.
        error: ApiError,
    },
    /// The server serves no such kind.
    #[error("the server does not serve {kind}")]
    NotServed {
        /// Which.
        kind: Kind,
    },
    /// A type as typed by a person is none that the server serves.
    #[error("the server has no type `{name}`{}", suggestion(.near))]
    UnknownType {
        /// As it was typed.
        name: String,
        /// Types of similar names, the most similar first.
        near: Vec<String>,
    },
    /// Resources could not be listed.
    #[error("list {plural}: {error}")]
    List {
        /// The kind's plural with its group.
        plural: String,
        /// The server's answer.
        error: ApiError,
    },
    /// A resource could not be read.
    #[error("read {resource}: {error}")]
    Read {
        /// Which.
        resource: Box<ResourceId>,
        /// The server's answer.
        error: ApiError,
    },
    /// A finalizer could not be added or removed.
    #[error("change the finalizers of {resource}: {error}")]
    Patch {
        /// Whose.
        resource: Box<ResourceId>,
        /// The server's answer.
        error: ApiError,
    },
    /// Others kept changing the finalizers of a resource while ours was to be changed.
    #[error("change the finalizers of {resource}: they changed {tries} times meanwhile")]
    Contended {
        /// Whose.
        resource: Box<ResourceId>,
        /// How often it was tried.
        tries: u32,
    },
    /// The hold of a resource is to be removed because it is being deleted, but it is not.
    #[error("take `{hold}` off {resource}: it is not being deleted")]
    NotDeleting {
        /// Whose.
        resource: Box<ResourceId>,
        /// Which.
        hold: String,
    },
    /// A finalizer is to be removed at one version of the resource, which is at another.
    #[error("{resource} has changed")]
    Changed {
        /// Whose.
        resource: Box<ResourceId>,
    },
    /// An answer of the server is not what it should be. Its content is not repeated here.
    #[error("understand the server's answer about {what}")]
    Decode {
        /// What it was about.
        what: String,
        /// Why.
        source: Unreadable,
    },
}

/// Where something cannot be read. Without what stands there: it may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{category} at line {line}, column {column}")]
pub struct Unreadable {
    category: &'static str,
    line: usize,
    column: usize,
}

impl From<serde_json::Error> for Unreadable {
    fn from(error: serde_json::Error) -> Self {
        let category = match error.classify() {
            serde_json::error::Category::Data => "a field is missing, or of another type",
            serde_json::error::Category::Eof => "it ends too early",
            serde_json::error::Category::Syntax | serde_json::error::Category::Io => "it is no JSON",
        };
        Self { category, line: error.line(), column: error.column() }
    }
}

impl Error {
    /// What is to be done next.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Client { .. } | Self::UnknownType { .. } => Retry::Never,
            Self::Discover { error }
            | Self::List { error, .. }
            | Self::Read { error, .. }
            | Self::Patch { error, .. } => error.retry_after().map_or(Retry::Backoff, Retry::After),
            Self::Contended { .. } => Retry::After(Duration::from_millis(100)),
            Self::NotServed { .. }
            | Self::NotDeleting { .. }
            | Self::Changed { .. }
            | Self::Decode { .. } => Retry::Backoff,
        }
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

fn suggestion(near: &[String]) -> String {
    match near {
        [] => String::new(),
        [one] => format!("; did you mean `{one}`?"),
        several => format!("; did you mean one of {}?", several.join(", ")),
    }
}

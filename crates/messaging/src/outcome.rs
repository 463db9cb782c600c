use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::Version;

/// What a consumer answers when nothing failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing more to do for this state of the resource.
    Done,
    /// The same, as far as the resource is still at this version when its hold comes off. If it is
    /// not, it is delivered again, as a change.
    ///
    /// For a consumer that decided by something else than the resource, by lists that it made, say:
    /// it names the version of the resource that it read after them. Where no hold comes off it means
    /// [`Done`](Self::Done). [`Version::UNKNOWN`] is no version, and counts as a failure.
    DoneAt(Version),
    /// Not finished, and not a failure: dependents are still terminating, say.
    ///
    /// Delivered again after `after` at the latest, and sooner when somebody calls
    /// [`Queue::wake`](crate::Queue::wake) with the key. Counts as no attempt.
    RequeueAfter {
        /// The longest wait.
        after: Duration,
        /// What can end the wait sooner.
        wake: Option<WakeKey>,
    },
}

impl Outcome {
    /// To be delivered again after `after`.
    pub fn requeue_after(after: Duration) -> Self {
        Self::RequeueAfter { after, wake: None }
    }
}

/// Names what a requeued delivery waits for. Any text; a uid, say.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WakeKey(pub Arc<str>);

impl<T: Into<Arc<str>>> From<T> for WakeKey {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

/// What the queue does after a consumer failed. Decided where the failure is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retry {
    /// Again, with exponential backoff and full jitter.
    #[default]
    Backoff,
    /// Again after this time, as a server's `Retry-After` says.
    After(Duration),
    /// Only a change of the resource can help: of its generation, its deletion timestamp or a label
    /// that was asked for. Of a kind without generations (a ConfigMap, say) every new version counts,
    /// one that the consumer wrote itself included. A deletion is retried even then, at the longest
    /// interval, because parking it would hold the resource for ever.
    Never,
}

/// A consumer's failure: what went wrong, and what is to be done next.
///
/// Any error becomes one that is retried with backoff by way of `?`. Like `anyhow::Error` this
/// type is no `std::error::Error` itself, which is what makes that conversion possible.
///
/// ```
/// use rewitness_messaging::{Failure, Outcome, Retry};
///
/// fn port(text: &str) -> Result<Outcome, Failure> {
///     let _port: u16 = text.parse()?;
///     Ok(Outcome::Done)
/// }
/// assert_eq!(port("x").unwrap_err().retry(), Retry::Backoff);
/// assert_eq!(Failure::never("not a port").retry(), Retry::Never);
/// ```
pub struct Failure {
    retry: Retry,
    error: Box<dyn std::error::Error + Send + Sync>,
}

impl Failure {
    /// A failure that is retried with backoff.
    pub fn backoff(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { retry: Retry::Backoff, error: error.into() }
    }

    /// A failure that is retried after a given time.
    pub fn after(after: Duration, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { retry: Retry::After(after), error: error.into() }
    }

    /// A failure that only a change of the resource can end.
    pub fn never(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { retry: Retry::Never, error: error.into() }
    }

    /// What is to be done next.
    pub fn retry(&self) -> Retry {
        self.retry
    }

    /// What went wrong.
    pub fn error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        &*self.error
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::backoff(error)
    }
}

impl fmt::Display for Failure {
    /// The error with its causes, separated by colons.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.error)?;
        let mut source = self.error.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({:?})", self.retry)
    }
}

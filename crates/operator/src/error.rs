//! What goes wrong when a Cascade is taken in.

use thiserror::Error;

/// What went wrong, by the step.
#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("read the Cascade")]
    Read { source: kube::Error },
    #[error("let go of what another Cascade of this name held, which has gone")]
    Former,
    #[error("hold the Cascade itself")]
    Hold { source: kube::Error },
    #[error("hold the Cascade itself: it has gone, is being deleted, or is not known to the server yet")]
    NotThere,
    #[error("let the Cascade itself go")]
    LetGo { source: kube::Error },
    #[error("let parents go")]
    Release { source: Box<rewitness_kubernetes::Error> },
    #[error("let parents go: the server cannot say at present what it serves as {group_version}")]
    Broken { group_version: String },
    #[error("let parents go: what is remembered of them cannot be read")]
    Remembered,
    #[error("let parents go: somebody else puts our finalizer on again and again")]
    Contested,
    #[error("hold nothing any more: Rewitness is being uninstalled")]
    Uninstalling,
    #[error("record what the Cascade says: {reason}")]
    Record { reason: String },
    #[error("deliveries of what the Cascade said before are still in flight")]
    Busy,
    #[error("follow the Cascade")]
    Subscribe { source: rewitness_messaging::Error },
}

impl Error {
    /// The error with its causes, for a person to act on.
    pub(super) fn describe(&self) -> String {
        rewitness_kubernetes::call::chain(self)
    }
}

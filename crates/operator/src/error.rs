//! What goes wrong when a Cascade is taken in.

use thiserror::Error;

/// What went wrong, by the step.
#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("read the Cascade")]
    Read { source: kube::Error },
    #[error("release the parents of an earlier Cascade of this name")]
    Former,
    #[error("add the finalizer to the Cascade")]
    AddFinalizer { source: kube::Error },
    #[error(
        "add the finalizer to the Cascade: it is gone, is being deleted, or is not known to the server yet"
    )]
    NotThere,
    #[error("remove the finalizer from the Cascade")]
    RemoveFinalizer { source: kube::Error },
    #[error("release parents")]
    Release { source: Box<rewitness_kubernetes::Error> },
    #[error("release parents: the annotation that names them cannot be read")]
    Remembered,
    #[error("release parents: another client keeps adding our finalizer")]
    Contested,
    #[error("hold parents: Rewitness is being uninstalled")]
    Uninstalling,
    #[error("record the Cascade in its status: {reason}")]
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

//! Why nobody is warned.

use rewitness_crds::Reason;
use rewitness_crds::cascade::WARNING_ANNOTATION;
use thiserror::Error;

/// Why the warning could not be put up, or taken down.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Failure {
    #[error(
        "the server does not serve ValidatingAdmissionPolicy in admissionregistration.k8s.io/v1, which came with \
         Kubernetes 1.30"
    )]
    NotServed,
    #[error("{message}; `rewitness rbac --all` prints the rights that are needed")]
    MissingRights { message: String },
    #[error("{plural}/{name} belongs to somebody else and was not changed: delete it, or rename the Cascade")]
    NameTaken { plural: &'static str, name: String },
    #[error(
        "the policy is deleted, but the annotation {} could not be removed from the Cascade: {reason}",
        WARNING_ANNOTATION
    )]
    StillRemembered { reason: String },
    #[error("{reason}")]
    Failed { reason: String },
}

impl Failure {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self::Failed { reason: reason.into() }
    }

    pub(super) fn reason(&self) -> Reason {
        match self {
            Self::NotServed => Reason::NotServed,
            Self::MissingRights { .. } => Reason::MissingRights,
            Self::NameTaken { .. } => Reason::NameTaken,
            Self::StillRemembered { .. } | Self::Failed { .. } => Reason::Failed,
        }
    }
}

impl From<kube::Error> for Failure {
    fn from(error: kube::Error) -> Self {
        match error {
            // Who reads takes this for an object that is not there, so it is the path of a write.
            kube::Error::Api(answer) if answer.code == 404 => Self::NotServed,
            // Admission refuses with 403 too, in other words.
            kube::Error::Api(answer) if answer.code == 403 && answer.message.contains(" cannot ") => {
                Self::MissingRights { message: answer.message.clone() }
            }
            kube::Error::Api(answer) => Self::new(answer.message.clone()),
            other => Self::new(rewitness_kubernetes::call::chain(&other)),
        }
    }
}

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

macro_rules! reasons {
    ($($(#[doc = $meaning:literal])+ $name:ident,)+) => {
        /// Why something is as it is, in one word: the one vocabulary of conditions, Events, `rewitness why`, `plan` and
        /// `check`, and logs.
        ///
        /// # Guarantees
        ///
        /// Programs read these words: one that is here stays, and keeps its meaning. More may come.
        ///
        /// ```
        /// use rewitness_crds::Reason;
        ///
        /// assert_eq!(Reason::LimitExceeded.as_str(), "LimitExceeded");
        /// assert_eq!("LimitExceeded".parse(), Ok(Reason::LimitExceeded));
        /// assert!("limit".parse::<Reason>().is_err());
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[doc = $meaning])+ $name,)+
        }

        impl Reason {
            /// All of them, by the alphabet.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The word.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }

            /// What it means, for people.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($meaning),+).trim_start(),)+
                }
            }
        }
    };
}

// A file of its own for each kind of reader would be five vocabularies again.
reasons! {
    /// the Cascade's label does not say which parent is meant
    AmbiguousReference,
    /// an API service does not answer
    ApiServiceUnavailable,
    /// dependents that somebody else is to delete (action: Wait)
    AwaitsOthers,
    /// all dependents are gone, and the parent may go
    CascadeFinished,
    /// held by a Cascade that does not exist
    CascadeGone,
    /// the Cascade is being deleted itself
    CascadeLeaving,
    /// the operator says why the Cascade is not ready
    CascadeNotReady,
    /// whether a Cascade has to do with it
    CascadesUnread,
    /// dependents that wait for dependents of their own
    Cascading,
    /// kinds and rights cannot be looked up
    CheckFailed,
    /// kinds and rights are being looked up
    Checking,
    /// what Kubernetes says in a condition
    Condition,
    /// deletions wait for a confirmation
    ConfirmationNeeded,
    /// what is left in a namespace, of a definition or of an owner
    Content,
    /// Kubernetes could not delete some of a namespace's content
    ContentFailure,
    /// some of that is kept by a finalizer
    ContentKept,
    /// Kubernetes has counted what is left in a namespace
    ContentRemaining,
    /// a dependent that waits for this deletion in turn
    Cycle,
    /// a definition waits for its objects
    DefinitionCleanup,
    /// whether the kind itself is being removed
    DefinitionUnread,
    /// dependents are being deleted
    Deleting,
    /// the parent is kept until its dependents are gone
    DeletionHeld,
    /// a Cascade deletes it with a parent
    Dependent,
    /// a dependent does not go by itself
    DependentBlocked,
    /// dependents are left
    DependentsRemain,
    /// what is not served may still be in the namespace
    DiscoveryFailure,
    /// dependents that are to be deleted
    Due,
    /// Kubernetes is deleting the namespace's content
    Emptying,
    /// the Cascade is in force
    Enforced,
    /// a warning that somebody wrote of it
    Event,
    /// what was said of it
    EventsUnread,
    /// kept by somebody's finalizer
    Finalizer,
    /// dependents that are kept by somebody's finalizers
    Finalizers,
    /// Kubernetes has counted whose finalizers are left in a namespace
    FinalizersRemaining,
    /// all dependents are gone, and the parent may go
    Finished,
    /// dependents that you may not list
    Forbidden,
    /// it waits for what it owns
    ForegroundDeletion,
    /// an earlier object of this name, and how it went
    FormerOne,
    /// nothing keeps it
    Going,
    /// it has time to end by itself
    Grace,
    /// the operator has all rights
    Granted,
    /// Kubernetes could not read what is served
    GroupVersionFailure,
    /// held by a Cascade
    Held,
    /// held by `rewitness tail --hold`
    Hold,
    /// the Cascade's spec makes no rule
    InvalidSpec,
    /// the server does not serve the kind
    KindNotServed,
    /// the kind of the parents is being removed
    KindRemoved,
    /// dependents of later stages
    LaterStages,
    /// the parent is gone or no longer held, and the Cascade did not finish it
    Left,
    /// a confirmation is needed
    LimitExceeded,
    /// more dependents than one parent may delete (limits.maxDependents)
    MaxDependents,
    /// more deletions than the rule has left in this hour (limits.maxPerHour)
    MaxPerHour,
    /// the operator lacks rights
    MissingRights,
    /// a Cascade names the kind that is not served
    NamedByCascade,
    /// kept by a finalizer in the namespace's spec
    NamespaceFinalizer,
    /// nobody works on the namespace's deletion
    NoNamespaceController,
    /// none of the definition's objects is left
    NoObjects,
    /// no operator seems to follow the Cascade
    NoOperator,
    /// it refers to a parent that is not there
    NoParent,
    /// held by a Cascade that does nothing for it
    NoRule,
    /// nobody has asked for its deletion
    NotDeleted,
    /// the Cascade only plans
    NotEnforced,
    /// the operator does not follow the Cascade
    NotFollowed,
    /// a Cascade is about it, and does not hold it
    NotHeld,
    /// the parents are not all listed and watched
    NotSynced,
    /// nothing that it owns is left
    NothingOwned,
    /// an operator follows the Cascade
    Operator,
    /// something that this version has no word for
    Other,
    /// the Cascade is about more than the operator's namespaces
    OutOfScope,
    /// the Cascade plans, and deletes nothing
    Planned,
    /// no deletion is blocked
    Progressing,
    /// dependents in a protected namespace
    Protected,
    /// a kind of the Cascade's dependents is protected
    ProtectedKind,
    /// the server or a webhook refused a deletion
    Refused,
    /// the deletion began with a revision that is no longer kept
    RevisionUnknown,
    /// by which revision of the Cascade a deletion goes that has begun
    RevisionUnread,
    /// the Cascade is not suspended
    Running,
    /// the Cascade asks for a namespace where there is none
    ScopeMismatch,
    /// the deletion has come to a stage
    StageStarted,
    /// the Cascade's status cannot be read, and so what is left of this hour
    StatusUnread,
    /// spec.suspend
    Suspended,
    /// dependents that are being deleted
    Terminating,
    /// Rewitness is being uninstalled
    Uninstalling,
    /// dependents that cannot be listed
    Unlisted,
    /// what could not be read
    Unread,
    /// the parents are listed and watched
    Watching,
    /// no deletion needs a confirmation
    WithinLimits,
    /// what a deletion would take along
    WouldTake,
    /// whom a deletion would wait for
    WouldWait,
}

/// A word that is no [`Reason`] of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownReason;

impl FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(word: &str) -> Result<Self, UnknownReason> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == word).ok_or(UnknownReason)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A condition, an Event or a document has a word of another version as well; it is only compared.
impl PartialEq<Reason> for String {
    fn eq(&self, reason: &Reason) -> bool {
        self == reason.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_as_what_it_is_and_stands_in_its_place() {
        assert!(Reason::ALL.is_sorted_by_key(|reason| reason.as_str()));
        for reason in Reason::ALL {
            assert_eq!(reason.as_str().parse(), Ok(*reason));
            assert!(reason.meaning().len() > 3 && !reason.meaning().ends_with('.'), "{reason}");
        }
    }
}

//! The reasons that a finding may have; `rewitness why --help` lists them from here.

use rewitness_crds::Reason;

/// By the alphabet.
pub const REASONS: &[Reason] = &[
    Reason::AmbiguousReference,
    Reason::ApiServiceUnavailable,
    Reason::AwaitsOthers,
    Reason::CascadeGone,
    Reason::CascadeLeaving,
    Reason::CascadeNotReady,
    Reason::CascadesUnread,
    Reason::Cascading,
    Reason::Condition,
    Reason::Content,
    Reason::ContentFailure,
    Reason::ContentKept,
    Reason::ContentRemaining,
    Reason::Cycle,
    Reason::DefinitionCleanup,
    Reason::DefinitionUnread,
    Reason::Dependent,
    Reason::DiscoveryFailure,
    Reason::Due,
    Reason::Emptying,
    Reason::Event,
    Reason::EventsUnread,
    Reason::Finalizer,
    Reason::Finalizers,
    Reason::FinalizersRemaining,
    Reason::Forbidden,
    Reason::ForegroundDeletion,
    Reason::FormerOne,
    Reason::Going,
    Reason::Grace,
    Reason::GroupVersionFailure,
    Reason::Held,
    Reason::Hold,
    Reason::KindNotServed,
    Reason::LaterStages,
    Reason::LimitExceeded,
    Reason::MissingRights,
    Reason::NamedByCascade,
    Reason::NamespaceFinalizer,
    Reason::NoNamespaceController,
    Reason::NoObjects,
    Reason::NoOperator,
    Reason::NoParent,
    Reason::NoRule,
    Reason::NotDeleted,
    Reason::NotEnforced,
    Reason::NotHeld,
    Reason::NothingOwned,
    Reason::Operator,
    Reason::OutOfScope,
    Reason::Protected,
    Reason::ProtectedKind,
    Reason::Refused,
    Reason::RevisionUnknown,
    Reason::ScopeMismatch,
    Reason::Suspended,
    Reason::Terminating,
    Reason::Unlisted,
    Reason::Unread,
    Reason::WouldTake,
    Reason::WouldWait,
];

/// How a deletion is reported that goes on.
pub(crate) const GOES_ON: [Reason; 2] = [Reason::Deleting, Reason::DependentsRemain];

/// Why a Cascade is not ready, where only the operator can say so.
pub(crate) const QUOTED: [Reason; 3] = [Reason::InvalidSpec, Reason::KindNotServed, Reason::NotSynced];

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_reason_that_is_given_is_listed() {
        let decide = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/why/decide");
        let mut given = 0;
        for file in fs::read_dir(decide).unwrap().map(|entry| entry.unwrap().path()) {
            let Ok(source) = fs::read_to_string(&file) else { continue };
            for rest in source.split("Reason::").skip(1) {
                let word = rest.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
                let listed = REASONS.iter().any(|reason| reason.as_str() == word);
                assert!(listed, "{}: {word}", file.display());
                given += 1;
            }
        }
        assert!(given >= 50, "only {given} were found");
        assert!(REASONS.is_sorted(), "people look them up");
    }
}

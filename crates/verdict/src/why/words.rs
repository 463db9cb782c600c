//! The words by which programs know what a finding is, each with its meaning. They never change and
//! never go; `rewitness why --help` lists them from here.

/// Each with its meaning, by the alphabet.
pub const REASONS: &[(&str, &str)] = &[
    ("AmbiguousReference", "the Cascade's label does not say which parent is meant"),
    ("ApiServiceUnavailable", "an API service does not answer"),
    ("AwaitsOthers", "dependents that somebody else is to delete (action: Wait)"),
    ("CascadeGone", "held by a Cascade that does not exist"),
    ("CascadeLeaving", "the Cascade is being deleted itself"),
    ("CascadeNotReady", "the operator says why the Cascade is not ready"),
    ("CascadesUnread", "whether a Cascade has to do with it"),
    ("Cascading", "dependents that wait for dependents of their own"),
    ("Condition", "what Kubernetes says in a condition"),
    ("Content", "what is left in a namespace, of a definition or of an owner"),
    ("ContentFailure", "Kubernetes could not delete some of a namespace's content"),
    ("ContentKept", "some of that is kept by a finalizer"),
    ("ContentRemaining", "Kubernetes has counted what is left in a namespace"),
    ("Cycle", "a dependent that waits for this deletion in turn"),
    ("DefinitionCleanup", "a definition waits for its objects"),
    ("DefinitionUnread", "whether the kind itself is being removed"),
    ("DeletionsHeld", "spec.holdDeletions"),
    ("Dependent", "a Cascade deletes it with a parent"),
    ("DiscoveryFailure", "what is not served may still be in the namespace"),
    ("Due", "dependents that are to be deleted"),
    ("Emptying", "Kubernetes is deleting the namespace's content"),
    ("Event", "a warning that somebody wrote of it"),
    ("EventsUnread", "what was said of it"),
    ("Finalizer", "kept by somebody's finalizer"),
    ("Finalizers", "dependents that are kept by somebody's finalizers"),
    ("FinalizersRemaining", "Kubernetes has counted whose finalizers are left in a namespace"),
    ("Forbidden", "dependents that you may not list"),
    ("ForegroundDeletion", "it waits for what it owns"),
    ("FormerOne", "an earlier object of this name, and how it went"),
    ("Going", "nothing keeps it"),
    ("Grace", "it has time to end by itself"),
    ("GroupVersionFailure", "Kubernetes could not read what is served"),
    ("Held", "held by a Cascade"),
    ("Hold", "held by `rewitness tail --hold`"),
    ("KindNotServed", "the server does not serve the kind"),
    ("LaterStages", "dependents of later stages"),
    ("LimitExceeded", "a confirmation is needed"),
    ("MissingRights", "the operator lacks rights"),
    ("NamedByCascade", "a Cascade names the kind that is not served"),
    ("NamespaceFinalizer", "kept by a finalizer in the namespace's spec"),
    ("NoNamespaceController", "nobody works on the namespace's deletion"),
    ("NoObjects", "none of the definition's objects is left"),
    ("NoOperator", "no operator seems to follow the Cascade"),
    ("NoParent", "it refers to a parent that is not there"),
    ("NoRule", "held by a Cascade that does nothing for it"),
    ("NotDeleted", "nobody has asked for its deletion"),
    ("NotEnforced", "the Cascade only plans"),
    ("NotHeld", "a Cascade is about it, and does not hold it"),
    ("NothingOwned", "nothing that it owns is left"),
    ("Operator", "an operator follows the Cascade"),
    ("OutOfScope", "the Cascade is about more than the operator's namespaces"),
    ("Paused", "spec.paused"),
    ("Protected", "dependents in a protected namespace"),
    ("ProtectedKind", "a kind of the Cascade's dependents is protected"),
    ("Refused", "the server or a webhook refused a deletion"),
    ("RevisionUnknown", "the deletion began with a revision that is no longer kept"),
    ("ScopeMismatch", "the Cascade asks for a namespace where there is none"),
    ("Terminating", "dependents that are being deleted"),
    ("Unlisted", "dependents that cannot be listed"),
    ("Unread", "what could not be read"),
    ("WouldTake", "what a deletion would take along"),
    ("WouldWait", "whom a deletion would wait for"),
];

/// Whether a word is one of them.
pub(super) fn is_reason(word: &str) -> bool {
    REASONS.binary_search_by_key(&word, |(known, _)| known).is_ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// What stands behind each `Weight::…` of a source, if it is a word, and before it.
    fn words(source: &str) -> Vec<&str> {
        let behind = source.split("Weight::").skip(1).filter_map(|rest| {
            let (_, rest) = rest.split_once(',')?;
            rest.trim_start().strip_prefix('"')?.split('"').next()
        });
        let before = source.split("\", Weight::").filter_map(|before| before.rsplit('"').next());
        let is_word = |word: &&str| {
            word.starts_with(|first: char| first.is_ascii_uppercase())
                && word.bytes().all(|byte| byte.is_ascii_alphabetic())
        };
        behind.chain(before).filter(is_word).collect()
    }

    #[test]
    fn every_reason_that_is_given_is_documented() {
        assert!(REASONS.is_sorted(), "they are found by their order");
        let decide = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/why/decide");
        let mut given = 0;
        for file in fs::read_dir(decide).unwrap().map(|entry| entry.unwrap().path()) {
            let Ok(source) = fs::read_to_string(&file) else { continue };
            for word in words(&source) {
                assert!(is_reason(word), "{}: {word}", file.display());
                given += 1;
            }
        }
        assert!(given >= 50, "only {given} were found");
    }
}

//! The words by which programs know why something is so, each with its meaning. They never change
//! and never go; `rewitness plan --help` lists them from here.

use rewitness_cascade::{Cause, Excess, Refused};

/// Makes an enum of words, of which the last is `Other`, with a list of them for the help.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $(#[doc = $meaning:literal] $word:ident,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $(#[doc = $meaning] $word,)*
        }

        impl $name {
            /// Each word with its meaning.
            pub const ALL: &[(&str, &str)] = &[$((stringify!($word), $meaning),)*];

            pub(super) fn as_str(self) -> &'static str {
                match self {
                    $(Self::$word => stringify!($word),)*
                }
            }

            /// The word that something is known by elsewhere, if it is one of these.
            fn of_word(word: &str) -> Self {
                match word {
                    $(stringify!($word) => Self::$word,)*
                    _ => Self::Other,
                }
            }
        }
    };
}

words! {
    /// Why a deletion does not begin or go on: `refused[].reason`.
    RefusedReason {
        /// the Cascade only plans
        NotEnforced,
        /// spec.paused
        Paused,
        /// spec.holdDeletions
        DeletionsHeld,
        /// a kind of its dependents is protected
        ProtectedKind,
        /// the label does not say which parent is meant
        AmbiguousReference,
        /// a namespace is asked for where there is none
        ScopeMismatch,
        /// it began with a revision of the Cascade that is no longer kept
        RevisionUnknown,
        /// something else
        Other,
    }
}

words! {
    /// Why it needs a confirmation: `excess[].reason`.
    ExcessReason {
        /// more dependents than one parent may take along
        MaxDependents,
        /// more than what is left of this hour
        MaxPerHour,
        /// the kind of the parents itself is being removed
        KindRemoved,
        /// something else
        Other,
    }
}

words! {
    /// What is not known, or why: `unknown.reason`.
    UnknownReason {
        /// you may not list the kind
        Forbidden,
        /// the server does not serve the kind
        KindNotServed,
        /// the kind cannot be listed for another reason
        Unlisted,
        /// the Cascade's status, and so what is left of this hour
        StatusUnread,
        /// by which revision of the Cascade a deletion goes that has begun
        RevisionUnread,
        /// whether the kind of the parents itself is being removed
        DefinitionUnread,
        /// something else
        Other,
    }
}

impl RefusedReason {
    pub(super) fn of(refused: &Refused) -> Self {
        Self::of_word(refused.as_str())
    }
}

impl ExcessReason {
    pub(super) fn of(excess: &Excess) -> Self {
        Self::of_word(match excess {
            Excess::Dependents { .. } => "MaxDependents",
            Excess::Hour { .. } => "MaxPerHour",
            Excess::KindRemoved => "KindRemoved",
            _ => "Other",
        })
    }
}

impl UnknownReason {
    pub(super) fn of(cause: &Cause) -> Self {
        Self::of_word(cause.as_str())
    }
}

#[cfg(test)]
mod tests {
    use rewitness_cascade::Unclear;
    use rewitness_messaging::Kind;

    use super::*;

    /// Programs read them: a word that is missing here has been renamed, which breaks them.
    #[test]
    fn the_words_that_programs_read_stay_what_they_are() {
        let kind = || Kind::new("", "Node");
        for (refused, word) in [
            (Refused::NotEnforced, "NotEnforced"),
            (Refused::Paused, "Paused"),
            (Refused::DeletionsHeld, "DeletionsHeld"),
            (Refused::ProtectedKind(kind()), "ProtectedKind"),
            (Refused::Unclear(Unclear::Ambiguous { kind: "Node".to_owned() }), "AmbiguousReference"),
            (
                Refused::Unclear(Unclear::NeedsNamespacedDependents { kind: "Node".to_owned() }),
                "ScopeMismatch",
            ),
            (Refused::RevisionUnknown("r1".to_owned()), "RevisionUnknown"),
        ] {
            assert_eq!(RefusedReason::of(&refused).as_str(), word);
        }
        let message = String::new;
        for (cause, word) in [
            (Cause::Forbidden { message: message() }, "Forbidden"),
            (Cause::NotServed, "KindNotServed"),
            (Cause::Unlisted { message: message() }, "Unlisted"),
        ] {
            assert_eq!(UnknownReason::of(&cause).as_str(), word);
        }
        for (excess, word) in [
            (Excess::Dependents { allowed: 1 }, "MaxDependents"),
            (Excess::Hour { room: 1 }, "MaxPerHour"),
            (Excess::KindRemoved, "KindRemoved"),
        ] {
            assert_eq!(ExcessReason::of(&excess).as_str(), word);
        }
        let all = |words: &[(&'static str, &str)]| words.iter().map(|(word, _)| *word).collect::<Vec<_>>();
        assert_eq!(
            all(RefusedReason::ALL),
            [
                "NotEnforced",
                "Paused",
                "DeletionsHeld",
                "ProtectedKind",
                "AmbiguousReference",
                "ScopeMismatch",
                "RevisionUnknown",
                "Other"
            ]
        );
        assert_eq!(
            all(UnknownReason::ALL),
            [
                "Forbidden",
                "KindNotServed",
                "Unlisted",
                "StatusUnread",
                "RevisionUnread",
                "DefinitionUnread",
                "Other"
            ]
        );
    }
}

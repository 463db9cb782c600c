//! The reasons that a plan gives; `rewitness plan --help` lists them from here.

use rewitness_crds::Reason;

/// Why a deletion does not begin or go on: `refused[].reason`.
pub const REFUSED: &[Reason] = &[
    Reason::NotEnforced,
    Reason::Suspended,
    Reason::ProtectedKind,
    Reason::AmbiguousReference,
    Reason::ScopeMismatch,
    Reason::RevisionUnknown,
    Reason::OutOfScope,
    Reason::MissingRights,
];

/// Why it needs a confirmation: `excess[].reason`.
pub const EXCESS: &[Reason] = &[Reason::MaxDependents, Reason::MaxPerHour, Reason::KindRemoved];

/// What is not known, or why: `unknown.reason`.
pub const UNKNOWN: &[Reason] = &[
    Reason::Forbidden,
    Reason::KindNotServed,
    Reason::Unlisted,
    Reason::StatusUnread,
    Reason::RevisionUnread,
    Reason::DefinitionUnread,
];

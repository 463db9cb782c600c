use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use rewitness_crds::Reason;
use rewitness_crds::cascade::{Action, Mode, Propagation, is_finalizer};
use rewitness_messaging::{Kind, ResourceId, Timestamp, Uid};
use thiserror::Error;

use super::dependent::{Dependent, Listing, LiveParent, Unlisted};
use super::limits::{Ask, Unconfirmed, Verdict};
use super::parent_record::ParentRecord;
use super::protection::Protection;
use super::reference::Unclear;
use super::rule::{DependentKind, Revision, Rule};
use super::wait_graph::{Member, WaitGraph};
use super::waits::{Cause, Wait, group};

/// Everything that decides what is next for one parent. Values only: the lists were made first,
/// and the parent was read after them.
#[derive(Clone, Copy)]
pub(crate) struct Situation<'a> {
    pub(crate) rule: &'a Rule,
    pub(crate) revision: &'a Revision,
    /// As it was delivered.
    pub(crate) delivered: &'a ResourceId,
    /// As it was read after the lists; `None` if it was not there.
    pub(crate) parent: Option<&'a LiveParent>,
    pub(crate) listings: &'a [Listing],
    /// How many full rounds before this one have found nothing.
    pub(crate) empty_rounds: u32,
    pub(crate) missing_rights: &'a [String],
    pub(crate) protection: &'a Protection,
    /// `None` for who follows no Cascade, and so knows nothing of other deletions.
    pub(crate) graph: Option<&'a WaitGraph>,
    pub(crate) hour_remaining: u64,
    /// Whether the parent's kind itself is being removed.
    pub(crate) kind_removed: bool,
    pub(crate) now: Timestamp,
}

/// What is next for one parent.
#[derive(Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, for as long as a round takes")]
pub(crate) enum Next {
    /// There is nothing to do for it any more.
    Leave,
    /// The read was older than the delivery; nothing is decided by it.
    Lagging,
    /// Nothing may be done.
    Refuse(Refused),
    /// Nothing can be done but wait.
    Wait(Remainder),
    /// These are deleted.
    Delete(Deletion),
    /// Nothing was found; a second look is due.
    LookAgain,
    /// The finalizer goes, once these still are what they were.
    Release(Vec<Member>),
}

/// What is left of a deletion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Remainder {
    pub(crate) stage: Option<Arc<str>>,
    pub(crate) waits: Vec<Wait>,
    /// What the parent waits for, all of it. `None` if that is not known.
    pub(crate) blocks: Option<BTreeSet<Uid>>,
}

/// What is deleted in one round.
#[derive(Debug, PartialEq)]
pub(crate) struct Deletion {
    /// To be recorded before anything is deleted, and whether the deletion begins by it.
    pub(crate) record: Option<(ParentRecord, bool)>,
    pub(crate) targets: Vec<Target>,
    pub(crate) remainder: Remainder,
}

/// One object to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) dependent: Dependent,
    pub(crate) place: (usize, usize),
    pub(crate) propagation: Propagation,
}

/// Why nothing may be done for a parent that is held.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refused {
    /// The rule is suspended.
    #[error("the Cascade is suspended: set spec.suspend to false to go on")]
    Suspended,
    /// The rule only plans.
    #[error("the Cascade only plans: set spec.mode to Enforce")]
    NotEnforced,
    /// The rule names what must not be deleted.
    #[error("{} is protected: drop it from the Cascade, or allow it by a flag of the operator", .0)]
    ProtectedKind(Kind),
    /// The rule does not say which parent is meant.
    #[error(transparent)]
    Unclear(Unclear),
    /// It is about more than the operator works on.
    #[error("the operator works in some namespaces alone (--namespace-scope), and {0}")]
    OutOfScope(String),
    /// Rights are missing. Nothing begins that could not be ended.
    #[error("missing rights: {}", .0.join("; "))]
    MissingRights(Vec<String>),
    /// A person has to confirm it.
    #[error("{}", unconfirmed(.0))]
    Unconfirmed(Unconfirmed),
    /// It began with a revision that is no longer kept.
    #[error(
        "the deletion began with revision {0} of the Cascade, which is no longer kept: take the annotation \
         record.rewitness.dev/<cascade> off the parent, and it begins anew by the rule as it is; or take the \
         finalizer off (kubectl patch), and the parent goes without the rest"
    )]
    RevisionUnknown(String),
}

fn unconfirmed(unconfirmed: &Unconfirmed) -> String {
    let why: Vec<String> = unconfirmed.why.iter().map(ToString::to_string).collect();
    let given = match &unconfirmed.given {
        Some(given) => format!(" (it says {given}: the list has changed since)"),
        None => String::new(),
    };
    format!(
        "{} would be deleted: {}; confirm it by the annotation with the hash {}{given}",
        unconfirmed.count,
        why.join(", and "),
        unconfirmed.hash
    )
}

impl Refused {
    /// The word for it.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Suspended => Reason::Suspended,
            Self::NotEnforced => Reason::NotEnforced,
            Self::ProtectedKind(_) => Reason::ProtectedKind,
            Self::Unclear(Unclear::Ambiguous { .. }) => Reason::AmbiguousReference,
            Self::Unclear(_) => Reason::ScopeMismatch,
            Self::OutOfScope(_) => Reason::OutOfScope,
            Self::MissingRights(_) => Reason::MissingRights,
            Self::Unconfirmed(_) => Reason::LimitExceeded,
            Self::RevisionUnknown(_) => Reason::RevisionUnknown,
        }
    }
}

impl Rule {
    /// Why it deletes nothing, as its spec says: it only plans, or is suspended.
    pub fn stated_refusals(&self) -> impl Iterator<Item = Refused> + use<> {
        let plans = (self.mode == Mode::Plan).then_some(Refused::NotEnforced);
        plans.into_iter().chain(self.suspend.then_some(Refused::Suspended))
    }
}

/// What a rule forbids or cannot say, whatever the parent.
pub(crate) fn refused_by_rule(rule: &Rule, revision: &Revision, protection: &Protection) -> Option<Refused> {
    refusals_by_rule(rule, revision, protection).next()
}

/// All of that, what decides first.
pub(crate) fn refusals_by_rule(
    rule: &Rule,
    revision: &Revision,
    protection: &Protection,
) -> impl Iterator<Item = Refused> {
    rule.stated_refusals().chain(protected_kinds(revision, protection))
}

/// The kinds of dependents that must not be deleted.
pub(crate) fn protected_kinds(revision: &Revision, protection: &Protection) -> impl Iterator<Item = Refused> {
    let kinds = revision.stages.iter().flat_map(|stage| &stage.dependents).map(|one| &one.kind.kind);
    let kinds: BTreeSet<&Kind> = kinds.filter(|kind| protection.covers_kind(kind)).collect();
    kinds.into_iter().cloned().map(Refused::ProtectedKind)
}

/// Decides what is next for one parent.
pub(crate) fn plan(situation: &Situation<'_>) -> Next {
    // It may have gone, and its name may be another's.
    let live = situation.parent.filter(|parent| parent.id.uid == situation.delivered.uid);
    let Some(parent) = live else { return Next::Leave };
    if parent.deleting.is_none() {
        return Next::Lagging;
    }
    // Without our finalizer nothing may be done in its name (C1).
    if !parent.is_held_by(&situation.rule.finalizer) {
        return Next::Leave;
    }
    if let Some(refused) = refused_by_rule(situation.rule, situation.revision, situation.protection) {
        return Next::Refuse(refused);
    }
    let unclear = situation.listings.iter().find_map(|listing| match &listing.found {
        Err(Unlisted::Unclear(unclear)) => Some(unclear.clone()),
        _ => None,
    });
    if let Some(unclear) = unclear {
        return Next::Refuse(Refused::Unclear(unclear));
    }
    Round::new(situation, parent).next()
}

/// One round over all stages of one parent.
pub(super) struct Round<'a> {
    situation: &'a Situation<'a>,
    parent: &'a LiveParent,
    pub(super) record: Option<ParentRecord>,
    pub(super) stages: Vec<StageRound<'a>>,
}

#[derive(Default)]
pub(super) struct StageRound<'a> {
    pub(super) left: Vec<Left<'a>>,
    unlisted: Vec<(&'a DependentKind, &'a Unlisted)>,
}

#[derive(Clone, Copy)]
pub(super) struct Left<'a> {
    pub(super) dependent: &'a Dependent,
    pub(super) place: (usize, usize),
    declared: &'a DependentKind,
}

impl<'a> Round<'a> {
    pub(super) fn new(situation: &'a Situation<'a>, parent: &'a LiveParent) -> Self {
        let mut stages: Vec<StageRound<'a>> = Vec::new();
        stages.resize_with(situation.revision.stages.len(), StageRound::default);
        // What is declared twice belongs to the first place. The parent does not wait for itself.
        let mut seen: HashSet<&Uid> = HashSet::from([&parent.id.uid]);
        for listing in situation.listings {
            let (stage, index) = listing.place;
            let declared = &situation.revision.stages[stage].dependents[index];
            match &listing.found {
                Err(unlisted) => stages[stage].unlisted.push((declared, unlisted)),
                Ok(found) => {
                    let left = found.iter().filter(|dependent| seen.insert(&dependent.id.uid));
                    stages[stage].left.extend(left.map(|dependent| Left {
                        dependent,
                        place: listing.place,
                        declared,
                    }));
                }
            }
        }
        let record = ParentRecord::of(parent, &situation.rule.name);
        Self { situation, parent, record, stages }
    }

    fn next(&self) -> Next {
        let (mut waits, mut cycle) = (BTreeSet::new(), Vec::new());
        for (index, stage) in self.stages.iter().enumerate() {
            waits.extend(stage.left.iter().map(|left| left.dependent.id.uid.clone()));
            if stage.unlisted.is_empty() && stage.left.is_empty() {
                continue;
            }
            // What is left may wait for this very parent. It is no reason to wait for it in turn.
            let situation = self.situation;
            let cycle_of = |graph: &WaitGraph| graph.cycle(self.parent, &situation.rule.finalizer, &waits);
            match situation.graph.and_then(cycle_of) {
                Some(members) if stage.unlisted.is_empty() => cycle = members,
                _ => return self.at_stage(index, waits),
            }
        }
        match self.situation.empty_rounds {
            0 => Next::LookAgain,
            _ => Next::Release(cycle),
        }
    }

    /// What is next in the first stage that is not empty.
    fn at_stage(&self, index: usize, waits: BTreeSet<Uid>) -> Next {
        let stage = &self.stages[index];
        let unlisted_anywhere = self.stages.iter().any(|stage| !stage.unlisted.is_empty());
        let due: Vec<Left<'a>> = stage.left.iter().filter(|left| self.is_due(left)).copied().collect();
        let remainder = Remainder {
            stage: Some(self.situation.revision.stages[index].name.as_str().into()),
            waits: self.waits(index),
            blocks: stage.unlisted.is_empty().then_some(waits),
        };
        if due.is_empty() {
            return Next::Wait(remainder);
        }
        if self.record.is_none() {
            // Nothing begins of which it is not known how much it is, or that could not be ended.
            if unlisted_anywhere {
                return Next::Wait(remainder);
            }
            if !self.situation.missing_rights.is_empty() {
                return Next::Refuse(Refused::MissingRights(self.situation.missing_rights.to_vec()));
            }
        }
        let record = match self.verdict() {
            Verdict::Unconfirmed(unconfirmed) => return Next::Refuse(Refused::Unconfirmed(unconfirmed)),
            Verdict::Authorised => None,
            Verdict::Begin(record) => Some((record, true)),
            Verdict::Extend(record) => Some((record, false)),
        };
        let target = |left: &Left<'a>| Target {
            dependent: left.dependent.clone(),
            place: left.place,
            propagation: left.declared.propagation,
        };
        Next::Delete(Deletion { record, targets: due.iter().map(target).collect(), remainder })
    }

    /// Whether a dependent is to be deleted, once its stage has come.
    pub(super) fn is_due(&self, left: &Left<'_>) -> bool {
        left.dependent.deleting.is_none()
            && left.declared.action == Action::Delete
            && !self.is_protected(left)
    }

    fn is_protected(&self, left: &Left<'_>) -> bool {
        let namespace = left.dependent.id.namespace.as_deref();
        namespace.is_some_and(|namespace| self.situation.protection.covers_namespace(namespace))
    }

    /// The limits are asked about everything that would be deleted, in all stages.
    pub(super) fn verdict(&self) -> Verdict {
        let all = self.stages.iter().flat_map(|stage| &stage.left);
        let remaining: Vec<&Dependent> =
            all.filter(|left| self.is_due(left)).map(|left| left.dependent).collect();
        let ask = Ask {
            cascade: &self.situation.rule.name,
            revision: self.situation.revision,
            parent: self.parent,
            record: self.record.as_ref(),
            remaining: &remaining,
            hour_remaining: self.situation.hour_remaining,
            kind_removed: self.situation.kind_removed,
            now: self.situation.now,
        };
        ask.verdict()
    }

    /// What is waited for in a stage, and what is not known in any.
    fn waits(&self, index: usize) -> Vec<Wait> {
        let unlisted =
            self.stages.iter().flat_map(|stage| &stage.unlisted).map(|(declared, unlisted)| Wait {
                kind: declared.kind.kind.clone(),
                cause: Cause::of_unlisted(unlisted),
                count: 0,
                since: None,
                examples: Vec::new(),
            });
        unlisted
            .chain(group(self.stages[index].left.iter().map(|left| (left.dependent, self.cause(left)))))
            .collect()
    }

    /// Why a dependent is left.
    pub(super) fn cause(&self, left: &Left<'_>) -> Cause {
        match () {
            () if left.dependent.deleting.is_some() => {
                let removes = |finalizer: &str| match self.situation.graph {
                    Some(graph) => graph.removes(finalizer, &left.dependent.id.kind),
                    None => is_finalizer(finalizer),
                };
                Cause::of_terminating(left.dependent, removes)
            }
            () if self.is_protected(left) => Cause::Protected,
            () if left.declared.action == Action::Wait => Cause::AwaitsOthers,
            () => Cause::Due,
        }
    }
}

#[cfg(test)]
mod random;
#[cfg(test)]
mod tests;

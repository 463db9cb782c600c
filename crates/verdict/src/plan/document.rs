//! A plan as a document: for programs, and what the text for people is made of.

use std::collections::BTreeMap;

use rewitness_cascade::{Cause, Found, Preview, PreviewKind, Refused};
use rewitness_crds::Reason;
use rewitness_crds::cascade::{Action, Mode};
use rewitness_messaging::Timestamp;
use serde::Serialize;

use crate::typed::{Object, Typed};

/// What the deletion of parents would take along by a Cascade.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    pub(super) api_version: &'static str,
    pub(super) kind: &'static str,
    pub(super) cascade: String,
    /// `cluster` or `file`.
    pub(super) origin: &'static str,
    pub(super) mode: Mode,
    pub(super) limits: Limits,
    /// What keeps every deletion from beginning.
    pub(super) refused: Vec<Detail>,
    pub(super) not_served: Vec<String>,
    /// What is not known of the Cascade itself.
    pub(super) unknown: Vec<Detail>,
    pub(super) totals: Totals,
    pub(super) parents: Vec<ParentPlan>,
    /// How commands are advised, in the text.
    #[serde(skip)]
    pub(super) typed: Typed,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Limits {
    pub(super) max_dependents: u32,
    pub(super) max_per_hour: u32,
    /// How many may still begin in this hour; absent if that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hour_remaining: Option<u64>,
}

/// A word from a fixed set, and the same for people.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Detail {
    pub(super) reason: Reason,
    pub(super) message: String,
}

/// Of all parents together.
#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Totals {
    pub(super) parents: u64,
    /// How many would be deleted.
    pub(super) deletes: u64,
    /// How many would be waited for.
    pub(super) waits: u64,
    /// How many parents need a confirmation.
    pub(super) unconfirmed: u64,
    /// How many would be deleted with parents whose deletion has not begun: these count in an hour.
    #[serde(skip)]
    pub(super) begins: u64,
    /// Whether those together are more than what is left of this hour; absent if that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) above_hour: Option<bool>,
    /// Whether every kind could be listed; if not, there may be more.
    pub(super) complete: bool,
}

/// What the deletion of one parent would take along.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ParentPlan {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) namespace: Option<String>,
    pub(super) name: String,
    pub(super) uid: String,
    /// Whether the Cascade is about it.
    pub selected: bool,
    /// Since when it is being deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deleting: Option<Timestamp>,
    pub(super) deletes: u64,
    pub(super) waits: u64,
    pub(super) complete: bool,
    /// Whether its deletion has begun, and counts in an hour already.
    #[serde(skip)]
    pub(super) begun: bool,
    /// Of what would be deleted: the value that confirms it.
    pub hash: String,
    /// Why it needs a confirmation that is not there.
    pub(super) excess: Vec<Detail>,
    /// What keeps this deletion from going on, beside what keeps every one.
    pub(super) refused: Vec<Detail>,
    /// What is not known of it beside its dependents.
    pub(super) unknown: Vec<Detail>,
    pub(super) stages: Vec<StagePlan>,
    /// As it is typed, for the commands in the text.
    #[serde(skip)]
    pub typed: Object,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct StagePlan {
    pub(super) name: String,
    pub(super) kinds: Vec<KindPlan>,
}

/// The dependents of one kind in one stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KindPlan {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) kind: String,
    pub(super) action: Action,
    pub(super) count: u64,
    /// How many are left for which cause; `Due` is to be deleted.
    pub(super) causes: BTreeMap<Reason, u64>,
    /// Why it is not known what is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unknown: Option<Detail>,
    /// Each of them, where the plan is for one parent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dependents: Option<Vec<DependentPlan>>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct DependentPlan {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) namespace: Option<String>,
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) cause: Reason,
    pub(super) message: String,
}

impl Plan {
    /// A parent's part of it. What keeps the whole rule is said once, for all of them.
    pub(crate) fn parent(&self, preview: &Preview) -> ParentPlan {
        let mut parent =
            ParentPlan::new(preview, |refused| self.refused.contains(&Detail::of_refused(refused)));
        if self.unknown.iter().any(|one| one.reason == Reason::StatusUnread) {
            parent.forget_revision();
        }
        parent
    }

    /// Takes these parents in; with each of their dependents, or with numbers alone.
    pub(super) fn take(&mut self, mut parents: Vec<ParentPlan>, with_dependents: bool) {
        let totals = &mut self.totals;
        for parent in &mut parents {
            totals.parents += 1;
            totals.deletes += parent.deletes;
            totals.waits += parent.waits;
            totals.unconfirmed += u64::from(!parent.excess.is_empty());
            totals.begins += if parent.begun { 0 } else { parent.deletes };
            totals.complete &= parent.complete;
            if !with_dependents {
                let kinds = parent.stages.iter_mut().flat_map(|stage| &mut stage.kinds);
                kinds.for_each(|kind| kind.dependents = None);
            }
        }
        totals.above_hour = self.limits.hour_remaining.map(|room| totals.begins > room);
        self.parents = parents;
    }

    /// Whether a parent may need a confirmation although none is listed for it.
    pub(super) fn may_need_more(&self) -> bool {
        !self.unknown.is_empty() || self.parents.iter().any(ParentPlan::is_unsure)
    }
}

impl ParentPlan {
    /// `of_rule`: whether a refusal is one of the whole rule, and listed there.
    pub fn new(preview: &Preview, of_rule: impl Fn(&Refused) -> bool) -> Self {
        let deletes = preview.dependents().filter(|found| found.cause == Cause::Due).count() as u64;
        let refused =
            preview.refused.iter().filter(|one| !matches!(one, Refused::Unconfirmed(_)) && !of_rule(one));
        Self {
            namespace: preview.parent.namespace.as_deref().map(str::to_owned),
            name: preview.parent.name.to_string(),
            uid: preview.parent.uid.to_string(),
            selected: true,
            deleting: preview.deleting,
            deletes,
            waits: preview.dependents().count() as u64 - deletes,
            complete: preview.is_complete(),
            begun: preview.begun.is_some(),
            hash: preview.hash.clone(),
            excess: preview.excess.iter().map(|one| Detail::new(one.reason(), one.to_string())).collect(),
            refused: refused.map(Detail::of_refused).collect(),
            unknown: Detail::of_definition(preview).into_iter().collect(),
            stages: preview
                .stages
                .iter()
                .map(|stage| StagePlan {
                    name: stage.name.clone(),
                    kinds: stage.kinds.iter().map(KindPlan::new).collect(),
                })
                .collect(),
            typed: Object::new(&preview.parent.kind, &preview.parent),
        }
    }

    /// By which revision its deletion goes is in the Cascade's status: without that it is not known
    /// whether it is kept.
    fn forget_revision(&mut self) {
        let before = self.refused.len();
        self.refused.retain(|one| one.reason != Reason::RevisionUnknown);
        if self.refused.len() < before {
            let message = "its deletion goes by an earlier revision of the Cascade, and this is by the one \
                           that is planned";
            self.unknown.push(Detail::new(Reason::RevisionUnread, message));
        }
    }

    /// Whether more may be deleted with it than is known.
    pub(super) fn is_unsure(&self) -> bool {
        !self.complete || !self.unknown.is_empty()
    }

    /// How many would be deleted.
    pub fn deletes(&self) -> u64 {
        self.deletes
    }
}

impl KindPlan {
    fn new(kind: &PreviewKind) -> Self {
        let (found, unknown): (&[Found], _) = match &kind.found {
            Ok(found) => (found, None),
            Err(cause) => (&[], Some(Detail::new(cause.reason(), cause.to_string()))),
        };
        let mut causes = BTreeMap::new();
        found.iter().for_each(|found| *causes.entry(found.cause.reason()).or_default() += 1);
        Self {
            group: kind.kind.group.to_string(),
            version: kind.version.clone(),
            kind: kind.kind.kind.to_string(),
            action: kind.action,
            count: found.len() as u64,
            causes,
            unknown,
            dependents: Some(found.iter().map(DependentPlan::new).collect()),
        }
    }
}

impl DependentPlan {
    fn new(found: &Found) -> Self {
        Self {
            namespace: found.id.namespace.as_deref().map(str::to_owned),
            name: found.id.name.to_string(),
            uid: found.id.uid.to_string(),
            cause: found.cause.reason(),
            message: found.cause.to_string(),
        }
    }
}

impl Detail {
    pub(super) fn of_refused(refused: &Refused) -> Self {
        Self::new(refused.reason(), refused.to_string())
    }

    pub(super) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }

    /// That the parents' definition could not be read, where a deletion would depend on it: it is
    /// asked when a deletion begins.
    fn of_definition(preview: &Preview) -> Option<Self> {
        let is_asked = preview.begun.is_none() && preview.kind_removed.is_none();
        let kind = &preview.parent.kind;
        let message = format!(
            "whether {kind} itself is being removed with all of its objects, which would need a confirmation: \
             its CustomResourceDefinition could not be read"
        );
        is_asked.then(|| Self::new(Reason::DefinitionUnread, message))
    }
}

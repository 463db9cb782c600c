//! A plan as a document: for programs, and what the text for people is made of.

use std::collections::BTreeMap;

use rewitness_consumers::cascade::{Cause, Excess, Found, Preview, PreviewKind, Refused};
use rewitness_crds::cascade::{Action, Mode};
use rewitness_messaging::Timestamp;
use serde::Serialize;

use crate::answer;

/// What the deletion of parents would take along by a Cascade.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Plan {
    api_version: &'static str,
    kind: &'static str,
    pub(super) cascade: String,
    /// `cluster` or `file`.
    pub(super) origin: &'static str,
    pub(super) mode: Mode,
    pub(super) limits: Limits,
    /// What keeps every deletion from beginning.
    pub(super) refused: Vec<Reason>,
    pub(super) not_served: Vec<String>,
    pub(super) totals: Totals,
    pub(super) parents: Vec<ParentPlan>,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Limits {
    pub(super) max_dependents: u32,
    pub(super) max_per_hour: u32,
    /// How many may still begin in this hour.
    pub(super) hour_room: u64,
}

/// A word from a fixed set, and the same for people.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Reason {
    pub(super) reason: &'static str,
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
    /// Whether every kind could be listed; if not, there may be more.
    pub(super) complete: bool,
}

/// What the deletion of one parent would take along.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ParentPlan {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) namespace: Option<String>,
    pub(super) name: String,
    pub(super) uid: String,
    /// Whether the Cascade is about it.
    pub(crate) selected: bool,
    /// Since when it is being deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deleting: Option<Timestamp>,
    pub(super) deletes: u64,
    pub(super) waits: u64,
    pub(super) complete: bool,
    /// Of what would be deleted: the value that confirms it.
    pub(crate) hash: String,
    /// Why it needs a confirmation that is not there.
    pub(super) excess: Vec<Reason>,
    /// What keeps this deletion from going on, beside what keeps every one.
    pub(super) refused: Vec<Reason>,
    pub(super) stages: Vec<StagePlan>,
    /// As it is typed, for the commands in the text.
    #[serde(skip)]
    pub(crate) typed: String,
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
    pub(super) causes: BTreeMap<&'static str, u64>,
    /// Why it is not known what is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unknown: Option<Reason>,
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
    pub(super) cause: &'static str,
    pub(super) message: String,
}

impl Plan {
    pub(super) fn new(
        cascade: &str,
        origin: &'static str,
        mode: Mode,
        limits: Limits,
        refused: Vec<Reason>,
        not_served: Vec<String>,
    ) -> Self {
        let (api_version, kind) = (answer::API_VERSION, "Plan");
        let totals = Totals { complete: not_served.is_empty(), ..Totals::default() };
        let cascade = cascade.to_owned();
        Self {
            api_version,
            kind,
            cascade,
            origin,
            mode,
            limits,
            refused,
            not_served,
            totals,
            parents: Vec::new(),
        }
    }

    /// A parent's part of it. `stated` is what the rule says of itself, for all of them.
    pub(crate) fn parent(&self, preview: &Preview, stated: &[Refused]) -> ParentPlan {
        ParentPlan::new(preview, |refused| {
            stated.contains(refused) || self.refused.contains(&Reason::of_refused(refused))
        })
    }

    /// Takes these parents in; with each of their dependents, or with numbers alone.
    pub(super) fn take(&mut self, mut parents: Vec<ParentPlan>, with_dependents: bool) {
        for parent in &mut parents {
            self.totals.parents += 1;
            self.totals.deletes += parent.deletes;
            self.totals.waits += parent.waits;
            self.totals.unconfirmed += u64::from(!parent.excess.is_empty());
            self.totals.complete &= parent.complete;
            if !with_dependents {
                let kinds = parent.stages.iter_mut().flat_map(|stage| &mut stage.kinds);
                kinds.for_each(|kind| kind.dependents = None);
            }
        }
        self.parents = parents;
    }
}

impl ParentPlan {
    /// `is_said` is what is said of the whole rule already.
    pub(crate) fn new(preview: &Preview, is_said: impl Fn(&Refused) -> bool) -> Self {
        let count =
            |is: fn(&Cause) -> bool| preview.dependents().filter(|found| is(&found.cause)).count() as u64;
        let deletes = count(|cause| matches!(cause, Cause::Due));
        let refused =
            preview.refused.iter().filter(|one| !matches!(one, Refused::Unconfirmed(_)) && !is_said(one));
        Self {
            namespace: preview.parent.namespace.as_deref().map(str::to_owned),
            name: preview.parent.name.to_string(),
            uid: preview.parent.uid.to_string(),
            selected: true,
            deleting: preview.deleting,
            deletes,
            waits: preview.dependents().count() as u64 - deletes,
            complete: preview.is_complete(),
            hash: preview.hash.clone(),
            excess: preview.excess.iter().map(Reason::of_excess).collect(),
            refused: refused.map(Reason::of_refused).collect(),
            stages: preview
                .stages
                .iter()
                .map(|stage| StagePlan {
                    name: stage.name.clone(),
                    kinds: stage.kinds.iter().map(KindPlan::new).collect(),
                })
                .collect(),
            typed: preview.parent.to_string(),
        }
    }

    /// How many would be deleted.
    pub(crate) fn deletes(&self) -> u64 {
        self.deletes
    }
}

impl KindPlan {
    fn new(kind: &PreviewKind) -> Self {
        let (found, unknown): (&[Found], _) = match &kind.found {
            Ok(found) => (found, None),
            Err(cause) => (&[], Some(Reason { reason: cause.as_str(), message: cause.to_string() })),
        };
        let mut causes = BTreeMap::new();
        found.iter().for_each(|found| *causes.entry(found.cause.as_str()).or_default() += 1);
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
            cause: found.cause.as_str(),
            message: found.cause.to_string(),
        }
    }
}

impl Reason {
    pub(super) fn of_refused(refused: &Refused) -> Self {
        Self { reason: refused.as_str(), message: refused.to_string() }
    }

    fn of_excess(excess: &Excess) -> Self {
        let reason = match excess {
            Excess::Dependents { .. } => "MaxDependents",
            Excess::Hour { .. } => "MaxPerHour",
            Excess::KindRemoved => "KindRemoved",
            _ => "Other",
        };
        Self { reason, message: excess.to_string() }
    }
}

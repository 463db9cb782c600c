use rewitness_crds::cascade::{Action, Confirmation, Propagation, confirm_annotation};
use rewitness_messaging::{Kind, ResourceId, Timestamp};

use super::cascades::Cascades;
use super::dependent::{Listing, LiveParent, Unlisted};
use super::hash::plan_hash;
use super::hour::HourWindow;
use super::limits::{Excess, Verdict};
use super::parent_record::ParentRecord;
use super::plan::{Refused, Round, Situation, refusals_by_rule};
use super::rule::{Revision, Rule};
use super::waits::Cause;
use crate::Error;

/// What the deletion of a parent takes along by one rule, or would take, as of now. For people:
/// nothing that is deleted goes by it.
///
/// # Caveats
///
/// The lists of the kinds are each consistent, but are not of one moment. What the caller may not
/// list is said, and is missing in the totals.
#[derive(Clone, Debug, PartialEq)]
pub struct Preview {
    /// Whose deletion.
    pub parent: ResourceId,
    /// Since when the parent is being deleted; `None` while it is not.
    pub deleting: Option<Timestamp>,
    /// What keeps the parent.
    pub finalizers: Vec<String>,
    /// Whether the rule's own finalizer is among them.
    pub is_held: bool,
    /// What is recorded of the deletion, once it has begun.
    pub begun: Option<Begun>,
    /// The stages in order, with what is left in each.
    pub stages: Vec<PreviewStage>,
    /// How many dependents the deletion takes, with those that were deleted already.
    pub total: u64,
    /// The hash of what would be deleted still: the value of the annotation that confirms it.
    pub hash: String,
    /// What the annotation says, if it is there.
    pub given: Option<String>,
    /// Why a confirmation is needed and was not given; empty if none is.
    pub excess: Vec<Excess>,
    /// What keeps the deletion from beginning or going on, whatever its stages wait for.
    pub refused: Vec<Refused>,
    /// Whether the parent's kind itself is being removed; `None` if that may not be read.
    pub kind_removed: Option<bool>,
}

/// What is recorded on a parent of a deletion that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// When.
    pub at: Timestamp,
    /// By which revision of the rule.
    pub revision: String,
    /// How many were deleted, as far as that was recorded.
    pub deleted: u64,
    /// What a person has confirmed.
    pub confirmed: Option<Confirmation>,
}

/// One stage of a deletion.
#[derive(Clone, Debug, PartialEq)]
pub struct PreviewStage {
    /// Its name.
    pub name: String,
    /// Its kinds, in the order of the rule.
    pub kinds: Vec<PreviewKind>,
}

/// The dependents of one kind in one stage.
#[derive(Clone, Debug, PartialEq)]
pub struct PreviewKind {
    /// The kind.
    pub kind: Kind,
    /// The version by which the rule knows it.
    pub version: String,
    /// What is done with them.
    pub action: Action,
    /// Who deletes what they own.
    pub propagation: Propagation,
    /// What is there, or why that is not known.
    pub found: Result<Vec<Found>, Cause>,
}

/// A dependent that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Which.
    pub id: ResourceId,
    /// Since when it is being deleted.
    pub deleting: Option<Timestamp>,
    /// What keeps it.
    pub finalizers: Vec<String>,
    /// Why it is left: [`Cause::Due`] is to be deleted.
    pub cause: Cause,
}

impl Preview {
    /// The first stage in which something is left or not known: the one that the deletion is in.
    /// `None` if nothing is left.
    pub fn stage(&self) -> Option<&PreviewStage> {
        self.stages.iter().find(|stage| !stage.is_empty())
    }

    /// Everything that was found, in the order in which it goes.
    pub fn dependents(&self) -> impl Iterator<Item = &Found> {
        self.stages.iter().flat_map(PreviewStage::dependents)
    }

    /// Whether every kind could be listed.
    pub fn is_complete(&self) -> bool {
        self.stages.iter().flat_map(|stage| &stage.kinds).all(|kind| kind.found.is_ok())
    }
}

impl PreviewStage {
    /// Everything that was found in it.
    pub fn dependents(&self) -> impl Iterator<Item = &Found> {
        self.kinds.iter().filter_map(|kind| kind.found.as_ref().ok()).flatten()
    }

    /// Whether nothing is left in it, for certain.
    pub fn is_empty(&self) -> bool {
        self.kinds.iter().all(|kind| kind.found.as_ref().is_ok_and(Vec::is_empty))
    }
}

impl Cascades {
    /// What the deletion of a parent takes along by a rule, or would take, as of now; with `hour`
    /// as the Cascade's status keeps it. Reads only, with the client's own rights. `None` if the
    /// parent has gone or another has its name.
    ///
    /// # Errors
    ///
    /// [`Error`] if the parent could not be read. What else could not be read is said in the
    /// preview.
    pub async fn preview(
        &self,
        rule: &Rule,
        hour: &HourWindow,
        parent: &ResourceId,
    ) -> Result<Option<Preview>, Error> {
        let read = async || {
            let live = self.0.loader.parent(&rule.parent, parent).await?;
            Ok::<_, Error>(live.filter(|live| live.id.uid == parent.uid))
        };
        let Some(before) = read().await? else { return Ok(None) };
        let record = ParentRecord::of(&before, &rule.name);
        let (revision, unknown) = match record.map(|record| record.revision) {
            None => (rule.current.clone(), None),
            Some(hash) => match rule.revision_of(&hash) {
                Some(revision) => (revision.clone(), None),
                None => (rule.current.clone(), Some(Refused::RevisionUnknown(hash))),
            },
        };
        // As a round of the consumer reads: the lists first, then the parent.
        let listings = self.0.loader.listings(&revision, parent, rule.within.as_deref()).await;
        let Some(live) = read().await? else { return Ok(None) };
        let kind_removed = self.0.loader.is_being_removed(&rule.parent, parent).await.ok();
        let mut preview = self.foresee(rule, &revision, hour, &live, &listings, kind_removed);
        preview.refused.extend(unknown);
        Ok(Some(preview))
    }

    /// What a round would make of what was read just now.
    pub(super) fn foresee(
        &self,
        rule: &Rule,
        revision: &Revision,
        hour: &HourWindow,
        parent: &LiveParent,
        listings: &[Listing],
        kind_removed: Option<bool>,
    ) -> Preview {
        let now = Timestamp::now();
        let situation = Situation {
            rule,
            revision,
            delivered: &parent.id,
            parent: Some(parent),
            listings,
            empty_rounds: 0,
            missing_rights: &[],
            protection: &self.0.config.protection,
            graph: None,
            hour_remaining: hour.remaining(rule.max_per_hour, now),
            kind_removed: kind_removed.unwrap_or_default(),
            now,
        };
        Preview { kind_removed, ..preview(&situation, parent) }
    }
}

/// What a round would make of a situation, as a value for people.
pub(super) fn preview(situation: &Situation<'_>, parent: &LiveParent) -> Preview {
    let (rule, revision) = (situation.rule, situation.revision);
    let round = Round::new(situation, parent);
    let stages = situation.revision.stages.iter().enumerate().map(|(index, stage)| PreviewStage {
        name: stage.name.clone(),
        kinds: kinds(situation.listings, revision, index, &round),
    });
    let due = round.stages.iter().flat_map(|stage| &stage.left).filter(|left| round.is_due(left));
    let due: Vec<_> = due.map(|left| &left.dependent.id.uid).collect();
    let deleted = round.record.as_ref().map_or(0, ParentRecord::deleted);
    let unconfirmed = match round.verdict() {
        Verdict::Unconfirmed(unconfirmed) => Some(unconfirmed),
        _ => None,
    };
    let unclear = situation.listings.iter().find_map(|listing| match &listing.found {
        Err(Unlisted::Unclear(unclear)) => Some(Refused::Unclear(unclear.clone())),
        _ => None,
    });
    Preview {
        parent: parent.id.clone(),
        deleting: parent.deleting.as_deref().map(|text| text.parse().unwrap_or(Timestamp::UNIX_EPOCH)),
        finalizers: parent.finalizers.clone(),
        is_held: parent.finalizers.iter().any(|one| **one == *rule.finalizer),
        stages: stages.collect(),
        total: unconfirmed.as_ref().map_or(deleted + due.len() as u64, |unconfirmed| unconfirmed.count),
        hash: plan_hash(due),
        given: parent.annotations.get(&confirm_annotation(&rule.name)).cloned(),
        excess: unconfirmed.as_ref().map(|unconfirmed| unconfirmed.why.clone()).unwrap_or_default(),
        refused: refusals_by_rule(rule, revision, situation.protection)
            .chain(unclear)
            .chain(unconfirmed.map(Refused::Unconfirmed))
            .collect(),
        begun: round.record.map(|record| Begun {
            at: record.began,
            deleted: record.deleted(),
            revision: record.revision,
            confirmed: record.confirmed,
        }),
        kind_removed: Some(situation.kind_removed),
    }
}

fn kinds(listings: &[Listing], revision: &Revision, stage: usize, round: &Round<'_>) -> Vec<PreviewKind> {
    let of_stage = listings.iter().filter(|listing| listing.place.0 == stage);
    let kind = |listing: &Listing| {
        let declared = &revision.stages[stage].dependents[listing.place.1];
        let left = round.stages[stage].left.iter().filter(|left| left.place == listing.place);
        PreviewKind {
            kind: declared.kind.kind.clone(),
            version: declared.kind.version.clone(),
            action: declared.action,
            propagation: declared.propagation,
            found: match &listing.found {
                Err(unlisted) => Err(Cause::of_unlisted(unlisted)),
                Ok(_) => Ok(left
                    .map(|left| Found {
                        id: left.dependent.id.clone(),
                        deleting: left.dependent.deleting,
                        finalizers: left.dependent.finalizers.clone(),
                        cause: round.cause(left),
                    })
                    .collect()),
            },
        }
    };
    of_stage.map(kind).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::dependent::Dependent;
    use crate::protection::Protection;
    use crate::testing::{dependent, parent, time};

    fn rule(spec: serde_json::Value) -> Rule {
        let mut cascade = json!({
            "apiVersion": "rewitness.dev/v1alpha1", "kind": "Cascade", "metadata": { "name": "project" },
            "spec": {
                "mode": "Enforce", "limits": { "maxDependents": 2 },
                "parent": { "apiVersion": "example.com/v1", "kind": "Project" },
                "stages": [
                    { "name": "first", "dependents": [{
                        "apiVersion": "example.com/v1", "kind": "Cluster", "reference": { "label": "p", "value": "Name" },
                    }] },
                    { "name": "second", "dependents": [{
                        "apiVersion": "example.com/v1", "kind": "Disk", "reference": { "label": "p", "value": "Name" },
                    }] },
                ],
            },
        });
        for (field, value) in spec.as_object().unwrap() {
            cascade["spec"][field] = value.clone();
        }
        Rule::new(&serde_json::from_value(cascade).unwrap()).unwrap()
    }

    fn of(rule: &Rule, parent: &LiveParent, found: [Result<Vec<Dependent>, Unlisted>; 2]) -> Preview {
        let listings: Vec<Listing> = found
            .into_iter()
            .enumerate()
            .map(|(stage, found)| Listing { place: (stage, 0), found })
            .collect();
        let situation = Situation {
            rule,
            revision: &rule.current,
            delivered: &parent.id,
            parent: Some(parent),
            listings: &listings,
            empty_rounds: 0,
            missing_rights: &[],
            protection: &Protection::default(),
            graph: None,
            hour_remaining: 1000,
            kind_removed: false,
            now: time(100),
        };
        preview(&situation, parent)
    }

    #[test]
    fn a_preview_lists_each_dependent_once_and_says_why_it_is_left() {
        let held =
            Dependent { deleting: Some(time(1)), finalizers: vec!["x/y".to_owned()], ..dependent("held") };
        let rule = rule(json!({}));
        let found = of(&rule, &parent("p"), [Ok(vec![dependent("a"), held]), Ok(vec![dependent("a")])]);
        let said: Vec<_> =
            found.dependents().map(|one| (one.id.name.to_string(), one.cause.reason().as_str())).collect();
        assert_eq!(said, [("a".to_owned(), "Due"), ("held".to_owned(), "Finalizers")]);
        assert_eq!(found.stage().unwrap().name, "first");
        assert!(found.is_held && found.refused.is_empty() && found.is_complete());
        assert_eq!(found.total, 1);
    }

    #[test]
    fn a_live_parent_has_a_preview_too() {
        let live = LiveParent { deleting: None, finalizers: Vec::new(), ..parent("p") };
        let found = of(&rule(json!({})), &live, [Ok(vec![dependent("a")]), Ok(Vec::new())]);
        assert_eq!((found.deleting, found.is_held, found.total), (None, false, 1));
    }

    #[test]
    fn a_preview_has_the_hash_that_confirms_it() {
        let rule = rule(json!({}));
        let dependents = || [Ok(vec![dependent("a"), dependent("b")]), Ok(vec![dependent("c")])];
        let found = of(&rule, &parent("p"), dependents());
        assert_eq!(found.excess, [Excess::Dependents { allowed: 2 }]);
        assert_eq!((found.total, found.refused[0].reason().as_str()), (3, "LimitExceeded"));
        let mut confirmed = parent("p");
        confirmed.annotations.insert("confirm.rewitness.dev/project".to_owned(), found.hash.clone());
        let again = of(&rule, &confirmed, dependents());
        assert_eq!((again.excess.len(), again.given), (0, Some(found.hash)));
    }

    #[test]
    fn a_preview_names_everything_that_keeps_the_deletion_from_beginning() {
        let stages = json!([{ "name": "all", "dependents": [
            { "apiVersion": "v1", "kind": "Node", "reference": { "label": "p", "value": "Name" } },
            { "apiVersion": "v1", "kind": "Namespace", "reference": { "label": "p", "value": "Name" } },
        ] }]);
        let rule = rule(json!({ "mode": "Plan", "suspend": true, "stages": stages }));
        let protection = Protection::default();
        let found = refusals_by_rule(&rule, &rule.current, &protection);
        let said: Vec<_> = found.map(|refused| refused.reason().as_str()).collect();
        assert_eq!(said, ["NotEnforced", "Suspended", "ProtectedKind", "ProtectedKind"]);
    }

    #[test]
    fn what_cannot_be_listed_is_not_taken_for_empty() {
        let forbidden = Unlisted::Forbidden { message: "no".to_owned() };
        let found = of(&rule(json!({ "suspend": true })), &parent("p"), [Ok(Vec::new()), Err(forbidden)]);
        assert_eq!(found.stage().unwrap().name, "second");
        assert!(!found.is_complete());
        assert_eq!(found.refused, [Refused::Suspended]);
    }
}

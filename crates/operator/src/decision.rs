//! What is to be done about a Cascade: decided by values alone.

use std::collections::BTreeSet;

use rewitness_cascade::Rule;
use rewitness_crds::Cascade;
use rewitness_crds::cascade::{CASCADE_FINALIZER, HELD_PARENTS_ANNOTATION, Mode};
use rewitness_messaging::{ResourceId, Scope, Subscription};
use serde::{Deserialize, Serialize};

/// What is done to the parents of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Enforcement {
    /// They are counted; nothing is written to them (C11).
    Plan,
    /// Those that are held stay so, and no others are.
    Keep,
    /// They are held.
    Hold,
}

/// What is to be done about a Cascade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Its parents are let go, and then it is (C10).
    Leave,
    /// Nothing is done until it says something else. What is held stays held.
    Suspend,
    /// Its parents are watched.
    Follow(Enforcement, HeldParents),
}

/// Which parents a Cascade may hold, as it is remembered on the Cascade itself: where they live, and
/// which labels they have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HeldParents {
    /// Everywhere if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) namespaces: Option<Vec<String>>,
    /// In the syntax of the API's `labelSelector` parameter.
    #[serde(default)]
    pub(crate) selector: String,
}

impl Enforcement {
    /// What a rule asks for.
    pub(crate) fn of(rule: &Rule) -> Self {
        match (rule.mode(), rule.is_paused()) {
            (Mode::Plan, _) => Self::Plan,
            (Mode::Enforce, true) => Self::Keep,
            (Mode::Enforce, false) => Self::Hold,
        }
    }
}

impl Decision {
    /// The decision for a Cascade that makes this rule, if it makes any.
    pub(crate) fn of(cascade: &Cascade, rule: Option<&Rule>, is_uninstalling: bool) -> Self {
        if is_uninstalling || cascade.metadata.deletion_timestamp.is_some() {
            return Self::Leave;
        }
        let Some(rule) = rule else { return Self::Suspend };
        Self::Follow(Enforcement::of(rule), HeldParents::of(&rule.subscription()))
    }
}

impl HeldParents {
    /// Those that a subscription is about.
    fn of(subscription: &Subscription) -> Self {
        let namespaces = match &subscription.scope {
            Scope::All => None,
            Scope::Namespaces(names) => Some(names.iter().map(ToString::to_string).collect()),
        };
        Self { namespaces, selector: subscription.selector.to_string() }
    }

    /// What is remembered on a Cascade. `None`: it holds nothing. What cannot be read, or was taken
    /// off by somebody, may be anything.
    pub(crate) fn remembered(cascade: &Cascade) -> Option<Self> {
        let annotations = cascade.metadata.annotations.as_ref();
        match annotations.and_then(|annotations| annotations.get(HELD_PARENTS_ANNOTATION)) {
            Some(text) => Some(serde_json::from_str(text).unwrap_or_default()),
            None => is_held(cascade).then(Self::default),
        }
    }

    /// Whether a parent lives where these do.
    pub(crate) fn covers(&self, parent: &ResourceId) -> bool {
        let (Some(names), Some(own)) = (&self.namespaces, &parent.namespace) else { return true };
        names.iter().any(|name| **name == **own)
    }

    /// These, and those of the same labels where the others live.
    pub(crate) fn and_where(&self, others: &Self) -> Self {
        let namespaces = match (&self.namespaces, &others.namespaces) {
            (Some(names), Some(more)) => {
                let all: BTreeSet<&String> = names.iter().chain(more).collect();
                Some(all.into_iter().cloned().collect())
            }
            _ => None,
        };
        Self { namespaces, selector: self.selector.clone() }
    }

    /// As the scope of a subscription.
    pub(crate) fn scope(&self) -> Scope {
        let names = self.namespaces.as_ref();
        names.map_or(Scope::All, |names| {
            Scope::Namespaces(names.iter().map(|name| (&**name).into()).collect())
        })
    }

    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Whether a Cascade is any of our business: one that goes, and holds nothing, is not any more.
pub(crate) fn is_ours(cascade: &Cascade) -> bool {
    cascade.metadata.deletion_timestamp.is_none() || HeldParents::remembered(cascade).is_some()
}

/// Whether our finalizer is on a Cascade.
pub(crate) fn is_held(cascade: &Cascade) -> bool {
    cascade.metadata.finalizers.iter().flatten().any(|one| one == CASCADE_FINALIZER)
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// With this in place of what it has.
    pub(crate) fn cascade(metadata: Value, spec: Value) -> Cascade {
        let mut cascade = json!({
            "apiVersion": "rewitness.dev/v1alpha1", "kind": "Cascade", "metadata": { "name": "project" },
            "spec": {
                "parent": { "apiVersion": "example.com/v1", "kind": "Project" },
                "stages": [{ "name": "all", "dependents": [{
                    "apiVersion": "v1", "kind": "ConfigMap", "by": { "label": "project" }, "holds": "UID",
                }] }],
            },
        });
        for (part, more) in [("metadata", metadata), ("spec", spec)] {
            for (field, value) in more.as_object().unwrap() {
                cascade[part][field] = value.clone();
            }
        }
        serde_json::from_value(cascade).unwrap()
    }

    fn decision(metadata: Value, spec: Value, is_uninstalling: bool) -> Decision {
        let cascade = cascade(metadata, spec);
        Decision::of(&cascade, Rule::new(&cascade).ok().as_ref(), is_uninstalling)
    }

    #[test]
    fn c10_what_is_going_lets_go_and_what_only_plans_holds_nothing() {
        let all = HeldParents::default();
        for (spec, expected) in [
            (json!({}), Enforcement::Plan),
            (json!({ "mode": "Plan", "paused": true }), Enforcement::Plan),
            (json!({ "mode": "Enforce", "paused": true }), Enforcement::Keep),
            (json!({ "mode": "Enforce", "holdDeletions": true }), Enforcement::Hold),
            (json!({ "mode": "Enforce" }), Enforcement::Hold),
        ] {
            assert_eq!(decision(json!({}), spec.clone(), false), Decision::Follow(expected, all.clone()));
            assert_eq!(decision(json!({}), spec.clone(), true), Decision::Leave);
            let going = json!({ "deletionTimestamp": "2026-01-01T00:00:00Z" });
            assert_eq!(decision(going, spec, false), Decision::Leave);
        }
    }

    #[test]
    fn a_cascade_that_makes_no_rule_does_nothing_but_can_be_left() {
        let parent = json!({ "apiVersion": "v1", "kind": "Secret", "labelSelector": {
            "matchExpressions": [{ "key": "tier", "operator": "Like" }],
        } });
        let spec = json!({ "mode": "Enforce", "parent": parent });
        assert_eq!(decision(json!({}), spec.clone(), false), Decision::Suspend);
        let going = json!({ "deletionTimestamp": "2026-01-01T00:00:00Z" });
        assert_eq!(decision(going, spec, false), Decision::Leave);
    }

    #[test]
    fn which_parents_are_held_is_remembered_and_what_cannot_be_read_may_be_all() {
        let spec = json!({ "mode": "Enforce", "parent": {
            "apiVersion": "example.com/v1", "kind": "Project",
            "namespaces": ["b", "a"], "labelSelector": { "matchLabels": { "tier": "gold" } },
        } });
        let Decision::Follow(_, parents) = decision(json!({}), spec, false) else { panic!("it is followed") };
        assert_eq!(parents.to_text(), r#"{"namespaces":["a","b"],"selector":"tier=gold"}"#);
        let remembered = |metadata| HeldParents::remembered(&cascade(metadata, json!({})));
        let noted = |text: &str| json!({ "annotations": { HELD_PARENTS_ANNOTATION: text } });
        assert_eq!(remembered(json!({})), None);
        assert_eq!(remembered(noted(&parents.to_text())), Some(parents));
        assert_eq!(remembered(noted("?")), Some(HeldParents::default()));
        assert_eq!(remembered(json!({ "finalizers": [CASCADE_FINALIZER] })), Some(HeldParents::default()));
    }
}

//! What is to be done about the warning of a Cascade: decided by values alone.

use rewitness_cascade::Rule;
use rewitness_crds::{Cascade, CascadeSpec};
use rewitness_messaging::Kind;

use super::super::course::{Course, Grip};

/// What is to be done about the warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Whoever deletes one of these is warned.
    Warn(Parents),
    /// Nobody is.
    Silence {
        /// Whether the Cascade asks for the warning all the same.
        is_asked: bool,
    },
    /// It stays as it is.
    Keep,
}

/// Which deletions are warned of, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parents {
    pub(super) kind: Kind,
    pub(super) version: String,
    /// Everywhere if `None`.
    pub(super) namespaces: Option<Vec<String>>,
    pub(super) tone: Tone,
}

/// What is said of the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Working,
    Paused,
    DeletionsHeld,
}

impl Wish {
    /// The wish of a Cascade that makes this rule, if it makes any, on this course. Only what is held is
    /// warned of, so a rule that plans (C11), and one that leaves (C10), warn of nothing.
    pub(crate) fn of(cascade: &Cascade, rule: Option<&Rule>, course: &Course) -> Self {
        let is_asked = cascade.spec.warn_on_delete;
        match (course, rule) {
            (Course::Leave | Course::Follow(Grip::Plan, _), _) => Self::Silence { is_asked },
            _ if !is_asked => Self::Silence { is_asked },
            (Course::Follow(Grip::Keep | Grip::Hold, parents), Some(rule)) => Self::Warn(Parents {
                kind: rule.parent_kind().clone(),
                version: rule.parent_version().to_owned(),
                namespaces: parents.namespaces.clone(),
                tone: Tone::of(&cascade.spec),
            }),
            (Course::Follow(..), None) | (Course::Suspend, _) => Self::Keep,
        }
    }
}

impl Tone {
    fn of(spec: &CascadeSpec) -> Self {
        match () {
            () if spec.paused => Self::Paused,
            () if spec.hold_deletions => Self::DeletionsHeld,
            () => Self::Working,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::course::tests::cascade;

    fn wish(spec: Value, is_uninstalling: bool) -> Wish {
        let cascade = cascade(json!({}), spec);
        let rule = Rule::new(&cascade).ok();
        Wish::of(&cascade, rule.as_ref(), &Course::of(&cascade, rule.as_ref(), is_uninstalling))
    }

    #[test]
    fn only_a_rule_that_holds_and_is_asked_to_warns() {
        let asked = Wish::Silence { is_asked: true };
        let unasked = Wish::Silence { is_asked: false };
        let bad = json!({ "apiVersion": "v1", "kind": "Secret", "labelSelector": {
            "matchExpressions": [{ "key": "tier", "operator": "Like" }],
        } });
        for (spec, is_uninstalling, expected) in [
            (json!({ "mode": "Enforce" }), false, unasked.clone()),
            (json!({ "mode": "Enforce", "parent": bad }), false, unasked),
            (json!({ "warnOnDelete": true }), false, asked.clone()),
            (json!({ "mode": "Enforce", "warnOnDelete": true }), true, asked),
            (json!({ "mode": "Enforce", "warnOnDelete": true, "parent": bad }), false, Wish::Keep),
        ] {
            assert_eq!(wish(spec.clone(), is_uninstalling), expected, "{spec}");
        }
    }

    #[test]
    fn the_warning_says_what_the_rule_does_at_present() {
        for (more, expected) in [
            (json!({}), Tone::Working),
            (json!({ "paused": true, "holdDeletions": true }), Tone::Paused),
            (json!({ "holdDeletions": true }), Tone::DeletionsHeld),
        ] {
            let mut spec = json!({ "mode": "Enforce", "warnOnDelete": true });
            spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let Wish::Warn(parents) = wish(spec, false) else { panic!("it warns") };
            assert_eq!((parents.tone, parents.version.as_str()), (expected, "v1"));
        }
    }
}

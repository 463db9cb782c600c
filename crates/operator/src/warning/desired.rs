//! What is to be done about the warning of a Cascade: decided by values alone.

use rewitness_crds::cascade::Mode;
use rewitness_crds::{Cascade, CascadeSpec};
use rewitness_messaging::Kind;

use super::super::decision::{Decision, HeldParents};

/// What is to be done about the warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DesiredWarning {
    /// Whoever deletes one of these is warned.
    Warn(Parents),
    /// Nobody is.
    Absent {
        /// Whether the Cascade asks for the warning all the same.
        is_asked: bool,
    },
    /// It stays as it is.
    Unchanged,
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
    DeletionsHeld,
}

impl DesiredWarning {
    /// The warning that a Cascade asks for. Only what is held is
    /// warned of, so a rule that plans (C11), and one that leaves (C10), warn of nothing.
    pub(crate) fn of(cascade: &Cascade, decision: &Decision) -> Self {
        let is_asked = cascade.spec.warn_on_delete;
        match decision {
            Decision::Follow(rule) if is_asked && rule.mode() == Mode::Enforce => Self::Warn(Parents {
                kind: rule.parent_kind().clone(),
                version: rule.parent_version().to_owned(),
                namespaces: HeldParents::of(rule).namespaces,
                tone: Tone::of(&cascade.spec),
            }),
            Decision::Suspend if is_asked => Self::Unchanged,
            Decision::Follow(_) | Decision::Suspend | Decision::Leave => Self::Absent { is_asked },
        }
    }
}

impl Tone {
    fn of(spec: &CascadeSpec) -> Self {
        match () {
            () if spec.suspend => Self::DeletionsHeld,
            () => Self::Working,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rewitness_cascade::Rule;
    use serde_json::{Value, json};

    use super::*;
    use crate::decision::tests::cascade;

    fn of(spec: Value, is_uninstalling: bool) -> DesiredWarning {
        let cascade = cascade(json!({}), spec);
        let rule = Rule::new(&cascade).ok().map(Arc::new);
        DesiredWarning::of(&cascade, &Decision::of(&cascade, rule, is_uninstalling))
    }

    #[test]
    fn only_a_rule_that_holds_and_is_asked_to_warns() {
        let asked = DesiredWarning::Absent { is_asked: true };
        let unasked = DesiredWarning::Absent { is_asked: false };
        let bad = json!({ "apiVersion": "v1", "kind": "Secret", "labelSelector": {
            "matchExpressions": [{ "key": "tier", "operator": "Like" }],
        } });
        for (spec, is_uninstalling, expected) in [
            (json!({ "mode": "Enforce" }), false, unasked.clone()),
            (json!({ "mode": "Enforce", "parent": bad }), false, unasked),
            (json!({ "warnOnDelete": true }), false, asked.clone()),
            (json!({ "mode": "Enforce", "warnOnDelete": true }), true, asked),
            (
                json!({ "mode": "Enforce", "warnOnDelete": true, "parent": bad }),
                false,
                DesiredWarning::Unchanged,
            ),
        ] {
            assert_eq!(of(spec.clone(), is_uninstalling), expected, "{spec}");
        }
    }

    #[test]
    fn the_warning_says_what_the_rule_does_at_present() {
        for (more, expected) in
            [(json!({}), Tone::Working), (json!({ "suspend": true }), Tone::DeletionsHeld)]
        {
            let mut spec = json!({ "mode": "Enforce", "warnOnDelete": true });
            spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let DesiredWarning::Warn(parents) = of(spec, false) else { panic!("it warns") };
            assert_eq!((parents.tone, parents.version.as_str()), (expected, "v1"));
        }
    }
}

use rewitness_crds::cascade::Mode;
use serde_json::{Value, json};

use super::*;

/// With this in place of what it has.
pub(crate) fn cascade(metadata: Value, spec: Value) -> Cascade {
    let mut cascade = json!({
        "apiVersion": "rewitness.dev/v1alpha1", "kind": "Cascade", "metadata": { "name": "project" },
        "spec": {
            "parent": { "apiVersion": "example.com/v1", "kind": "Project" },
            "stages": [{ "name": "all", "dependents": [{
                "apiVersion": "v1", "kind": "ConfigMap", "reference": { "label": "project", "value": "UID" },
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
    Decision::of(&cascade, Rule::new(&cascade).ok().map(Arc::new), is_uninstalling)
}

#[test]
fn c10_what_is_going_lets_go_and_what_only_plans_holds_nothing() {
    let all = HeldParents::default();
    for (spec, expected) in [
        (json!({}), Mode::Plan),
        (json!({ "mode": "Plan", "suspend": true }), Mode::Plan),
        (json!({ "mode": "Enforce", "suspend": true }), Mode::Enforce),
        (json!({ "mode": "Enforce" }), Mode::Enforce),
    ] {
        let Decision::Follow(rule) = decision(json!({}), spec.clone(), false) else { panic!("{spec}") };
        assert_eq!((rule.mode(), HeldParents::of(&rule)), (expected, all.clone()));
        assert!(matches!(decision(json!({}), spec.clone(), true), Decision::Leave));
        let going = json!({ "deletionTimestamp": "2026-01-01T00:00:00Z" });
        assert!(matches!(decision(going, spec, false), Decision::Leave));
    }
}

#[test]
fn a_cascade_that_makes_no_rule_does_nothing_but_can_be_left() {
    let parent = json!({ "apiVersion": "v1", "kind": "Secret", "labelSelector": {
        "matchExpressions": [{ "key": "tier", "operator": "Like" }],
    } });
    let spec = json!({ "mode": "Enforce", "parent": parent });
    assert!(matches!(decision(json!({}), spec.clone(), false), Decision::Suspend));
    let going = json!({ "deletionTimestamp": "2026-01-01T00:00:00Z" });
    assert!(matches!(decision(going, spec, false), Decision::Leave));
}

#[test]
fn which_parents_are_held_is_remembered_and_what_cannot_be_read_may_be_all() {
    let spec = json!({ "mode": "Enforce", "parent": {
        "apiVersion": "example.com/v1", "kind": "Project",
        "namespaces": ["b", "a"], "labelSelector": { "matchLabels": { "tier": "gold" } },
    } });
    let Decision::Follow(rule) = decision(json!({}), spec, false) else { panic!("it is followed") };
    let parents = HeldParents::of(&rule);
    assert_eq!(parents.to_text(), r#"{"namespaces":["a","b"],"selector":"tier=gold"}"#);
    let remembered = |metadata| HeldParents::remembered(&cascade(metadata, json!({})));
    let noted = |text: &str| json!({ "annotations": { HELD_PARENTS_ANNOTATION: text } });
    assert_eq!(remembered(json!({})), None);
    assert_eq!(remembered(noted(&parents.to_text())), Some(parents));
    assert_eq!(remembered(noted("?")), Some(HeldParents::default()));
    assert_eq!(remembered(json!({ "finalizers": [CASCADE_FINALIZER] })), Some(HeldParents::default()));
}

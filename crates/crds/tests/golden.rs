//! What is stored in clusters keeps decoding, and what is generated is what is in the repository.

use std::path::{Path, PathBuf};

use kept::keep;
use rewitness_crds::Cascade;
use rewitness_crds::cascade::{Action, Mode, Propagation, ReferenceValue};
use serde_json::Value;

#[path = "generated/kept.rs"]
mod kept;
#[path = "generated/markdown.rs"]
mod markdown;
#[path = "generated/page.rs"]
mod page;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

const STORED: &str = include_str!("golden/cascade.json");

#[test]
fn a_stored_cascade_keeps_decoding_and_loses_nothing() {
    let stored: Value = serde_json::from_str(STORED).unwrap();
    let cascade: Cascade = serde_json::from_value(stored.clone()).unwrap();
    assert_eq!(cascade.spec.mode, Mode::Enforce);
    assert_eq!(cascade.spec.stages[0].dependents[0].reference.value, ReferenceValue::NamespacedName);
    assert_eq!(cascade.spec.parent.selector().unwrap(), "tier=paid");
    assert_eq!(serde_json::to_value(&cascade).unwrap(), stored);
}

#[test]
fn what_may_be_left_out_has_the_defaults_that_delete_the_least() {
    let mut stored: Value = serde_json::from_str(STORED).unwrap();
    for field in ["mode", "limits", "suspend"] {
        stored["spec"].as_object_mut().unwrap().remove(field);
    }
    let dependents = stored.pointer_mut("/spec/stages/0/dependents/0").unwrap().as_object_mut().unwrap();
    for field in ["action", "propagation", "scope"] {
        dependents.remove(field);
    }
    stored.as_object_mut().unwrap().remove("status");
    let cascade: Cascade = serde_json::from_value(stored).unwrap();
    assert_eq!((cascade.spec.mode, cascade.spec.limits.max_dependents), (Mode::Plan, 100));
    assert_eq!(cascade.spec.limits.max_per_hour, 5000);
    let dependents = &cascade.spec.stages[0].dependents[0];
    assert_eq!((dependents.action, dependents.propagation), (Action::Delete, Propagation::Background));
    assert_eq!(dependents.scope, None);
}

#[test]
fn a_reference_to_a_parent_cannot_be_left_out_or_be_empty() {
    for reference in
        [r#"{}"#, r#"{"label": ""}"#, r#"{"label": null}"#, r#"{"field": "spec.project"}"#, "null"]
    {
        let mut stored: Value = serde_json::from_str(STORED).unwrap();
        stored["spec"]["stages"][0]["dependents"][0]["reference"] = serde_json::from_str(reference).unwrap();
        assert!(serde_json::from_value::<Cascade>(stored).is_err(), "{reference}");
    }
}

#[test]
fn the_definition_in_the_repository_is_the_generated_one() {
    let generated: String = rewitness_crds::definitions()
        .iter()
        .map(|definition| format!("---\n{}", serde_saphyr::to_string(definition).unwrap()))
        .collect();
    keep(&root().join("deploy/crds/cascades.rewitness.dev.yaml"), &generated);
}

#[test]
fn the_page_of_the_book_is_the_generated_one() {
    keep(&root().join("docs/src/reference/cascade.md"), &page::page().unwrap());
}

#[test]
fn every_field_every_value_and_every_condition_has_a_meaning() {
    let page = page::page().unwrap();
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        assert!(!line.ends_with("|  |"), "{line}");
    }
    for word in
        ["- `Enforce`: ", "- `NamespacedName`: ", "- `LimitExceeded`: ", "**immutable**", "`maxPerHour`"]
    {
        assert!(page.contains(word), "{word} is missing in {page}");
    }
    assert!(!page.contains("one of:\n\n\n"), "{page}");
}

//! Labels are kept for as long as somebody asks for them, and no longer.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says so by panicking")]

use rewitness_messaging::schedule::{Observation, Schedule, ScheduleConfig, SourceChange, Via};
use rewitness_messaging::{Kind, Subscription, Version};

fn wants(name: &str, labels: &[&str]) -> Subscription {
    Subscription::new(name, [Kind::new("example.com", "Widget")]).with_labels(labels.iter().copied())
}

#[test]
fn labels_that_nobody_asks_for_any_more_are_not_kept() {
    let mut schedule = Schedule::new(ScheduleConfig::default());
    let (_, changes) = schedule.subscribe(wants("stays", &["team"])).unwrap();
    let [SourceChange::Open { id, .. }] = changes[..] else { panic!("{changes:?}") };
    let (leaves, _) = schedule.subscribe(wants("leaves", &["team", "app"])).unwrap();
    schedule.list_started(id);
    let widget = Observation {
        name: "a".into(),
        uid: "a".into(),
        version: Version(1),
        labels: vec![("app".into(), "web".into()), ("team".into(), "one".into())],
        ..Observation::default()
    };
    schedule.observe(id, Via::List, &widget);
    schedule.list_finished(id);
    schedule.unsubscribe(leaves);
    // What is kept is replayed; what is not is listed.
    let (_, changes) = schedule.subscribe(wants("is told of what is kept", &["team"])).unwrap();
    assert!(changes.is_empty(), "{changes:?}");
    let (_, changes) = schedule.subscribe(wants("asks anew", &["app"])).unwrap();
    assert!(matches!(changes[..], [SourceChange::Relist { .. }]), "it was kept: {changes:?}");
}

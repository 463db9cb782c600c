use std::collections::BTreeMap;

use rewitness_crds::cascade::{Action, Mode};

use super::*;
use crate::plan::document::{Limits, StagePlan, Totals};
use crate::typed::{Object, Typed};

fn dependent(name: &str, cause: Reason, message: &str) -> DependentPlan {
    DependentPlan {
        namespace: Some("team-a".to_owned()),
        name: name.to_owned(),
        uid: format!("uid-{name}"),
        cause,
        message: message.to_owned(),
    }
}

fn kind(name: &str, dependents: Vec<DependentPlan>) -> KindPlan {
    let mut causes = BTreeMap::new();
    dependents.iter().for_each(|one| *causes.entry(one.cause).or_default() += 1);
    KindPlan {
        group: "example.com".to_owned(),
        version: "v1".to_owned(),
        kind: name.to_owned(),
        action: Action::Delete,
        count: dependents.len() as u64,
        causes,
        unknown: None,
        dependents: Some(dependents),
    }
}

fn detail(reason: Reason, message: &str) -> Detail {
    Detail { reason, message: message.to_owned() }
}

fn parent(name: &str, deletes: u64) -> ParentPlan {
    ParentPlan {
        namespace: None,
        name: name.to_owned(),
        uid: format!("uid-{name}"),
        selected: true,
        deleting: None,
        deletes,
        waits: 0,
        complete: true,
        hash: "0123456789abcdef".to_owned(),
        begun: false,
        excess: Vec::new(),
        refused: Vec::new(),
        unknown: Vec::new(),
        stages: Vec::new(),
        typed: Object { kind: "projects.example.com".to_owned(), name: name.to_owned(), namespace: None },
    }
}

fn plan(parents: Vec<ParentPlan>, with_dependents: bool) -> Plan {
    let mut plan = Plan {
        api_version: "cli.rewitness.dev/v1alpha1",
        kind: "Plan",
        cascade: "project".to_owned(),
        origin: "cluster",
        mode: Mode::Plan,
        limits: Limits { max_dependents: 2, max_per_hour: 5000, hour_remaining: Some(4990) },
        refused: vec![detail(Reason::NotEnforced, "the Cascade only plans: set spec.mode to Enforce")],
        not_served: Vec::new(),
        unknown: Vec::new(),
        totals: Totals { complete: true, ..Totals::default() },
        parents: Vec::new(),
        typed: Typed::new("rewitness", None, Some("staging")),
    };
    plan.take(parents, with_dependents);
    plan
}

fn web() -> ParentPlan {
    let dependents =
        (0..12).map(|index| dependent(&format!("c{index:02}"), Reason::Due, "about to be deleted"));
    let kept = dependent("kept", Reason::Finalizers, "kept by the finalizer x/y");
    let unknown = KindPlan {
        unknown: Some(detail(Reason::Forbidden, "cannot be listed: no")),
        dependents: Some(Vec::new()),
        ..kind("Secret", Vec::new())
    };
    ParentPlan {
        waits: 1,
        complete: false,
        excess: vec![detail(Reason::MaxDependents, "only 2 are allowed without confirmation")],
        stages: vec![
            StagePlan { name: "workloads".to_owned(), kinds: vec![kind("Cluster", dependents.collect())] },
            StagePlan { name: "data".to_owned(), kinds: vec![kind("Disk", vec![kept]), unknown] },
        ],
        ..parent("web", 12)
    }
}

#[test]
fn a_plan_of_one_parent_says_what_goes_in_which_order_and_what_is_in_the_way() {
    let expected = "\
cascade/project, mode Plan
projects.example.com/web, when it is deleted, takes along:
  1. workloads
     Cluster.example.com: 12
       team-a/c00
       team-a/c01
       team-a/c02
       team-a/c03
       team-a/c04
       team-a/c05
       team-a/c06
       team-a/c07
       team-a/c08
       team-a/c09
       … and 2 more (--all names them)
  2. data
     Disk.example.com: 1
       team-a/kept (kept by the finalizer x/y)
     Secret.example.com: unknown; cannot be listed: no
In all at least 12 dependents would be deleted; 1 more would be waited for.
Limits: 2 dependents of one parent, 5,000 in an hour, of which 4,990 are left.
It needs a confirmation: only 2 are allowed without confirmation.
  hash 0123456789abcdef
  rewitness confirm --context staging project projects.example.com/web
Refused: the Cascade only plans: set spec.mode to Enforce (NotEnforced)
";
    assert_eq!(text(&plan(vec![web()], true), false), expected);
    let all = text(&plan(vec![web()], true), true);
    assert!(all.contains("team-a/c11") && !all.contains("--all"), "{all}");
}

#[test]
fn a_plan_of_all_parents_has_a_line_for_each_and_is_bounded() {
    let expected = "\
cascade/project, mode Plan
PARENT    DELETES  WAITS FOR  NEEDS
web            12          1  more is unknown; confirmation: only 2 are allowed without confirmation
a               0          0  -
2 parents, with at least 12 dependents to delete and 1 to wait for; at least 1 needs a confirmation.
Limits: 2 dependents of one parent, 5,000 in an hour, of which 4,990 are left.
Unknown: Secret.example.com cannot be listed: no
Refused: the Cascade only plans: set spec.mode to Enforce (NotEnforced)
";
    // What is not known of one alone is said, too.
    assert_eq!(text(&plan(vec![parent("a", 0), web()], false), false), expected);

    let many: Vec<_> = (0..1000).map(|index| parent(&format!("p{index:04}"), 1)).collect();
    let bounded = text(&plan(many.clone(), false), false);
    assert!(bounded.contains("\n… and 970 more (--all lists them)\n"), "{bounded}");
    assert_eq!(bounded.lines().count(), 36);
    assert_eq!(text(&plan(many, false), true).lines().count(), 1005);
    let none = text(&plan(Vec::new(), false), false);
    assert!(none.contains("It has no parents now."), "{none}");
}

#[test]
fn a_plan_as_a_document_keeps_its_fields() {
    let deleting = ParentPlan { deleting: Some("2026-01-02T03:04:05Z".parse().unwrap()), ..web() };
    let stages = deleting.stages.into_iter().skip(1).collect();
    let document = plan(vec![ParentPlan { stages, ..deleting }], true);
    let expected = r#"{
        "apiVersion": "cli.rewitness.dev/v1alpha1", "kind": "Plan",
        "cascade": "project", "origin": "cluster", "mode": "Plan",
        "limits": { "maxDependents": 2, "maxPerHour": 5000, "hourRemaining": 4990 },
        "refused": [{ "reason": "NotEnforced", "message": "the Cascade only plans: set spec.mode to Enforce" }],
        "notServed": [], "unknown": [],
        "totals": {
            "parents": 1, "deletes": 12, "waits": 1, "unconfirmed": 1, "aboveHour": false, "complete": false
        },
        "parents": [{
            "name": "web", "uid": "uid-web", "selected": true, "deleting": "2026-01-02T03:04:05Z",
            "deletes": 12, "waits": 1, "complete": false, "hash": "0123456789abcdef",
            "excess": [{ "reason": "MaxDependents", "message": "only 2 are allowed without confirmation" }],
            "refused": [], "unknown": [],
            "stages": [{ "name": "data", "kinds": [
                {
                    "group": "example.com", "version": "v1", "kind": "Disk", "action": "Delete", "count": 1,
                    "causes": { "Finalizers": 1 },
                    "dependents": [{
                        "namespace": "team-a", "name": "kept", "uid": "uid-kept", "cause": "Finalizers",
                        "message": "kept by the finalizer x/y"
                    }]
                },
                {
                    "group": "example.com", "version": "v1", "kind": "Secret", "action": "Delete", "count": 0,
                    "causes": {}, "unknown": { "reason": "Forbidden", "message": "cannot be listed: no" },
                    "dependents": []
                }
            ] }]
        }]
    }"#;
    let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
    assert_eq!(serde_json::to_value(&document).unwrap(), expected);
}

#[test]
fn parents_that_are_within_the_hour_alone_are_counted_together() {
    let many: Vec<_> = (0..60).map(|index| parent(&format!("p{index}"), 100)).collect();
    let all = plan(many.clone(), false);
    assert_eq!(all.totals.above_hour, Some(true));
    let said = text(&all, false);
    assert!(said.contains("\nTogether 6,000 dependents, above what is left of this hour: "), "{said}");
    // What has begun has been counted.
    let begun = many.iter().cloned().map(|parent| ParentPlan { begun: true, ..parent });
    let begun = plan(begun.collect(), false);
    assert_eq!((begun.totals.above_hour, begun.totals.deletes), (Some(false), 6000));
    let said = text(&begun, false);
    assert!(!said.contains("Together"), "{said}");
}

#[test]
fn what_keeps_some_parents_is_said_of_them_and_not_of_the_rule() {
    let refused = vec![detail(Reason::RevisionUnknown, "began with r1")];
    let kept = |name| ParentPlan { refused: refused.clone(), ..parent(name, 1) };
    let said = text(&plan(vec![kept("a"), parent("b", 1), kept("c")], false), false);
    assert!(said.contains("\nRefused of 2 parents: began with r1 (RevisionUnknown)\n"), "{said}");
    assert_eq!(said.matches("\nRefused: ").count(), 1, "{said}");
}

#[test]
fn an_hour_that_could_not_be_read_is_not_said_to_be_empty() {
    let mut unread = plan(Vec::new(), false);
    unread.limits.hour_remaining = None;
    unread.unknown = vec![detail(Reason::StatusUnread, "what is left of this hour: no right")];
    unread.take(vec![parent("a", 1), parent("b", 2)], false);
    assert_eq!(unread.totals.above_hour, None);
    let said = text(&unread, false);
    assert!(said.contains("5,000 in an hour, of which it is not known how many are left."), "{said}");
    assert!(said.contains("at least 0 need a confirmation"), "{said}");
    assert!(said.contains("\nUnknown: what is left of this hour: no right (StatusUnread)\n"), "{said}");
    let json = serde_json::to_value(&unread).unwrap();
    assert_eq!(json["limits"].get("hourRemaining"), None);
}

#[test]
fn what_others_wrote_moves_no_cursor_and_breaks_no_line() {
    let shown = |odd: &str| {
        let mut one = web();
        one.name += odd;
        one.refused = vec![detail(Reason::RevisionUnknown, &format!("began with r1{odd}"))];
        let dependents =
            vec![dependent(&format!("a{odd}"), Reason::Finalizers, &format!("kept by x/y{odd}"))];
        one.stages[0].kinds.push(kind("Disk", dependents));
        let table = vec![one.clone(), parent(&format!("b{odd}"), 1)];
        text(&plan(vec![one], true), true) + &text(&plan(table, false), true)
    };
    let (plain, odd) = (shown(""), shown("\u{1b}[2J\n\u{202e}"));
    assert!(!odd.contains(['\u{1b}', '\u{202e}']), "{odd:?}");
    assert_eq!(odd.lines().count(), plain.lines().count(), "{odd}");
}

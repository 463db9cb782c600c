use rewitness_crds::Cascade;
use serde_json::json;

use super::*;
use crate::limits::{Excess, Unconfirmed};
use crate::rights::Right;
use crate::testing::{parent, time};

fn cascade(max_dependents: u32) -> Cascade {
    serde_json::from_value(json!({
        "apiVersion": "rewitness.dev/v1alpha1", "kind": "Cascade", "metadata": { "name": "project" },
        "spec": {
            "mode": "Enforce",
            "limits": { "maxDependents": max_dependents },
            "parent": { "apiVersion": "example.com/v1", "kind": "Project" },
            "stages": [{ "name": "all", "dependents": [{
                "apiVersion": "v1", "kind": "ConfigMap", "reference": { "label": "project", "value": "Name" },
            }] }],
        },
    }))
    .unwrap()
}

fn of<'a>(status: &'a CascadeStatus, kind: &str) -> (&'a str, &'a str, &'a str) {
    let condition = status.conditions.iter().find(|one| one.type_ == kind).unwrap();
    (&condition.status, &condition.reason, &condition.message)
}

#[test]
fn conditions_say_what_is_to_be_done() {
    let rule = Rule::new(&cascade(100)).unwrap();
    let fine = RuleCheck::default();
    let poor = RuleCheck { missing: vec![Right::new("delete", "", "configmaps")], ..RuleCheck::default() };
    let facts = Facts {
        generation: 3,
        rule: Ok(&rule),
        check: Some(Ok(&fine)),
        parents: 7,
        unsynced: None,
        contested: 0,
        withheld: None,
        planned: None,
    };
    let mut ledger = Ledger::default();
    let first = status(&CascadeStatus::default(), &facts, &ledger, time(0));
    assert_eq!(of(&first, "Ready").1, "Enforced");
    assert_eq!((first.counts.parents, first.observed_generation), (7, Some(3)));
    assert_eq!(status(&first, &facts, &ledger, time(9)), first, "nothing has changed");
    let withheld =
        Facts { withheld: Some((rewitness_crds::Reason::Uninstalling, "all is released")), ..facts };
    let withheld = status(&first, &withheld, &ledger, time(9));
    assert_eq!(of(&withheld, "Ready"), ("False", "Uninstalling", "all is released"));

    assert_eq!(of(&first, "Synced").2, "the parents are listed and watched");
    let contested = status(&first, &Facts { contested: 2, ..facts }, &ledger, time(9));
    let expected = "the parents are listed and watched; somebody keeps removing the finalizer of 2 parents, and it \
                    is put back with growing pauses";
    assert_eq!(of(&contested, "Synced"), ("True", "Watching", expected));
    assert_eq!(of(&contested, "Ready").0, "True", "whoever may write a parent does not stop a Cascade");

    let facts = Facts { check: Some(Ok(&poor)), ..facts };
    let later = status(&first, &facts, &ledger, time(9));
    assert_eq!(of(&later, "Ready"), ("False", "MissingRights", "grant the operator: delete configmaps"));
    let (value, _, message) = of(&later, "Authorized");
    assert_eq!(value, "False");
    let rule_to_add = r#"{"apiGroups":[""],"resources":["configmaps"],"verbs":["delete"]}"#;
    assert!(message.contains(rule_to_add), "{message}");
    let since = |status: &CascadeStatus, index: usize| status.conditions[index].last_transition_time.0;
    assert_eq!((since(&later, 0), since(&later, 2)), (time(9), time(0)));

    let unconfirmed = Unconfirmed {
        hash: "9f86d081884c7d65".to_owned(),
        count: 312,
        given: None,
        why: vec![Excess::Dependents { allowed: 100 }],
    };
    ledger.report(Report {
        parent: parent("p").id,
        since: Some(time(1)),
        at: time(2),
        state: DeletionState::Refused(Refused::Unconfirmed(unconfirmed)),
        confirmation: None,
        revision: None,
    });
    let exceeded = status(&later, &facts, &ledger, time(9));
    let (value, reason, message) = of(&exceeded, "LimitExceeded");
    assert_eq!((value, reason), ("True", "ConfirmationNeeded"));
    assert!(
        message.contains("312 would be deleted")
            && message.ends_with(
                "kubectl annotate Project.example.com/p confirm.rewitness.dev/project=9f86d081884c7d65"
            ),
        "{message}"
    );
    assert_eq!(of(&exceeded, "Blocked").1, "LimitExceeded", "nothing of it remains that was to go");
}

#[test]
fn a_name_that_a_shell_would_take_apart_does_nothing_in_the_command_of_a_condition() {
    let (fine, rule) = (RuleCheck::default(), Rule::new(&cascade(100)).unwrap());
    for (name, expected) in [
        (
            "x;touch pwned;# ",
            "kubectl annotate 'Project.example.com/x;touch pwned;# ' record.rewitness.dev/project-",
        ),
        ("--all", "kubectl annotate Project.example.com/--all record.rewitness.dev/project-"),
        (
            "x\ntouch pwned",
            "# no command is suggested: a name in it has characters that cannot be seen or typed",
        ),
    ] {
        let mut ledger = Ledger::default();
        ledger.report(Report {
            parent: rewitness_messaging::ResourceId { name: name.into(), ..parent("p").id },
            since: Some(time(1)),
            at: time(2),
            state: DeletionState::Refused(Refused::RevisionUnknown("r1".to_owned())),
            confirmation: None,
            revision: Some("r1".to_owned()),
        });
        let facts = Facts {
            generation: 3,
            rule: Ok(&rule),
            check: Some(Ok(&fine)),
            parents: 7,
            unsynced: None,
            contested: 0,
            withheld: None,
            planned: None,
        };
        let written = status(&CascadeStatus::default(), &facts, &ledger, time(9));
        assert!(of(&written, "Blocked").2.ends_with(expected), "{:?}", of(&written, "Blocked"));
    }
}

#[test]
fn a_rule_that_does_nothing_says_so_and_what_holds_a_deletion_is_named() {
    let fine = RuleCheck::default();
    let mut ledger = Ledger::default();
    ledger.report(Report {
        parent: parent("p").id,
        since: Some(time(1)),
        at: time(2),
        state: DeletionState::Refused(Refused::RevisionUnknown("r1".to_owned())),
        confirmation: None,
        revision: Some("r1".to_owned()),
    });
    for (suspend, reason) in [(false, "Enforced"), (true, "Suspended")] {
        let mut cascade = cascade(100);
        cascade.spec.suspend = suspend;
        let rule = Rule::new(&cascade).unwrap();
        let facts = Facts {
            generation: 3,
            rule: Ok(&rule),
            check: Some(Ok(&fine)),
            parents: 7,
            unsynced: None,
            contested: 0,
            withheld: None,
            planned: None,
        };
        let written = status(&CascadeStatus::default(), &facts, &ledger, time(9));
        assert_eq!((of(&written, "Ready").0, of(&written, "Ready").1), ("True", reason));
        let (value, why, message) = of(&written, "Blocked");
        assert_eq!((value, why), ("True", "RevisionUnknown"));
        let command = "kubectl annotate Project.example.com/p record.rewitness.dev/project-";
        assert!(message.ends_with(command), "{message}");
    }
}

#[test]
fn c11_a_plan_is_shown_by_a_rule_that_plans_and_by_no_other() {
    let mut cascade = cascade(100);
    let counted = Planned { at: time(0), parents: 7, over_limit: 1, stages: Vec::new() };
    let mut written = |mode, before: &CascadeStatus, planned| {
        cascade.spec.mode = mode;
        let rule = Rule::new(&cascade).unwrap();
        let facts = Facts {
            generation: 3,
            rule: Ok(&rule),
            check: None,
            parents: 7,
            unsynced: None,
            contested: 0,
            withheld: None,
            planned,
        };
        status(before, &facts, &Ledger::default(), time(9))
    };
    let first = written(Mode::Plan, &CascadeStatus::default(), Some(&counted));
    assert_eq!(first.planned.as_ref(), Some(&counted));
    assert_eq!(
        written(Mode::Plan, &first, None).planned,
        Some(counted.clone()),
        "a restart shows what was known"
    );
    assert_eq!(written(Mode::Enforce, &first, None).planned, None);
}

#[test]
fn the_last_five_revisions_are_kept_and_those_in_use() {
    let mut kept = Vec::new();
    for (generation, limit) in (1..=9).enumerate() {
        let cascade = cascade(limit);
        let rule = Rule::new(&cascade).unwrap();
        let in_use = kept.last().map(|one: &Revision| one.hash.clone());
        let in_use: Vec<&str> = in_use.as_deref().into_iter().collect();
        let content = (&*cascade.spec.stages, cascade.spec.limits);
        kept = keep_revision(&kept, &rule, content, generation as i64, &in_use);
    }
    let limits: Vec<u32> = kept.iter().map(|one| one.limits.max_dependents).collect();
    assert_eq!(limits, [9, 8, 7, 6, 5, 1]);
    let first = cascade(9);
    let again =
        keep_revision(&kept, &Rule::new(&first).unwrap(), (&first.spec.stages, first.spec.limits), 77, &[]);
    assert_eq!((again.len(), again[0].generation), (5, 8), "what it said before is what it says");
}

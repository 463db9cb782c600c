use super::*;
use crate::dependent::Dependent;
use crate::limits::{Excess, Unconfirmed};
use crate::testing::{dependent, parent, time};
use crate::waits::group;

fn report(at: i64, state: DeletionState) -> Report {
    Report {
        parent: parent("web").id,
        since: Some(time(0)),
        at: time(at),
        state,
        confirmation: None,
        revision: None,
    }
}

fn deleting(stage: &str) -> DeletionState {
    DeletionState::Deleting { stage: stage.into(), count: 3 }
}

/// Dependents that are being deleted since the beginning, and left for these causes.
fn waiting(stage: &str, causes: &[Cause]) -> DeletionState {
    let mut one = dependent("d");
    one.deleting = Some(time(0));
    DeletionState::Waiting {
        stage: stage.into(),
        waits: group(causes.iter().map(|cause| (&one, cause.clone()))),
    }
}

fn foreign(finalizer: &str) -> Cause {
    Cause::Finalizers { finalizers: vec![finalizer.to_owned()] }
}

fn said(message: &str) -> Cause {
    Cause::Refused { message: message.to_owned() }
}

fn unconfirmed(hash: &str) -> DeletionState {
    DeletionState::Refused(Refused::Unconfirmed(Unconfirmed {
        hash: hash.to_owned(),
        count: 312,
        given: None,
        why: vec![Excess::Dependents { allowed: 100 }],
    }))
}

/// The reasons that each report leads to, in one word each; each is told on both objects.
fn events(reports: &[(i64, DeletionState)]) -> Vec<Vec<&'static str>> {
    let mut events = DeletionEvents::default();
    let mut reasons = |(at, state): &(i64, DeletionState)| {
        let told = events.next("project", &report(*at, state.clone()));
        let of =
            |about| told.iter().filter(move |event| event.about == about).map(|event| event.reason.as_str());
        assert!(of(About::Parent).eq(of(About::Cascade)), "{told:?}");
        of(About::Parent).collect()
    };
    reports.iter().map(&mut reasons).collect()
}

const HELD: &str = "DeletionHeld";
const STARTED: &str = "StageStarted";
const BLOCKED: &str = "DependentBlocked";
const LIMIT: &str = "LimitExceeded";
const FINISHED: &str = "CascadeFinished";

#[test]
fn c6_a_deletion_is_told_from_its_beginning_to_its_end() {
    let stages = vec![StageCount { name: "workloads".to_owned(), deleted: 3 }];
    let told = events(&[
        (0, deleting("workloads")),
        (1, waiting("workloads", &[Cause::Terminating])),
        (2, deleting("storage")),
        (3, waiting("storage", &[Cause::Terminating])),
        (4, DeletionState::Finished { stages, authorised: Some(3) }),
    ]);
    assert_eq!(told, [vec![HELD, STARTED], vec![], vec![STARTED], vec![], vec![FINISHED]]);
}

/// What was deleted is counted after the deletes. Whoever is killed between the two counts nothing.
#[test]
fn c6_what_was_deleted_is_never_said_to_be_less_than_it_may_have_been() {
    for (deleted, authorised, expected) in [
        (0, None, "nothing was deleted"),
        (3, Some(3), "deleted: 3 in stage s"),
        (2, Some(3), "3 were to be deleted, and at least these were: 2 in stage s"),
        (0, Some(3), "3 were to be deleted, and how many of them were by the Cascade is not recorded"),
    ] {
        let stages = vec![StageCount { name: "s".to_owned(), deleted }];
        let finished = report(0, DeletionState::Finished { stages, authorised });
        let told = DeletionEvents::default().next("project", &finished);
        assert!(told[0].note.ends_with(&format!("so it may go; {expected}")), "{}", told[0].note);
    }
}

#[test]
fn c6_a_look_that_finds_nothing_new_tells_nothing() {
    let blocked = waiting("s", &[foreign("x/y"), Cause::AwaitsOthers]);
    let reports: Vec<_> = (100..3600).step_by(15).map(|at| (at, blocked.clone())).collect();
    let told = events(&reports);
    assert_eq!(told[0], [HELD, STARTED, BLOCKED]);
    assert!(told[1..].iter().all(Vec::is_empty), "{told:?}");
}

#[test]
fn c6_a_block_is_told_once_for_each_cause_and_again_each_hour() {
    let (one, other) = (waiting("s", &[foreign("x/y")]), waiting("s", &[foreign("z/z")]));
    for (reports, expected) in [
        // A foreign finalizer has a minute, as in the status.
        (vec![(60, one.clone()), (61, one.clone()), (76, one.clone())], vec![0, 1, 0]),
        (vec![(61, one.clone()), (76, other.clone()), (91, one.clone())], vec![1, 1, 0]),
        (vec![(61, one.clone()), (3660, one.clone()), (3661, one.clone()), (3676, one)], vec![1, 0, 1, 0]),
        (
            vec![(61, waiting("s", &[Cause::AwaitsOthers])), (76, waiting("t", &[Cause::AwaitsOthers]))],
            vec![1, 1],
        ),
        (vec![(9, waiting("s", &[Cause::Terminating]))], vec![0]),
    ] {
        let told = events(&reports);
        let count = |reasons: &Vec<&str>| reasons.iter().filter(|reason| **reason == BLOCKED).count();
        assert_eq!(told.iter().map(count).collect::<Vec<_>>(), expected, "{reports:?}");
    }
}

#[test]
fn c14_an_event_in_the_namespace_of_a_parent_names_no_object_of_another() {
    let named = |uid: &str, namespace: &str| {
        let mut one = dependent(uid);
        (one.deleting, one.id.namespace) = (Some(time(0)), Some(namespace.into()));
        one
    };
    let of = |dependents: &[Dependent], cause: Cause| {
        let waits = group(dependents.iter().map(|one| (one, cause.clone())));
        let mut report = report(100, DeletionState::Waiting { stage: "s".into(), waits });
        report.parent.namespace = Some("team-a".into());
        let told = DeletionEvents::default().next("project", &report);
        let blocked = told.into_iter().filter(|event| event.reason == Reason::DependentBlocked);
        blocked.map(|event| event.note).collect::<Vec<_>>()
    };
    let (own, others) = (named("own", "team-a"), named("secret", "team-b"));
    let [parents, cascades] = &of(&[own.clone(), others.clone()], foreign("x/y"))[..] else { panic!() };
    assert_eq!(
        parents,
        "Cascade project: stage s waits for 2 Cluster.example.com kept by the finalizer x/y (team-a/own, …), some of \
         them in other namespaces"
    );
    assert!(cascades.contains("team-b/secret"), "{cascades}");
    let [parents, _] = &of(std::slice::from_ref(&others), said("no: cluster \"secret\""))[..] else {
        panic!()
    };
    assert!(!parents.contains("secret"), "{parents}");
    let [parents, _] = &of(&[own], said("no: cluster \"own\""))[..] else { panic!() };
    assert!(parents.contains("no: cluster \"own\""), "{parents}");
}

/// A delete that is refused is tried again and again: the report says "deleting" in between.
#[test]
fn c6_a_refusal_that_is_met_at_each_try_is_told_once() {
    let mut reports = Vec::new();
    for at in 0..20 {
        reports.push((at, deleting("s")));
        reports.push((at, waiting("s", &[said(&format!("no, says the webhook at {at}"))])));
    }
    let told = events(&reports).concat();
    assert_eq!(told, [HELD, STARTED, BLOCKED]);
}

#[test]
fn c6_what_nothing_may_be_done_for_says_why_once() {
    let suspended = DeletionState::Refused(Refused::Suspended);
    let told = events(&[
        (0, suspended.clone()),
        (60, suspended),
        (70, DeletionState::Refused(Refused::MissingRights(vec!["delete disks".to_owned()]))),
        (80, unconfirmed("aa")),
        (90, unconfirmed("aa")),
        (95, unconfirmed("bb")),
        (99, deleting("s")),
    ]);
    assert_eq!(told, [vec![HELD], vec![], vec![HELD], vec![LIMIT], vec![], vec![LIMIT], vec![STARTED]]);
}

#[test]
fn c6_each_of_the_two_objects_is_told_of_the_other() {
    let mut events = DeletionEvents::default();
    let told = events.next("project", &report(0, unconfirmed("9f86d081884c7d65")));
    let said: Vec<_> = told.iter().map(|event| (event.about, event.severity, &*event.note)).collect();
    assert_eq!(
        said,
        [
            (
                About::Parent,
                Severity::Normal,
                "Cascade project: the deletion is held until all that refers to the parent is gone"
            ),
            (
                About::Cascade,
                Severity::Normal,
                "Project.example.com web: the deletion is held until all that refers to the parent is gone"
            ),
            (
                About::Parent,
                Severity::Warning,
                "Cascade project: nothing is deleted yet: 312 would be deleted: only 100 are allowed without \
                 confirmation; confirm it by the annotation with the hash 9f86d081884c7d65 \
                 (confirm.rewitness.dev/project=9f86d081884c7d65)"
            ),
            (
                About::Cascade,
                Severity::Warning,
                "Project.example.com web: nothing is deleted yet: 312 would be deleted: only 100 are allowed \
                 without confirmation; confirm it by the annotation with the hash 9f86d081884c7d65 \
                 (confirm.rewitness.dev/project=9f86d081884c7d65)"
            ),
        ]
    );
}

#[test]
fn a_deletion_that_an_earlier_process_began_is_not_held_anew() {
    let mut begun = report(0, deleting("s"));
    begun.revision = Some("r1".to_owned());
    let told = DeletionEvents::default().next("project", &begun);
    assert_eq!(told.iter().map(|event| event.reason).collect::<Vec<_>>(), [Reason::StageStarted; 2]);
}

/// A parent may be of a kind whose names may hold anything.
#[test]
fn c14_a_note_is_plain_whatever_a_parent_is_called() {
    let mut report = report(0, deleting("s"));
    report.parent.name = "we\u{202e}b\n\u{1b}[2J".into();
    for event in DeletionEvents::default().next("project", &report) {
        assert_eq!(event.note, rewitness_crds::visible(&event.note));
    }
}

#[test]
fn notes_and_what_is_remembered_are_bounded() {
    let mut events = DeletionEvents::default();
    let causes: Vec<Cause> = (0..200).map(|index| foreign(&"ä".repeat(300 + index))).collect();
    for cause in causes.chunks(7) {
        for event in events.next("project", &report(100, waiting("s", cause))) {
            assert!(event.note.len() <= NOTE);
        }
    }
    assert!(events.blocked.len() < CAUSES + 7);
    let told = events.next("project", &report(101, waiting("s", &causes)));
    assert!(told.is_empty(), "nobody reads a hundred causes");
}

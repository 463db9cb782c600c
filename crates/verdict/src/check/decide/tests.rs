use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use rewitness_cascade::Right;
use rewitness_crds::Cascade;
use rewitness_kubernetes::ApiError;
use rewitness_messaging::{Kind, ResourceId, Timestamp};
use serde_json::{Value, json};

use super::decide;
use crate::check::draw::draw;
use crate::check::facts::{Asked, Carried, Carrier, CascadeList, Facts, Phase, Purpose, Scan, Version};
use crate::check::report::{Check, Report, Result};
use crate::commands::Commands;
use crate::picture::Canvas;
use crate::read::Unread;
use crate::served::Served;
use crate::why::NO_RULE;

const NOW: &str = "2026-01-01T12:00:00Z";

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn definition() -> CustomResourceDefinition {
    let mut definition = rewitness_crds::definitions().remove(0);
    definition.status = serde_json::from_value(json!({
        "acceptedNames": { "kind": "Cascade", "plural": "cascades" }, "storedVersions": ["v1alpha1"],
        "conditions": [{ "type": "Established", "status": "True" }],
    }))
    .unwrap();
    definition
}

/// Of a Cascade that was edited at this time, and looked at then.
fn cascade(name: &str, more: Value) -> Cascade {
    let mut cascade = json!({
        "apiVersion": "rewitness.dev/v1alpha1", "kind": "Cascade",
        "metadata": {
            "name": name, "generation": 2, "creationTimestamp": "2026-01-01T11:00:00Z",
            "managedFields": [
                { "manager": "kubectl", "time": "2026-01-01T11:30:00Z" },
                { "manager": "rewitness", "time": "2026-01-01T11:59:30Z", "subresource": "status" },
            ],
        },
        "spec": {
            "mode": "Enforce", "parent": { "apiVersion": "example.com/v1", "kind": "Project" },
            "stages": [{ "name": "all", "dependents": [{
                "apiVersion": "v1", "kind": "ConfigMap", "reference": { "label": "project", "value": "Name" },
            }] }],
        },
        "status": { "observedGeneration": 2, "conditions": [{
            "type": "Ready", "status": "True", "reason": "Enforced", "message": "",
            "lastTransitionTime": "2026-01-01T11:00:00Z",
        }] },
    });
    for (field, value) in more.as_object().unwrap() {
        *cascade.pointer_mut(field).unwrap() = value.clone();
    }
    serde_json::from_value(cascade).unwrap()
}

/// A cluster of which all is well.
fn well() -> Facts {
    let versions = [
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
        ("authorization.k8s.io", "SelfSubjectAccessReview"),
        ("rbac.authorization.k8s.io", "ClusterRole"),
        ("events.k8s.io", "Event"),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
        ("example.com", "Project"),
        ("", "ConfigMap"),
    ];
    let versions = versions.map(|(group, kind)| (group.to_owned(), "v1".to_owned(), kind.to_owned()));
    Facts {
        now: time(NOW),
        place: "https://example.com:6443".to_owned(),
        version: Ok(Version { text: "v1.36.0".to_owned(), number: Some((1, 36)) }),
        user: Ok(Some("jane".to_owned())),
        served: Ok(Served { versions: versions.into(), ..Served::default() }),
        definition: Ok(Some(definition())),
        cascades: Ok(CascadeList { items: vec![cascade("project", json!({}))], is_cut: false }),
        phase: Phase::After { scan: Scan { kinds: 2, objects: 7, ..Scan::default() } },
    }
}

fn report(facts: &Facts) -> Report {
    decide(facts, &Commands::default())
}

fn all(facts: &Facts, id: &str) -> Vec<Check> {
    let checks = report(facts).groups.into_iter().flat_map(|group| group.checks);
    checks.filter(|check| check.id == id).collect()
}

fn result(facts: &Facts, id: &str) -> Option<Result> {
    all(facts, id).first().map(|check| check.result)
}

fn carrier(namespace: Option<&str>, name: &str, deleting: Option<&str>) -> Carrier {
    let id = ResourceId {
        kind: Kind::new("example.com", "Project"),
        namespace: namespace.map(Into::into),
        name: name.into(),
        uid: (&*format!("uid-{name}")).into(),
    };
    Carrier { id, deleting: deleting.map(time) }
}

fn carried(finalizer: &str, kind: &str) -> Carried {
    Carried {
        finalizer: finalizer.to_owned(),
        kind: Kind::new("example.com", kind),
        namespaced: kind == "Space",
        objects: vec![
            carrier(None, "a", Some(NOW)),
            carrier(None, "b", None),
            carrier(None, "c", None),
            carrier(None, "d", None),
        ],
    }
}

fn with(mut facts: Facts, scan: Scan) -> Facts {
    facts.phase = Phase::After { scan };
    facts
}

#[test]
fn where_all_is_well_there_is_no_way_out_and_a_cascade_has_one_line() {
    let report = report(&well());
    assert_eq!(report.result, Result::Ok, "{report:#?}");
    assert!(report.groups.iter().flat_map(|group| &group.checks).all(|check| check.next.is_empty()));
    let text = draw(&report, Canvas::default());
    assert_eq!(text.lines().filter(|line| line.contains("project")).count(), 1, "{text}");
    assert!(text.ends_with(" checks: all is well\n"), "{text}");
}

#[test]
fn what_a_server_lacks_fails_only_where_nothing_works_without() {
    let mut facts = well();
    facts.version = Ok(Version { text: "v1.24.1".to_owned(), number: Some((1, 24)) });
    assert_eq!(result(&facts, "version"), Some(Result::Failed));
    facts.version = Ok(Version { text: "v1.25.0".to_owned(), number: Some((1, 25)) });
    assert_eq!(result(&facts, "version"), Some(Result::Ok));
    facts.version = Ok(Version { text: "mine".to_owned(), number: None });
    assert_eq!(result(&facts, "version"), Some(Result::Unknown));
    for (group, id, expected) in [
        ("apiextensions.k8s.io", "api-definitions", Result::Failed),
        ("authorization.k8s.io", "api-reviews", Result::Failed),
        ("events.k8s.io", "api-events", Result::Warning),
        ("admissionregistration.k8s.io", "api-policies", Result::Warning),
    ] {
        let mut facts = well();
        let served = facts.served.as_mut().unwrap();
        served.versions.retain(|(of, _, _)| of != group);
        assert_eq!(result(&facts, id), Some(expected), "{group}");
        facts.served.as_mut().unwrap().broken.push(format!("{group}/v1"));
        assert_eq!(result(&facts, id), Some(Result::Unknown), "{group} does not answer");
        assert_eq!(result(&facts, "api-services"), Some(Result::Warning));
    }
}

#[test]
fn a_definition_that_cannot_be_used_is_a_cross_and_a_newer_one_a_warning() {
    let with = |change: &dyn Fn(&mut Value)| {
        let mut facts = well();
        let mut changed = serde_json::to_value(definition()).unwrap();
        change(&mut changed);
        facts.definition = Ok(Some(serde_json::from_value(changed).unwrap()));
        facts
    };
    let conditions = json!([{ "type": "Established", "status": "False", "message": "no" }]);
    let unestablished = with(&|definition| definition["status"]["conditions"] = conditions.clone());
    assert_eq!(all(&unestablished, "established")[0].details, ["Established: no"]);
    let leaving = with(&|definition| definition["metadata"]["deletionTimestamp"] = json!(NOW));
    assert_eq!(result(&leaving, "established"), Some(Result::Failed));
    let stored = json!(["v1alpha0", "v1alpha1"]);
    let lost = with(&|definition| definition["status"]["storedVersions"] = stored.clone());
    assert_eq!(result(&lost, "stored"), Some(Result::Failed));
    let unserved = with(&|definition| definition["spec"]["versions"][0]["served"] = json!(false));
    assert_eq!(result(&unserved, "serves"), Some(Result::Failed));
    let fields = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
    let newer =
        with(&|definition| definition.pointer_mut(fields).unwrap()["more"] = json!({ "type": "string" }));
    assert_eq!(result(&newer, "schema"), Some(Result::Warning));
    let older = with(&|definition| {
        definition.pointer_mut(fields).unwrap().as_object_mut().unwrap().remove("suspend");
    });
    assert_eq!(all(&older, "schema")[0].next[0].command, "kubectl apply -f deploy/crds");
    let other =
        with(&|definition| definition.pointer_mut(fields).unwrap()["mode"] = json!({ "type": "integer" }));
    let other = &all(&other, "schema")[0];
    assert!(other.message.contains("another"), "it need not be older: {other:?}");
    assert_eq!(other.next[0].command, "kubectl diff -f deploy/crds");
    assert!(other.next[1].caution.is_some());
    let annotations = json!({ "rewitness.dev/uninstall": "now", "rewitness.dev/released": "before" });
    let uninstalled = with(&|definition| definition["metadata"]["annotations"] = annotations.clone());
    assert!(
        all(&uninstalled, "uninstall")[0].message.contains("has not said yet"),
        "an answer to an earlier mark"
    );
    let unmark = &all(&uninstalled, "uninstall")[0].next[1];
    assert!(unmark.command.ends_with("rewitness.dev/uninstall-") && unmark.caution.is_some(), "{unmark:?}");
}

#[test]
fn silence_counts_only_where_there_is_something_to_look_at() {
    let mut facts = well();
    let quiet = json!({ "/metadata/managedFields/1/time": "2025-12-01T00:00:00Z" });
    facts.cascades.as_mut().unwrap().items = vec![cascade("project", quiet)];
    let old = &all(&facts, "sign-of-life")[0];
    assert_eq!(old.result, Result::Note, "it has nothing to do, or is dead: {old:?}");
    assert!(old.message.contains("cannot be seen") && old.next[0].command.ends_with(" deployments"));
    for (edited, expected) in [("2026-01-01T11:59:40Z", Result::Ok), ("2026-01-01T11:58:00Z", Result::Failed)]
    {
        let edit = json!({ "/metadata/generation": 3, "/metadata/managedFields/0/time": edited });
        facts.cascades.as_mut().unwrap().items = vec![cascade("project", edit)];
        assert_eq!(result(&facts, "sign-of-life"), Some(expected), "{edited}");
        assert_ne!(result(&facts, "ready"), Some(Result::Ok), "what it says is of another spec");
    }
    facts.cascades = Ok(CascadeList::default());
    assert_eq!(result(&facts, "sign-of-life"), Some(Result::Note));
}

#[test]
fn a_finalizer_is_somebodys_only_by_a_rule_of_its_kind_that_is_in_force() {
    let scan = |one: Carried| Scan { carried: vec![one], ..Scan::default() };
    let (ours, gone) = ("cascade.rewitness.dev/project", "cascade.rewitness.dev/gone");
    let owned = with(well(), scan(carried(ours, "Project")));
    assert_eq!((result(&owned, "owned"), result(&owned, "unowned")), (Some(Result::Ok), None));
    for (one, expected) in [
        (carried(gone, "Project"), "rewitness unhold cascade/gone Project.example.com"),
        (carried(gone, "Space"), "rewitness unhold -A cascade/gone Space.example.com"),
        (carried(ours, "Space"), "rewitness unhold -A --force cascade/project Space.example.com"),
    ] {
        let found = all(&with(well(), scan(one)), "unowned");
        assert_eq!((found[0].result, &*found[0].next[0].command), (Result::Failed, expected));
        assert_eq!(found[0].details[0], "a, b, c, …; 1 of them is being deleted");
        assert!(found[0].details[1].contains("apply it again"), "{found:?}");
        let release = &found[0].next[0];
        assert!(release.is_last_resort() && release.caution.as_deref() == Some(NO_RULE), "{release:?}");
    }
    let mut plans = with(well(), scan(carried(ours, "Project")));
    plans.cascades.as_mut().unwrap().items = vec![cascade("project", json!({ "/spec/mode": "Plan" }))];
    let planned = &all(&plans, "unowned")[0];
    assert_eq!(planned.result, Result::Failed);
    let release = "rewitness unhold cascade/project Project.example.com";
    assert_eq!(planned.next[0].command, release, "by force it would do so in force, too");
    let mut cut = with(well(), scan(carried(gone, "Project")));
    cut.cascades.as_mut().unwrap().is_cut = true;
    assert_eq!(result(&cut, "unowned"), Some(Result::Unknown), "it may be among those that were not read");
    let held = with(well(), scan(carried("hold.rewitness.dev/demo", "Space")));
    assert_eq!(report(&held).result, Result::Ok, "what is held by hand is no fault");
    assert_eq!(all(&held, "holds")[0].next[0].command, "rewitness unhold -A demo Space.example.com");
}

#[test]
fn what_was_not_read_is_unknown_and_so_is_the_whole() {
    let unread = || Unread { what: "list x".to_owned(), reason: None };
    let blind = Scan { forbidden: vec!["secrets".to_owned()], ..Scan::default() };
    let cut = Scan { cut: vec!["secrets".to_owned()], ..Scan::default() };
    let failed = Scan { unread: vec!["cannot list x: no".to_owned()], ..Scan::default() };
    for scan in [blind, cut, failed] {
        let facts = with(well(), scan);
        assert_eq!(result(&facts, "not-looked-at"), Some(Result::Unknown));
        assert_eq!(report(&facts).result, Result::Unknown);
    }
    let mut facts = well();
    facts.served = Err(unread());
    facts.cascades = Err(unread());
    facts.definition = Err(unread());
    for id in ["apis", "definition", "sign-of-life", "cascades", "finalizers"] {
        assert_eq!(result(&facts, id), Some(Result::Unknown), "{id}");
    }
    assert_eq!(result(&facts, "owned"), None, "nothing was looked at");
}

#[test]
fn who_may_escalate_may_grant_what_they_do_not_have() {
    let asked =
        |purpose, verb, granted| Asked { purpose, right: Right::new(verb, "x", "y"), granted: Ok(granted) };
    let rights = |escalate, bind, own| Phase::Before {
        rights: vec![
            asked(Purpose::Escalation, "escalate", escalate),
            asked(Purpose::Escalation, "bind", bind),
            asked(Purpose::Granted, "patch", own),
        ],
    };
    for (phase, expected) in [
        (rights(true, true, false), Result::Ok),
        (rights(true, false, false), Result::Failed),
        (rights(false, false, true), Result::Ok),
    ] {
        let facts = Facts { phase, ..well() };
        assert_eq!(result(&facts, "install-grants"), Some(expected));
    }
}

#[test]
fn a_server_that_cannot_be_asked_is_said_with_what_to_do() {
    let unauthorized = ApiError::Unauthorized;
    let error = anyhow::anyhow!("the API server: {unauthorized}\nlog in again");
    let report = Report::unreachable(false, &error);
    assert_eq!(report.result, Result::Failed);
    let text = draw(&report, Canvas::default());
    assert!(text.contains("- FAILED: the API server") && text.contains("    log in again\n"), "{text}");
    assert!(text.ends_with("1 check: 1 failed\n"), "{text}");
}

/// Parents of the Cascade that carry its finalizer, the oldest of which is being deleted since then.
fn held_since(since: &str) -> Scan {
    let objects = vec![carrier(None, "new", Some(NOW)), carrier(None, "web", Some(since))];
    let ours = carried("cascade.rewitness.dev/project", "Project");
    Scan { carried: vec![Carried { objects, ..ours }], ..Scan::default() }
}

#[test]
fn what_a_dead_operator_did_not_tell_of_is_held_for_too_long_all_the_same() {
    let mut dead = with(well(), held_since("2026-01-01T06:00:00Z"));
    let quiet = json!({ "/metadata/managedFields/1/time": "2025-12-31T12:00:00Z" });
    dead.cascades.as_mut().unwrap().items = vec![cascade("project", quiet)];
    let check = &all(&dead, "deletions")[0];
    assert_eq!(check.result, Result::Failed);
    assert_eq!(check.message, "project: 1 deletion has been held for over an hour");
    assert_eq!(check.details, ["web for 6 hours: the status of project does not tell of it"]);
    assert_eq!(check.next[0].command, "rewitness why Project.example.com/web");
    assert_eq!(report(&dead).result, Result::Failed);

    let status = dead.cascades.as_mut().unwrap().items[0].status.as_mut().unwrap();
    status.counts.held = 50;
    let check = &all(&dead, "deletions")[0];
    let message = "project: at least 1 deletion has been held for over an hour";
    assert_eq!(check.message, message, "not all of the 50 were seen");

    let fresh = with(well(), held_since("2026-01-01T11:30:00Z"));
    assert_eq!(result(&fresh, "deletions"), Some(Result::Ok));
    let mut others = held_since("2026-01-01T06:00:00Z");
    others.carried[0].kind = Kind::new("example.com", "Space");
    assert_eq!(result(&with(well(), others), "deletions"), Some(Result::Ok), "its rule is not about them");

    let mut unseen = with(well(), held_since("2026-01-01T06:00:00Z"));
    unseen.cascades.as_mut().unwrap().items[0].status = None;
    assert_eq!(result(&unseen, "deletions"), Some(Result::Failed), "even if nobody ever wrote a status");
}

#[test]
fn what_the_status_tells_of_is_said_once() {
    let mut facts = with(well(), held_since("2026-01-01T06:00:00Z"));
    let held = json!({ "name": "web", "uid": "uid-web", "since": "2026-01-01T06:00:00Z", "reason": "Deleting",
        "message": "2 are left" });
    let mut told = serde_json::to_value(cascade("project", json!({}))).unwrap();
    told["status"]["heldParents"] = json!([held]);
    facts.cascades.as_mut().unwrap().items = vec![serde_json::from_value(told).unwrap()];
    assert_eq!(all(&facts, "deletions")[0].details, ["web for 6 hours: 2 are left"]);
}

#[test]
fn parents_outside_of_the_namespaces_of_a_cascade_are_not_its_own() {
    let mut parent = serde_json::to_value(cascade("project", json!({}))).unwrap();
    parent["spec"]["parent"]["namespaces"] = json!(["team-a"]);
    let ours = |objects: Vec<Carrier>| {
        let ours = carried("cascade.rewitness.dev/project", "Project");
        let scan = Scan { carried: vec![Carried { objects, ..ours }], ..Scan::default() };
        let mut facts = with(well(), scan);
        facts.cascades.as_mut().unwrap().items = vec![serde_json::from_value(parent.clone()).unwrap()];
        facts
    };
    let within = ours(vec![carrier(Some("team-a"), "web", None)]);
    assert_eq!((result(&within, "owned"), result(&within, "outside")), (Some(Result::Ok), None));
    let outside = ours(vec![
        carrier(Some("team-a"), "a", None),
        carrier(Some("team-b"), "web", None),
        carrier(Some("team-b"), "b", None),
        carrier(Some("team-b"), "c", None),
    ]);
    let check = &all(&outside, "outside")[0];
    assert_eq!((check.result, result(&outside, "owned")), (Result::Warning, None));
    assert!(check.message.starts_with("3 Project.example.com carry"), "{check:?}");
    assert_eq!(check.details, ["in team-b"]);
    assert_eq!(check.next[0].command, "rewitness why -n team-b Project.example.com/web");
}

//! Verdicts of staged facts, held against what is written down as text, as a tree and as JSON.

use std::collections::BTreeMap;
use std::path::Path;

use rewitness_cascade::{
    Begun, Cause, Excess, Found, Preview, PreviewKind, PreviewStage, Refused, Unconfirmed,
};
use rewitness_crds::Cascade;
use rewitness_crds::Reason;
use rewitness_crds::cascade::{Action, Propagation, finalizer};
use rewitness_messaging::{Kind, ResourceId, Timestamp, Uid};
use serde_json::{Value, json};

use super::*;
use crate::picture::Canvas;
use crate::read::Unread;
use crate::typed::Typed;
use crate::why::draw::draw;
use crate::why::facts::{ApiServiceFacts, Condition, Content, Holding, KindContent, NamespaceFacts, Writer};

mod advice;

const NOW: &str = "2026-01-02T09:00:00Z";
const SIX_HOURS_AGO: &str = "2026-01-02T03:00:00Z";

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn id(kind: Kind, namespace: Option<&str>, name: &str) -> ResourceId {
    ResourceId { kind, namespace: namespace.map(Into::into), name: name.into(), uid: name.into() }
}

fn project() -> ResourceId {
    id(Kind::new("example.com", "Project"), None, "web")
}

fn subject(id: ResourceId, finalizers: &[&str]) -> Subject {
    Subject {
        id,
        deleting: Some(time(SIX_HOURS_AGO)),
        grace_seconds: 0,
        finalizers: finalizers.iter().map(ToString::to_string).collect(),
        labels: BTreeMap::new(),
        blocks: Vec::new(),
        writers: BTreeMap::new(),
    }
}

fn facts(subject: Subject) -> Facts {
    Facts {
        now: time(NOW),
        asked: ResourceId { uid: "".into(), ..subject.id.clone() },
        is_served: true,
        subject: Ok(Some(subject)),
        cascades: Ok(Vec::new()),
        holdings: BTreeMap::new(),
        belongings: Vec::new(),
        namespace: None,
        definition: None,
        owned: None,
        events: Ok(Vec::new()),
        unavailable: Ok(Vec::new()),
    }
}

fn cascade(name: &str, wrote: &str, status: Value) -> Cascade {
    serde_json::from_value(json!({
        "apiVersion": "rewitness.dev/v1alpha1", "kind": "Cascade",
        "metadata": { "name": name, "managedFields": [{ "manager": "rewitness", "time": wrote }] },
        "spec": {
            "mode": "Enforce",
            "parent": { "apiVersion": "example.com/v1", "kind": "Project" },
            "stages": [{ "name": "all", "dependents": [{
                "apiVersion": "example.com/v1", "kind": "Cluster", "reference": { "label": "p", "value": "Name" },
            }] }],
        },
        "status": status,
    }))
    .unwrap()
}

fn found(kind: &str, name: &str, finalizers: &[&str]) -> Found {
    let finalizers: Vec<String> = finalizers.iter().map(ToString::to_string).collect();
    let cause = match finalizers.iter().all(|one| rewitness_crds::cascade::is_finalizer(one)) {
        true => Cause::Cascading { finalizers: finalizers.clone() },
        false => Cause::Finalizers { finalizers: finalizers.clone() },
    };
    let id = id(Kind::new("example.com", kind), Some("team-a"), name);
    Found { id, deleting: Some(time("2026-01-02T03:05:00Z")), finalizers, cause }
}

fn due(kind: &str, name: &str) -> Found {
    let id = id(Kind::new("example.com", kind), Some("team-a"), name);
    Found { id, deleting: None, finalizers: Vec::new(), cause: Cause::Due }
}

fn stage(name: &str, kinds: Vec<(&str, Result<Vec<Found>, Cause>)>) -> PreviewStage {
    let kind = |(kind, found)| PreviewKind {
        kind: Kind::new("example.com", kind),
        version: "v1".to_owned(),
        action: Action::Delete,
        propagation: Propagation::Background,
        found,
    };
    PreviewStage { name: name.to_owned(), kinds: kinds.into_iter().map(kind).collect() }
}

fn preview(parent: ResourceId, cascade: &str, stages: Vec<PreviewStage>) -> Preview {
    let total = stages.iter().flat_map(PreviewStage::dependents).count() as u64;
    Preview {
        parent,
        deleting: Some(time(SIX_HOURS_AGO)),
        finalizers: vec![finalizer(cascade)],
        is_held: true,
        begun: None,
        stages,
        total,
        hash: "9f86d081884c7d65".to_owned(),
        given: None,
        excess: Vec::new(),
        refused: Vec::new(),
        kind_removed: Some(false),
    }
}

fn holding(cascade: &str, preview: Preview) -> Holding {
    Holding { cascade: cascade.to_owned(), is_held: true, preview: Ok(preview) }
}

fn verdict(facts: &Facts) -> Verdict {
    let kinds = ["Project", "Cluster", "Disk", "Space"];
    let types =
        kinds.map(|kind| (Kind::new("example.com", kind), format!("{}s.example.com", kind.to_lowercase())));
    decide(facts, &Commands::new(Typed::default(), types))
}

fn golden(name: &str, facts: &Facts) {
    let verdict = verdict(facts);
    let narrow = Canvas { columns: Some(72), color: false };
    for (suffix, found) in [
        ("txt", draw(&verdict, Canvas::default())),
        ("tree.txt", draw(&verdict, narrow)),
        ("json", serde_json::to_string_pretty(&verdict).unwrap() + "\n"),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/why/golden/{name}.{suffix}"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(found, expected, "{} differs; UPDATE_GOLDEN=1 writes it anew", path.display());
    }
}

/// A project that has been stuck all night: two stages, two owners, a parent below, and a right that
/// the operator misses.
fn stuck() -> Facts {
    let mut stuck = subject(project(), &["cascade.rewitness.dev/project", "example.com/billing"]);
    let writer = Writer { manager: "billing-operator".to_owned(), at: Some(time("2025-12-24T00:00:00Z")) };
    stuck.writers.insert("example.com/billing".to_owned(), writer);
    let mut facts = facts(stuck);
    let status = json!({
        "conditions": [{
            "type": "Authorized", "status": "False", "reason": "MissingRights", "message": "grant the operator: list gadgets.example.com",
            "lastTransitionTime": SIX_HOURS_AGO,
        }],
        "heldParents": [{ "name": "web", "uid": "web", "reason": "DependentsRemain", "message": "" }],
    });
    facts.cascades = Ok(vec![
        cascade("project", "2026-01-02T08:55:00Z", status),
        cascade("space", SIX_HOURS_AGO, json!({})),
    ]);
    let velero = "restores.velero.io/external-resources-finalizer";
    let disks = ["a", "b", "c", "d", "e", "f"].map(|name| found("Disk", name, &[velero]));
    let forbidden = Cause::Forbidden { message: "no".to_owned() };
    let stages = vec![
        stage("first", vec![("Cluster", Ok(Vec::new()))]),
        stage(
            "storage",
            vec![
                ("Disk", Ok(disks.to_vec())),
                ("Space", Ok(vec![found("Space", "home", &["cascade.rewitness.dev/space"])])),
                ("Gadget", Err(forbidden)),
            ],
        ),
        stage("last", vec![("Cluster", Ok(vec![due("Cluster", "x"), due("Cluster", "y")]))]),
    ];
    let mut of_project = preview(project(), "project", stages);
    of_project.begun = Some(Begun {
        at: time("2026-01-02T03:01:00Z"),
        revision: "r".to_owned(),
        deleted: 17,
        confirmed: None,
    });
    let home = id(Kind::new("example.com", "Space"), Some("team-a"), "home");
    let below = vec![stage("only", vec![("Cluster", Ok(vec![due("Cluster", "z")]))])];
    facts.holdings = [
        (Uid::new("web"), vec![holding("project", of_project)]),
        (Uid::new("home"), vec![holding("space", preview(home, "space", below))]),
    ]
    .into();
    facts
}

#[test]
fn a_stuck_project_is_told_from_top_to_bottom() {
    golden("stuck", &stuck());
}

#[test]
fn a_limit_is_told_with_its_hash_and_the_confirmation() {
    let mut facts = facts(subject(project(), &["cascade.rewitness.dev/project"]));
    facts.cascades = Ok(vec![cascade("project", "2026-01-02T08:59:00Z", json!({}))]);
    let clusters = (0..312).map(|index| due("Cluster", &format!("c{index}"))).collect();
    let mut limited = preview(project(), "project", vec![stage("all", vec![("Cluster", Ok(clusters))])]);
    limited.refused = vec![Refused::Unconfirmed(Unconfirmed {
        hash: limited.hash.clone(),
        count: 312,
        given: None,
        why: vec![Excess::Dependents { allowed: 100 }],
    })];
    facts.holdings = [(Uid::new("web"), vec![holding("project", limited)])].into();
    golden("limit", &facts);
}

#[test]
fn a_namespace_is_told_with_its_contents_and_with_who_does_not_answer() {
    let namespace = id(Kind::new("", "Namespace"), None, "team-a");
    let mut facts = facts(subject(namespace, &[]));
    let claims = ["data-0", "data-1"].map(|name| {
        subject(
            id(Kind::new("", "PersistentVolumeClaim"), Some("team-a"), name),
            &["kubernetes.io/pvc-protection"],
        )
    });
    let condition =
        |kind: &str, message: &str| Condition { kind: kind.to_owned(), message: message.to_owned() };
    let unread = (0..7)
        .map(|index| Unread { what: format!("list things{index}.example.com in team-a"), reason: None });
    facts.namespace = Some(Ok(NamespaceFacts {
        finalizers: vec!["kubernetes".to_owned(), "example.com/tenant".to_owned()],
        conditions: vec![
            condition("NamespaceDeletionDiscoveryFailure", "unable to retrieve metrics.k8s.io/v1beta1"),
            condition("NamespaceContentRemaining", "persistentvolumeclaims. has 2 resource instances"),
        ],
        content: Content {
            kinds: vec![KindContent {
                kind: Kind::new("", "PersistentVolumeClaim"),
                count: 2,
                some: claims.to_vec(),
            }],
            unread: unread.collect(),
        },
    }));
    facts.unavailable = Ok(vec![ApiServiceFacts {
        name: "v1beta1.metrics.k8s.io".to_owned(),
        group: "metrics.k8s.io".to_owned(),
        message: "endpoints for service/metrics-server have no addresses".to_owned(),
    }]);
    golden("namespace", &facts);
}

#[test]
fn what_may_not_be_read_is_unknown_and_no_guess_is_made() {
    let unread = |what: &str| Unread { what: what.to_owned(), reason: None };
    let mut facts = facts(subject(project(), &["cascade.rewitness.dev/project"]));
    facts.cascades = Err(unread("list cascades.rewitness.dev"));
    facts.events = Err(unread("list events in default"));
    golden("unread", &facts);
    let verdict = verdict(&facts);
    assert!(verdict.findings.iter().all(|finding| finding.gravest() == Weight::Unknown), "{verdict:#?}");
    assert!(verdict.next.is_empty(), "nothing is advised by what is not known");
}

#[test]
fn of_what_is_said_again_only_the_newest_is_told() {
    let event = |by: &str, cascade: Option<&str>, message: &str| Event {
        is_warning: true,
        by: by.to_owned(),
        reason: "DependentBlocked".to_owned(),
        message: message.to_owned(),
        related: cascade.map(str::to_owned),
        at: None,
    };
    let mut facts = facts(subject(project(), &["example.com/billing"]));
    facts.events = Ok(vec![
        event("rewitness", Some("one"), "stage-1"),
        event("rewitness", Some("one"), "stage-0"),
        event("rewitness", Some("two"), "of two"),
        event("billing", None, "of billing"),
        event("billing", None, "of billing before"),
    ]);
    let verdict = verdict(&facts);
    let listed: Vec<&str> = verdict
        .findings
        .iter()
        .filter(|finding| finding.reason == Reason::Event)
        .filter_map(|finding| finding.message.rsplit(": ").next())
        .collect();
    assert_eq!(listed, ["stage-1", "of two", "of billing"]);
}

/// What keeps it is the same after ten seconds as after an hour; what it means is not.
#[test]
fn somebody_elses_finalizer_waits_for_a_minute_and_then_blocks() {
    let mut facts = facts(subject(project(), &["example.com/billing"]));
    for (now, expected) in [("2026-01-02T03:01:00Z", Weight::Waits), ("2026-01-02T03:01:01Z", Weight::Blocks)]
    {
        facts.now = time(now);
        assert_eq!(verdict(&facts).findings[0].weight, expected, "{now}");
    }
}

/// Silence alone says little: an operator with nothing to do writes nothing.
#[test]
fn an_operator_is_missed_where_it_never_wrote_or_leaves_work_undone() {
    let weight = |facts: &Facts| verdict(facts).findings[0].findings.last().unwrap().reason;
    let mut facts = stuck();
    assert_eq!(weight(&facts), Reason::Operator, "it waits for others");
    let work = vec![stage("all", vec![("Cluster", Ok(vec![due("Cluster", "x")]))])];
    facts.holdings =
        [(Uid::new("web"), vec![holding("project", preview(project(), "project", work))])].into();
    assert_eq!(weight(&facts), Reason::Operator, "it said which right it lacks, and waits for that");
    facts.cascades = Ok(vec![cascade("project", "2026-01-02T08:55:00Z", json!({}))]);
    assert_eq!(weight(&facts), Reason::NoOperator, "there is work, and it has been silent for five minutes");
    facts.cascades = Ok(vec![cascade("project", "2026-01-02T08:59:30Z", json!({}))]);
    assert_eq!(weight(&facts), Reason::Operator, "half a minute ago it was there");
}

/// The first finding of a reason, at any depth.
fn reason(findings: &[Finding], wanted: Reason) -> Option<&Finding> {
    findings
        .iter()
        .find_map(|one| if one.reason == wanted { Some(one) } else { reason(&one.findings, wanted) })
}

#[test]
fn a_cascade_that_is_about_it_and_does_not_hold_it_is_told() {
    let mut facts = facts(subject(project(), &["example.com/billing"]));
    facts.cascades = Ok(vec![cascade("project", SIX_HOURS_AGO, json!({}))]);
    let not_held =
        Holding { is_held: false, ..holding("project", preview(project(), "project", Vec::new())) };
    facts.holdings = [(Uid::new("web"), vec![not_held])].into();
    assert!(reason(&verdict(&facts).findings, Reason::NotHeld).is_some());
}

#[test]
fn what_a_live_parent_takes_along_is_told_with_the_limit_that_it_would_hit() {
    let mut live = subject(project(), &["cascade.rewitness.dev/project"]);
    live.deleting = None;
    let mut facts = facts(live);
    let mut plan = cascade("project", SIX_HOURS_AGO, json!({}));
    facts.cascades = Ok(vec![plan.clone()]);
    let stages = vec![stage("all", vec![("Cluster", Ok(vec![due("Cluster", "x")]))])];
    let mut taken = preview(project(), "project", stages);
    taken.excess = vec![Excess::Hour { remaining: 0 }];
    facts.holdings = [(Uid::new("web"), vec![holding("project", taken)])].into();
    let enforced = verdict(&facts);
    assert!(
        enforced.findings[0].message.starts_with("its deletion takes 1 dependent along"),
        "{enforced:#?}"
    );
    assert!(reason(&enforced.findings, Reason::LimitExceeded).is_some());
    plan.spec.mode = rewitness_crds::cascade::Mode::Plan;
    facts.cascades = Ok(vec![plan]);
    assert!(verdict(&facts).findings[0].message.contains("only plans"));
}

#[test]
fn the_finalizer_of_a_cascade_that_is_not_there_would_keep_a_live_object() {
    let mut live = subject(project(), &["cascade.rewitness.dev/former"]);
    live.deleting = None;
    let mut facts = facts(live);
    for (cascades, expected) in [
        (Ok(Vec::new()), "the Cascade former does not exist: nobody lets it go"),
        (Ok(vec![cascade("former", SIX_HOURS_AGO, json!({}))]), "the Cascade former"),
        (
            Err(Unread { what: "list cascades".to_owned(), reason: None }),
            "the Cascade former, which could not be read: you may not list cascades",
        ),
    ] {
        facts.cascades = cascades;
        let found = verdict(&facts);
        let would_wait = reason(&found.findings, Reason::WouldWait).map(|finding| &*finding.message);
        let expected = format!("a deletion would wait for cascade.rewitness.dev/former: {expected}");
        assert_eq!(would_wait, Some(&*expected));
        let not_deleted = reason(&found.findings, Reason::NotDeleted).unwrap();
        assert_eq!(not_deleted.message, "nobody has deleted it");
    }
}

#[test]
fn a_protected_namespace_and_a_grace_period_and_a_cascade_that_leaves_are_told() {
    let mut facts = facts(subject(project(), &["cascade.rewitness.dev/project"]));
    let mut leaving = cascade("project", SIX_HOURS_AGO, json!({}));
    leaving.metadata.deletion_timestamp =
        Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(time(NOW)));
    facts.cascades = Ok(vec![leaving]);
    let protected = Found { cause: Cause::Protected, ..due("Cluster", "x") };
    let stages = vec![stage("all", vec![("Cluster", Ok(vec![protected]))])];
    facts.holdings =
        [(Uid::new("web"), vec![holding("project", preview(project(), "project", stages))])].into();
    let found = verdict(&facts);
    assert!(reason(&found.findings, Reason::CascadeLeaving).is_some());
    let protected = reason(&found.findings, Reason::Protected).unwrap();
    assert!(protected.steps[0].is_last_resort(), "{protected:#?}");

    let mut pod = subject(id(Kind::new("", "Pod"), Some("team-a"), "web"), &[]);
    pod.grace_seconds = 30;
    let mut facts = self::facts(pod);
    assert_eq!(reason(&verdict(&facts).findings, Reason::Grace).unwrap().weight, Weight::Blocks);
    facts.now = time("2026-01-02T03:00:20Z");
    assert_eq!(reason(&verdict(&facts).findings, Reason::Grace).unwrap().weight, Weight::Waits);
}

#[test]
fn colours_are_there_when_they_are_wanted_and_end_on_each_line() {
    let picture = draw(&verdict(&stuck()), Canvas { columns: Some(80), color: true });
    for line in picture.lines() {
        let (opened, closed) = (line.matches("\x1b[").count(), line.matches("\x1b[0m").count());
        assert_eq!(opened, 2 * closed, "{line:?}");
    }
    assert!(picture.contains("\x1b[31m✗"), "what blocks is red");
}

#[test]
fn lines_fit_a_narrow_terminal_but_for_commands() {
    let verdict = verdict(&stuck());
    let picture = draw(&verdict, Canvas { columns: Some(60), color: false });
    let is_command = |line: &str| verdict.next.iter().any(|step| line.trim() == step.command);
    let is_long = |line: &&str| line.chars().count() > 60 && !is_command(line);
    // A single word may be longer than what is left of a line.
    let long: Vec<&str> = picture.lines().filter(is_long).collect();
    assert!(long.iter().all(|line| line.split_whitespace().any(|word| word.len() > 30)), "{long:#?}");
}

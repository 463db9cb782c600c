//! A table for each rule. What random graphs do is in `random`.

use rewitness_crds::Cascade;
use serde_json::{Value, json};

use super::*;
use crate::api::KindRef;
use crate::testing::{dependent, parent, time};

/// One parent, one rule, and what was found; the whole input of the plan.
struct World {
    rule: Rule,
    parent: Option<LiveParent>,
    delivered: ResourceId,
    listings: Vec<Listing>,
    empty_rounds: u32,
    missing_rights: Vec<String>,
    protection: Protection,
    graph: WaitGraph,
    hour_remaining: u64,
    kind_removed: bool,
}

fn cluster(action: &str) -> Value {
    json!({
        "apiVersion": "example.com/v1", "kind": "Cluster", "reference": { "label": "example.com/project", "value": "Name" }, "action": action,
    })
}

fn rule(stages: Value, more: Value) -> Rule {
    let mut cascade = json!({
        "apiVersion": "rewitness.dev/v1alpha1", "kind": "Cascade", "metadata": { "name": "project" },
        "spec": {
            "mode": "Enforce",
            "parent": { "apiVersion": "example.com/v1", "kind": "Project" },
            "stages": stages,
        },
    });
    for (field, value) in more.as_object().unwrap() {
        cascade["spec"][field] = value.clone();
    }
    Rule::new(&serde_json::from_value::<Cascade>(cascade).unwrap()).unwrap()
}

impl World {
    /// A rule with one stage for each list of what was found in it.
    fn new(found: &[&[Dependent]]) -> Self {
        let stages: Vec<Value> = (0..found.len())
            .map(|index| json!({ "name": format!("s{index}"), "dependents": [cluster("Delete")] }))
            .collect();
        Self::with(rule(stages.into(), json!({})), found)
    }

    fn with(rule: Rule, found: &[&[Dependent]]) -> Self {
        let mut graph = WaitGraph::default();
        graph.follow(&rule.finalizer, &rule.parent.kind);
        let listing =
            |(stage, found): (usize, &&[Dependent])| Listing { place: (stage, 0), found: Ok(found.to_vec()) };
        Self {
            rule,
            delivered: parent("p").id,
            parent: Some(parent("p")),
            listings: found.iter().enumerate().map(listing).collect(),
            empty_rounds: 0,
            missing_rights: Vec::new(),
            protection: Protection::default(),
            graph,
            hour_remaining: 1000,
            kind_removed: false,
        }
    }

    fn parent(&mut self) -> &mut LiveParent {
        self.parent.as_mut().unwrap()
    }

    fn next(&self) -> Next {
        plan(&Situation {
            rule: &self.rule,
            revision: &self.rule.current,
            delivered: &self.delivered,
            parent: self.parent.as_ref(),
            listings: &self.listings,
            empty_rounds: self.empty_rounds,
            missing_rights: &self.missing_rights,
            protection: &self.protection,
            graph: Some(&self.graph),
            hour_remaining: self.hour_remaining,
            kind_removed: self.kind_removed,
            now: time(10),
        })
    }

    /// As if the deletion had begun.
    fn begun(mut self) -> Self {
        let Next::Delete(Deletion { record: Some((record, true)), .. }) = self.next() else {
            panic!("{:?}", self.next())
        };
        let text = serde_json::to_string(&record).unwrap();
        self.parent().annotations.insert("record.rewitness.dev/project".to_owned(), text);
        self
    }

    fn deleted(&self) -> Vec<String> {
        match self.next() {
            Next::Delete(deletion) => {
                deletion.targets.iter().map(|one| one.dependent.id.uid.to_string()).collect()
            }
            _ => Vec::new(),
        }
    }

    fn causes(&self) -> Vec<&'static str> {
        match self.next() {
            Next::Wait(remainder) => {
                remainder.waits.iter().map(|wait| wait.cause.reason().as_str()).collect()
            }
            next => panic!("{next:?}"),
        }
    }

    fn refused(&self) -> &'static str {
        match self.next() {
            Next::Refuse(refused) => refused.reason().as_str(),
            next => panic!("{next:?}"),
        }
    }
}

fn terminating(uid: &str) -> Dependent {
    Dependent {
        deleting: Some(time(1)),
        finalizers: vec!["other.example.com/x".to_owned()],
        ..dependent(uid)
    }
}

#[test]
fn c1_nothing_is_done_for_a_parent_without_our_finalizer() {
    let mut world = World::new(&[&[dependent("a")]]);
    world.parent().finalizers = vec!["cascade.rewitness.dev/other".to_owned()];
    assert_eq!(world.next(), Next::Leave);
}

#[test]
fn c2_nothing_is_done_unless_the_live_parent_is_the_delivered_one_and_deleting() {
    let mut world = World::new(&[&[dependent("a")]]);
    world.parent = None;
    assert_eq!(world.next(), Next::Leave);
    world.parent =
        Some(LiveParent { id: ResourceId { uid: "new".into(), ..world.delivered.clone() }, ..parent("p") });
    assert_eq!(world.next(), Next::Leave);
    world.parent = Some(LiveParent { deleting: None, ..parent("p") });
    assert_eq!(world.next(), Next::Lagging);
}

#[test]
fn c3_what_is_terminating_already_is_waited_for_and_not_deleted_again() {
    let world = World::new(&[&[dependent("a"), terminating("b")]]);
    assert_eq!(world.deleted(), ["a"]);
    assert_eq!(World::new(&[&[terminating("b")]]).causes(), ["Finalizers"]);
}

#[test]
fn c3_a_target_carries_the_uid_and_the_version_that_were_listed() {
    let Next::Delete(deletion) = World::new(&[&[dependent("a")]]).next() else { panic!() };
    assert_eq!(deletion.targets[0].dependent.version, "7");
    assert_eq!(deletion.targets[0].propagation, Propagation::Background);
}

#[test]
fn a_stage_begins_when_the_one_before_it_is_empty() {
    assert_eq!(World::new(&[&[dependent("a")], &[dependent("b")]]).deleted(), ["a"]);
    assert_eq!(World::new(&[&[terminating("a")], &[dependent("b")]]).causes(), ["Finalizers"]);
    assert_eq!(World::new(&[&[], &[dependent("b")]]).deleted(), ["b"]);
}

#[test]
fn what_is_declared_in_two_stages_belongs_to_the_first() {
    let world = World::new(&[&[dependent("a")], &[dependent("a"), dependent("b")]]);
    let Next::Delete(deletion) = world.next() else { panic!() };
    assert_eq!(deletion.record.unwrap().0.total, 2);
    let stages = json!([
        { "name": "s0", "dependents": [cluster("Wait")] },
        { "name": "s1", "dependents": [cluster("Delete")] },
    ]);
    let world = World::with(rule(stages, json!({})), &[&[dependent("a")], &[dependent("a")]]);
    assert_eq!(world.causes(), ["AwaitsOthers"]);
}

#[test]
fn c5_the_finalizer_goes_after_two_rounds_that_found_nothing() {
    let mut world = World::new(&[&[], &[]]);
    assert_eq!(world.next(), Next::LookAgain);
    world.empty_rounds = 1;
    assert_eq!(world.next(), Next::Release(Vec::new()));
    world.listings[1].found = Ok(vec![terminating("a")]);
    assert_eq!(world.causes(), ["Finalizers"]);
}

#[test]
fn c5_the_parent_does_not_wait_for_itself() {
    let itself = Dependent { id: parent("p").id, ..terminating("p") };
    assert_eq!(World::new(&[&[itself]]).next(), Next::LookAgain);
}

#[test]
fn c5_what_cannot_be_listed_is_never_taken_for_empty() {
    let message = || "no".to_owned();
    for (unlisted, cause) in [
        (Unlisted::NotServed, "KindNotServed"),
        (Unlisted::Forbidden { message: message() }, "Forbidden"),
        (Unlisted::Failed { message: message() }, "Unlisted"),
    ] {
        for stage in [0, 1] {
            let mut world = World::new(&[&[], &[]]);
            world.empty_rounds = 5;
            world.listings[stage].found = Err(unlisted.clone());
            assert_eq!(world.causes(), [cause], "stage {stage}");
        }
    }
}

#[test]
fn nothing_begins_while_a_kind_cannot_be_listed_and_what_has_begun_goes_on() {
    let mut world = World::new(&[&[dependent("a")], &[]]);
    world.listings[1].found = Err(Unlisted::NotServed);
    assert_eq!(world.causes(), ["KindNotServed", "Due"]);
    let mut world = World::new(&[&[dependent("a")], &[]]).begun();
    world.listings[1].found = Err(Unlisted::NotServed);
    assert_eq!(world.deleted(), ["a"]);
    world.listings[0].found = Err(Unlisted::NotServed);
    world.listings[1].found = Ok(vec![dependent("b")]);
    assert_eq!(world.causes(), ["KindNotServed"], "the second stage does not begin");
}

#[test]
fn c6_why_a_dependent_stays_is_said() {
    let stages = json!([{ "name": "s0", "dependents": [cluster("Wait")] }]);
    let mut kept = dependent("k");
    kept.id.namespace = Some("kube-system".into());
    assert_eq!(World::with(rule(stages, json!({})), &[&[dependent("a")]]).causes(), ["AwaitsOthers"]);
    assert_eq!(World::new(&[&[kept]]).causes(), ["Protected"]);
    assert_eq!(
        World::new(&[&[Dependent { finalizers: Vec::new(), ..terminating("a") }]]).causes(),
        ["Terminating"]
    );
}

#[test]
fn c7_the_limit_counts_all_stages_and_holds_before_the_first_delete() {
    let limits = json!({ "limits": { "maxDependents": 2 } });
    let stages = json!([
        { "name": "s0", "dependents": [cluster("Delete")] },
        { "name": "s1", "dependents": [cluster("Delete")] },
    ]);
    let found: [&[Dependent]; 2] = [&[dependent("a")], &[dependent("b"), dependent("c")]];
    let mut world = World::with(rule(stages, limits), &found);
    assert_eq!(world.refused(), "LimitExceeded");
    let Next::Refuse(Refused::Unconfirmed(unconfirmed)) = world.next() else { panic!() };
    assert_eq!(unconfirmed.count, 3);
    world.parent().annotations.insert("confirm.rewitness.dev/project".to_owned(), unconfirmed.hash);
    let Next::Delete(Deletion { record: Some((record, true)), .. }) = world.next() else { panic!() };
    assert_eq!(record.confirmed.unwrap().count, 3);
}

#[test]
fn c7_what_is_not_deleted_by_us_does_not_count() {
    let limits = json!({ "limits": { "maxDependents": 1 } });
    let stages = json!([
        { "name": "s0", "dependents": [cluster("Delete")] },
        { "name": "s1", "dependents": [cluster("Wait")] },
    ]);
    let found: [&[Dependent]; 2] = [&[dependent("a"), terminating("b")], &[dependent("c"), dependent("d")]];
    assert_eq!(World::with(rule(stages, limits), &found).deleted(), ["a"]);
}

#[test]
fn c8_a_parent_that_goes_with_its_kind_is_held_until_confirmed() {
    let mut world = World::new(&[&[dependent("a")]]);
    world.kind_removed = true;
    assert_eq!(world.refused(), "LimitExceeded");
    let mut begun = World::new(&[&[dependent("a")]]).begun();
    begun.kind_removed = true;
    assert_eq!(begun.deleted(), ["a"], "what has begun is finished");
}

#[test]
fn c8_a_parent_without_dependents_goes_with_its_kind() {
    let mut world = World::new(&[&[]]);
    world.kind_removed = true;
    world.empty_rounds = 1;
    assert_eq!(world.next(), Next::Release(Vec::new()));
}

fn kind() -> KindRef {
    KindRef { kind: Kind::new("example.com", "Project"), version: "v1".to_owned() }
}

/// `p` waits for `z`, which waits for `p`.
fn cyclic(mut world: World, other: &str) -> World {
    let finalizer = world.rule.finalizer.clone();
    world.graph.wait(&parent(other), &kind(), &finalizer, BTreeSet::from(["p".into()]));
    world
}

fn member(uid: &str) -> Dependent {
    let mut member = terminating(uid);
    member.id.kind = kind().kind;
    Dependent { finalizers: vec!["cascade.rewitness.dev/project".to_owned()], ..member }
}

/// Anybody may write a finalizer that looks like a Cascade's.
#[test]
fn c14_a_finalizer_that_no_cascade_removes_is_no_deletion_that_goes_on() {
    let ghost = |finalizer: &str| Dependent { finalizers: vec![finalizer.to_owned()], ..terminating("a") };
    for finalizer in ["cascade.rewitness.dev/ghost", "cascade.rewitness.dev/project"] {
        let world = World::new(&[&[ghost(finalizer)]]);
        assert_eq!(world.causes(), ["Finalizers"], "{finalizer}: no Cascade has such parents");
    }
    assert_eq!(World::new(&[&[member("z")]]).causes(), ["Cascading"]);
}

#[test]
fn c9_a_cycle_is_broken_at_its_smallest_uid() {
    let mut world = cyclic(World::new(&[&[member("z")]]), "z");
    assert_eq!(world.next(), Next::LookAgain);
    world.empty_rounds = 1;
    let Next::Release(members) = world.next() else { panic!() };
    assert_eq!(members.len(), 1);
    let greater = cyclic(World::new(&[&[member("a")]]), "a");
    assert_eq!(greater.causes(), ["Cascading"], "`a` is released first");
}

#[test]
fn c9_a_cycle_in_one_stage_does_not_keep_the_next_from_beginning() {
    let world = cyclic(World::new(&[&[member("z")], &[dependent("b")]]), "z");
    assert_eq!(world.deleted(), ["b"]);
    let waiting = cyclic(World::new(&[&[member("z")], &[terminating("b")]]), "z");
    assert_eq!(waiting.causes(), ["Finalizers"]);
}

#[test]
fn c11_a_rule_that_plans_or_is_suspended_does_nothing() {
    let stages = || json!([{ "name": "s0", "dependents": [cluster("Delete")] }]);
    for (more, reason) in
        [(json!({ "mode": "Plan" }), "NotEnforced"), (json!({ "suspend": true }), "Suspended")]
    {
        let mut world = World::with(rule(stages(), more), &[&[]]);
        world.empty_rounds = 1;
        assert_eq!(world.refused(), reason);
    }
}

#[test]
fn c12_nothing_begins_for_which_a_right_is_missing() {
    let mut world = World::new(&[&[dependent("a")]]);
    world.missing_rights = vec!["delete clusters.example.com".to_owned()];
    assert_eq!(world.refused(), "MissingRights");
    let mut begun = World::new(&[&[dependent("a")]]).begun();
    begun.missing_rights = world.missing_rights;
    assert_eq!(begun.deleted(), ["a"], "what has begun goes on as far as it can");
}

#[test]
fn c13_protected_kinds_are_refused_and_protected_namespaces_block() {
    for (api_version, kind, refused) in [
        ("v1", "Namespace", true),
        ("v1", "Node", true),
        ("v1", "PersistentVolume", true),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition", true),
        ("rbac.authorization.k8s.io/v1", "RoleBinding", true),
        ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", true),
        ("v1", "PersistentVolumeClaim", false),
        ("example.com/v1", "Namespace", false),
    ] {
        let mut declared = cluster("Delete");
        declared["apiVersion"] = api_version.into();
        declared["kind"] = kind.into();
        let stages = json!([{ "name": "s0", "dependents": [declared] }]);
        let mut world = World::with(rule(stages, json!({})), &[&[]]);
        assert_eq!(matches!(world.next(), Next::Refuse(Refused::ProtectedKind(_))), refused, "{kind}");
        world.protection = Protection::default()
            .allowing(Kind::new(api_version.split_once('/').map_or("", |it| it.0), kind));
        assert_eq!(world.next(), Next::LookAgain, "{kind}, allowed by a flag");
    }
}

#[test]
fn c13_what_is_in_a_protected_namespace_is_neither_deleted_nor_forgotten() {
    let mut protected = dependent("k");
    protected.id.namespace = Some("kube-system".into());
    let world = World::new(&[&[dependent("a"), protected.clone()]]);
    assert_eq!(world.deleted(), ["a"]);
    let mut own = World::new(&[&[Dependent {
        id: ResourceId { namespace: Some("us".into()), ..protected.id.clone() },
        ..protected
    }]]);
    own.protection = Protection::default().with_namespace("us");
    assert_eq!(own.causes(), ["Protected"]);
}

#[test]
fn an_ambiguous_reference_is_refused_whatever_else_is_found() {
    let mut world = World::new(&[&[dependent("a")], &[]]);
    world.listings[1].found = Err(Unlisted::Unclear(Unclear::Ambiguous { kind: "Cluster".to_owned() }));
    assert_eq!(world.refused(), "AmbiguousReference");
}

//! What is advised, and what is not.

use super::*;
use crate::step::Step;

fn commands(facts: &Facts) -> Vec<String> {
    verdict(facts).next.into_iter().map(|step| step.command).collect()
}

/// Something that nobody deletes.
fn live(id: ResourceId) -> Facts {
    let mut live = subject(id, &[]);
    live.deleting = None;
    facts(live)
}

#[test]
fn what_a_cluster_stands_on_is_not_deleted_because_somebody_asked_about_it() {
    let kind = |group: &str, kind: &str| live(id(Kind::new(group, kind), None, "x"));
    assert_eq!(commands(&kind("example.com", "Project")), ["kubectl delete projects.example.com/x"]);
    for (group, name) in
        [("", "Namespace"), ("", "Node"), ("apiextensions.k8s.io", "CustomResourceDefinition")]
    {
        let facts = kind(group, name);
        assert!(reason(&verdict(&facts).findings, Reason::NotDeleted).is_some(), "{name}");
        assert_eq!(commands(&facts), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn who_deletes_a_parent_is_told_first_what_goes_with_it() {
    let mut facts = live(project());
    facts.cascades = Ok(vec![cascade("project", SIX_HOURS_AGO, json!({}))]);
    let stages = vec![stage("all", vec![("Cluster", Ok(vec![due("Cluster", "x"), due("Cluster", "y")]))])];
    facts.holdings =
        [(Uid::new("web"), vec![holding("project", preview(project(), "project", stages))])].into();
    assert_eq!(
        commands(&facts),
        ["rewitness plan project projects.example.com/web", "kubectl delete projects.example.com/web"]
    );
    let price = verdict(&facts).next[1].caution.clone();
    assert_eq!(price.as_deref(), Some("2 dependents go with it, by the Cascade project"));
}

/// The operator stands still with work before it, and has said why.
#[test]
fn an_operator_that_lacks_a_right_is_not_missed() {
    let mut facts = facts(subject(project(), &["cascade.rewitness.dev/project"]));
    let status = json!({
        "conditions": [{
            "type": "Authorized", "status": "False", "reason": "MissingRights", "message": "grant the operator: delete clusters.example.com",
            "lastTransitionTime": SIX_HOURS_AGO,
        }],
        "heldParents": [{ "name": "web", "uid": "web", "reason": "DependentsRemain", "message": "", "waitsFor": [
            { "kind": "Cluster.example.com", "count": 1, "cause": "Forbidden", "message": "cannot be listed" },
        ] }],
    });
    facts.cascades = Ok(vec![cascade("project", "2026-01-02T03:10:00Z", status)]);
    let work = vec![stage("all", vec![("Cluster", Ok(vec![due("Cluster", "x")]))])];
    facts.holdings =
        [(Uid::new("web"), vec![holding("project", preview(project(), "project", work))])].into();
    let found = verdict(&facts).findings;
    assert!(reason(&found, Reason::NoOperator).is_none(), "{found:#?}");
    assert_eq!(commands(&facts)[0], "rewitness rbac --all | kubectl apply -f -");
}

#[test]
fn a_kind_that_is_not_served_is_dropped_before_the_deletion_begins_and_the_parent_let_go_after() {
    let mut facts = facts(subject(project(), &["cascade.rewitness.dev/project"]));
    let mut rule = cascade("project", "2026-01-02T08:59:00Z", json!({}));
    let mut second = rule.spec.stages[0].clone();
    second.name = "gadgets".to_owned();
    second.dependents[0].kind = "Gadget".to_owned();
    rule.spec.stages.push(second);
    facts.cascades = Ok(vec![rule]);
    let stages = vec![
        stage("all", vec![("Cluster", Ok(Vec::new()))]),
        stage("gadgets", vec![("Gadget", Err(Cause::NotServed))]),
    ];
    let mut gone = preview(project(), "project", stages);
    facts.holdings = [(Uid::new("web"), vec![holding("project", gone.clone())])].into();
    assert!(commands(&facts)[0].ends_with(" cascades.rewitness.dev/project"));

    let at = time("2026-01-02T03:01:00Z");
    gone.begun = Some(Begun { at, revision: "r".to_owned(), deleted: 1, confirmed: None });
    facts.holdings = [(Uid::new("web"), vec![holding("project", gone)])].into();
    let Verdict { next, findings, .. } = verdict(&facts);
    let message = &reason(&findings, Reason::KindNotServed).unwrap().message;
    assert!(
        message.ends_with("so bring it back, for a deletion that has begun goes by the rule as it was then")
    );
    assert_eq!(next[0].command, "rewitness unhold --force cascade/project projects.example.com/web");
    assert!(next[0].is_last_resort() && next[0].caution.is_some(), "{next:#?}");
}

/// Whose finalizer it is decides whether it may be removed: nobody is to do that first.
#[test]
fn something_is_lost_by_the_last_steps_alone_and_it_is_said() {
    let steps = verdict(&stuck()).next;
    let first = steps.iter().position(Step::is_last_resort).unwrap();
    assert!(first > 0 && steps[first..].iter().all(Step::is_last_resort), "{steps:#?}");
    assert!(steps[first..].iter().all(|step| step.caution.is_some()), "{steps:#?}");
    let takes_off = |step: &Step| step.command.contains("/metadata/finalizers/");
    assert!(!steps[..first].iter().any(takes_off), "{steps:#?}");
}

#[test]
fn whether_an_api_service_should_serve_a_kind_is_unknown_where_they_may_not_be_listed() {
    let unread = |what: &str| Unread { what: what.to_owned(), reason: None };
    let mut facts = live(project());
    (facts.is_served, facts.subject) = (false, Err(unread("get projects.example.com")));
    assert!(reason(&verdict(&facts).findings, Reason::Unread).is_none());
    facts.unavailable = Err(unread("list apiservices.apiregistration.k8s.io"));
    facts.cascades = Err(unread("list cascades.rewitness.dev"));
    let found = verdict(&facts).findings;
    assert!(
        reason(&found, Reason::KindNotServed).unwrap().message.contains("or its API service does not answer")
    );
    assert!(
        reason(&found, Reason::Unread).is_some() && reason(&found, Reason::CascadesUnread).is_some(),
        "{found:#?}"
    );
}

/// Nothing is read of such a Cascade; to ask again would lead nowhere.
#[test]
fn a_cascade_that_does_nothing_for_what_it_holds_is_told_with_what_is_wrong_about_it() {
    let mut other = cascade("project", SIX_HOURS_AGO, json!({}));
    other.spec.parent.kind = "Tenant".to_owned();
    let mut nonsense = cascade("project", SIX_HOURS_AGO, json!({}));
    nonsense.spec.parent.label_selector =
        serde_json::from_value(json!({ "matchExpressions": [{ "key": "tier", "operator": "Like" }] }))
            .unwrap();
    for (cascade, why) in [(other, "is about Tenant.example.com now"), (nonsense, "tier Like")] {
        let mut facts = facts(subject(project(), &["cascade.rewitness.dev/project"]));
        facts.cascades = Ok(vec![cascade]);
        let verdict = verdict(&facts);
        let finding = reason(&verdict.findings, Reason::NoRule).unwrap();
        assert!(finding.message.contains(why), "{}", finding.message);
        let commands: Vec<&str> = verdict.next.iter().map(|step| &*step.command).collect();
        assert_eq!(
            commands,
            [
                "kubectl edit cascades.rewitness.dev/project",
                "rewitness unhold --force cascade/project projects.example.com/web"
            ]
        );
    }
}

/// Of a parent that the status does not name nobody knows whether the operator was refused.
#[test]
fn no_guess_is_made_about_a_parent_that_its_status_has_no_room_for() {
    let mut facts = facts(subject(project(), &["cascade.rewitness.dev/project"]));
    let other = json!({ "name": "other", "uid": "other", "reason": "Deleting", "message": "" });
    let work = vec![stage("all", vec![("Cluster", Ok(vec![due("Cluster", "x")]))])];
    let begun =
        Begun { at: time("2026-01-02T03:00:01Z"), revision: String::new(), deleted: 0, confirmed: None };
    let preview = Preview { begun: Some(begun), ..preview(project(), "project", work) };
    facts.holdings = [(Uid::new("web"), vec![holding("project", preview)])].into();
    for (held, is_known) in [(1, true), (2, false)] {
        let status =
            json!({ "counts": { "parents": 2, "held": held, "blocked": 0 }, "heldParents": [other] });
        facts.cascades = Ok(vec![cascade("project", "2026-01-02T03:10:00Z", status)]);
        let found = verdict(&facts).findings;
        let due = reason(&found, Reason::Due).unwrap();
        assert_eq!(!due.message.contains("is unknown"), is_known, "{held}: {found:#?}");
        assert_eq!(reason(&found, Reason::NoOperator).is_some(), is_known, "{held}: {found:#?}");
    }
}

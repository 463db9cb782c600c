//! Incidents, each solved by doing what `rewitness why` prints, and nothing else.
//!
//! A test stages one, holds the answer against what is written down, and lets somebody type what is advised until the
//! object is gone. What was typed is compared too: it is the advice, from its first word to its last.

use anyhow::Result;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Event;
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, Role};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use rewitness_controlplane::{Webhook, policy_rule, until};
use rewitness_crds::CascadeStatus;
use rewitness_crds::cascade::finalizer;
use serde_json::json;

use crate::night::{Night, operator_as};
use crate::session::Session;
use rewitness_e2e::lab::{FOREIGN, SOON};

/// The command that removes a finalizer, where it is the only one.
fn patch(object: &str, finalizer: &str) -> String {
    let path = "/metadata/finalizers/0";
    format!(
        r#"kubectl patch --type=json -p '[{{"op":"test","path":"/metadata/uid","value":"UID"}},{{"op":"test","path":"{path}","value":"{finalizer}"}},{{"op":"remove","path":"{path}"}}]' {object}"#
    )
}

#[tokio::test]
async fn incident_01_somebody_elses_finalizers() -> Result<()> {
    let night = Night::begin().await?;
    let lab = &night.session.lab;
    // The server notes who wrote a field of what was applied once.
    let disk = json!({
        "apiVersion": format!("{}/v1", lab.group), "kind": "Disk",
        "metadata": { "name": "data", "namespace": lab.ns, "finalizers": ["keep/first"] },
    });
    let apply = "kubectl apply --server-side --field-manager=backup-operator -f -";
    night.session.types(&format!("echo '{disk}' | {apply}")).await?;
    lab.patch("Disk", "data", json!({ "finalizers": ["keep/first", FOREIGN] })).await?;
    lab.delete("Disk", "data").await?;

    let disk = format!("{}/data", night.session.kind("disks"));
    let answer = night.session.golden(&disk, "foreign-finalizer").await?;
    assert_eq!(answer.status, Some(0));
    let (describe, disk_in) = ("kubectl describe -n NS disks.GROUP/data", "-n NS disks.GROUP/data");
    assert_eq!(
        night.solve(&disk).await?,
        [describe.to_owned(), patch(disk_in, "keep/first"), patch(disk_in, FOREIGN)],
        "one command removes one finalizer"
    );
    Ok(())
}

#[tokio::test]
async fn incident_02_a_right_that_the_operator_lacks() -> Result<()> {
    let mut night = Night::begin().await?;
    let cascade = night.cascade(&[&[night.session.lab.dependents("Cluster")]], json!({})).await?;
    // It was installed with the rights that were needed then.
    night.session.types("rewitness rbac --all | kubectl apply -f -").await?;
    let (session, lab) = (&night.session, &night.session.lab);
    let account = lab.plane.service_account(&lab.ns, "operator", Vec::new()).await?;
    bind(session).await?;
    // The rule has grown since.
    let stage = json!([{ "op": "add", "path": "/spec/stages/-", "value": {
        "name": "stage-1", "dependents": [lab.dependents("Disk")],
    } }]);
    session.types(&format!("kubectl patch cascade {cascade} --type=json -p '{stage}'")).await?;
    let _operator = operator_as(session.rewitness(&["run"])?, &account)?;
    let project = night.family(&cascade).await?;
    lab.create("Disk", "data", Some("web")).await?;
    night.said(&cascade, |status| is(status, "Authorized", "False")).await?;
    lab.delete("Project", "web").await?;
    night.said(&cascade, |status| waits_for(status, "Forbidden")).await?;

    let answer = night.golden(&project, "missing-rights").await?;
    assert!(answer.message("MissingRights")?.contains(&format!("delete disks.{}", lab.group)));
    assert_eq!(night.solve(&project).await?, ["rewitness rbac --all | kubectl apply -f -"]);
    assert!(!lab.exists("Cluster", "of-web").await? && !lab.exists("Disk", "data").await?);
    Ok(())
}

/// The role that `rewitness rbac` writes, to the operator's account; waits until it has its rights.
async fn bind(session: &Session) -> Result<()> {
    let bindings: Api<ClusterRoleBinding> = Api::all(session.lab.client.clone());
    let binding = json!({
        "metadata": { "name": session.lab.ns },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "rewitness" },
        "subjects": [{ "kind": "ServiceAccount", "namespace": session.lab.ns, "name": "operator" }],
    });
    bindings.create(&PostParams::default(), &serde_json::from_value(binding)?).await?;
    let user = format!("system:serviceaccount:{}:operator", session.lab.ns);
    session.lab.plane.is_granted(&user, &policy_rule(&session.lab.group, "clusters", &["delete"]), true).await
}

fn is(status: &CascadeStatus, kind: &str, value: &str) -> bool {
    status.conditions.iter().any(|one| one.type_ == kind && one.status == value)
}

#[tokio::test]
async fn incident_03_a_webhook_that_refuses() -> Result<()> {
    let mut night = Night::begin().await?;
    let cascade = night.cascade(&[&[night.session.lab.dependents("Cluster")]], json!({})).await?;
    let _operator = night.operator()?;
    let project = night.family(&cascade).await?;
    let lab = &night.session.lab;
    lab.create("Cluster", "free", Some("web")).await?;
    let webhook =
        Webhook::start(|it| (it["name"] == "of-web").then(|| "the billing team needs it".to_owned()))?;
    put_in_force(&night.session, &webhook).await?;
    lab.delete("Project", "web").await?;
    lab.gone("Cluster", "free").await?;
    night.told(&project, "Refused").await?;

    let answer = night.golden(&project, "refused").await?;
    assert!(answer.message("Refused")?.contains("the billing team needs it"));
    assert_eq!(
        night.solve(&project).await?,
        [
            "kubectl delete -n NS --dry-run=server clusters.GROUP/of-web",
            "kubectl label -n NS clusters.GROUP/of-web GROUP/parent-"
        ]
    );
    assert!(lab.exists("Cluster", "of-web").await?, "what is needed stays");
    Ok(())
}

/// A webhook that is asked about each deletion in the lab's group.
async fn put_in_force(session: &Session, webhook: &Webhook) -> Result<()> {
    let configurations: Api<ValidatingWebhookConfiguration> = Api::all(session.lab.client.clone());
    let name = format!("keep.{}", session.lab.group);
    let configuration = json!({
        "metadata": { "name": name },
        "webhooks": [{
            "name": name, "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Fail",
            "timeoutSeconds": 30,
            "clientConfig": webhook.client_config(),
            "rules": [{
                "apiGroups": [session.lab.group], "apiVersions": ["*"], "operations": ["DELETE"], "resources": ["*"],
            }],
        }],
    });
    configurations.create(&PostParams::default(), &serde_json::from_value(configuration)?).await?;
    let dry = DeleteParams { dry_run: true, ..DeleteParams::default() };
    until("the webhook is in force", SOON, async || {
        Ok(session.lab.api("Cluster").delete("of-web", &dry).await.is_err().then_some(()))
    })
    .await
}

#[tokio::test]
async fn incident_04_a_limit() -> Result<()> {
    let mut night = Night::begin().await?;
    let limits = json!({ "limits": { "maxDependents": 0 } });
    let cascade = night.cascade(&[&[night.session.lab.dependents("Cluster")]], limits).await?;
    let _operator = night.operator()?;
    let project = night.family(&cascade).await?;
    night.session.lab.delete("Project", "web").await?;
    night.said(&cascade, |status| is(status, "LimitExceeded", "True")).await?;

    night.golden(&project, "limit").await?;
    assert_eq!(night.solve(&project).await?, ["rewitness confirm CASCADE projects.GROUP/web"]);
    assert!(!night.session.lab.exists("Cluster", "of-web").await?);
    Ok(())
}

/// By hand, for an operator that has just gone is not missed before a minute is over.
#[tokio::test]
async fn incident_05_an_operator_that_is_not_there() -> Result<()> {
    let mut night = Night::begin().await?;
    let cascade = night.cascade(&[&[night.session.lab.dependents("Cluster")]], json!({})).await?;
    let lab = &night.session.lab;
    lab.create("Project", "web", None).await?;
    lab.create("Cluster", "of-web", Some("web")).await?;
    lab.patch("Project", "web", json!({ "finalizers": [finalizer(&cascade)] })).await?;
    lab.delete("Project", "web").await?;

    let project = format!("{}/web", night.session.kind("projects"));
    night.session.golden(&project, "no-operator").await?;
    let look = "kubectl get -A -l app.kubernetes.io/name=rewitness deployments";
    assert_eq!(night.solve(&project).await?, [look, "rewitness run --once"]);
    assert!(!lab.exists("Cluster", "of-web").await?);
    Ok(())
}

/// A Cascade whose second stage is of a kind that can be taken away.
async fn with_gadgets(night: &mut Night) -> Result<String> {
    night.session.lab.add_kind("gadgets", "Gadget").await?;
    let lab = &night.session.lab;
    let stages = [&[lab.dependents("Cluster")][..], &[lab.dependents("Gadget")]];
    night.cascade(&stages, json!({})).await
}

fn waits_for(status: &CascadeStatus, cause: &str) -> bool {
    status.held_parents.iter().flat_map(|held| &held.waits_for).any(|wait| wait.cause == cause)
}

/// Takes it away.
async fn without_gadgets(session: &Session) -> Result<()> {
    session.types(&format!("kubectl delete crd gadgets.{}", session.lab.group)).await?;
    let gadget = format!("{}/x", session.kind("gadgets"));
    until("the kind is not served", SOON, async || {
        Ok(session.why(&gadget).await?.finding("KindNotServed").map(|_| ()))
    })
    .await
}

#[tokio::test]
async fn incident_06_a_definition_that_is_gone() -> Result<()> {
    let mut night = Night::begin().await?;
    let cascade = with_gadgets(&mut night).await?;
    let _operator = night.operator()?;
    let project = night.family(&cascade).await?;
    without_gadgets(&night.session).await?;
    night.session.lab.delete("Project", "web").await?;
    night.said(&cascade, |status| waits_for(status, "KindNotServed")).await?;

    night.golden(&project, "kind-gone-parent").await?;
    let drop = r#"[{"op":"test","path":"/spec/stages/1/name","value":"stage-1"},{"op":"remove","path":"/spec/stages/1"}]"#;
    let drop = format!("kubectl patch --type=json -p '{drop}' cascades.rewitness.dev/CASCADE");
    assert_eq!(night.solve(&project).await?, [drop]);
    assert!(!night.session.lab.exists("Cluster", "of-web").await?);
    Ok(())
}

/// A deletion that has begun goes by the rule as it was.
#[tokio::test]
async fn incident_06_a_definition_that_goes_in_the_middle() -> Result<()> {
    let mut night = Night::begin().await?;
    let cascade = with_gadgets(&mut night).await?;
    let _operator = night.operator()?;
    let project = night.family(&cascade).await?;
    let lab = &night.session.lab;
    lab.patch("Cluster", "of-web", json!({ "finalizers": [FOREIGN] })).await?;
    lab.delete("Project", "web").await?;
    until("it has begun", SOON, async || {
        Ok(night.session.why(&project).await?.message("Held")?.contains("1 deleted").then_some(()))
    })
    .await?;
    without_gadgets(&night.session).await?;
    lab.patch("Cluster", "of-web", json!({ "finalizers": null })).await?;
    lab.gone("Cluster", "of-web").await?;
    // Both are written as soon as the kind is gone, and again for the second stage.
    night
        .said(&cascade, |status| {
            status.held_parents.iter().any(|held| held.stage.as_deref() == Some("stage-1"))
        })
        .await?;
    until("the second stage is told of", SOON, async || {
        Ok(night
            .session
            .why(&project)
            .await?
            .message("Event")
            .is_ok_and(|it| it.contains("stage-1"))
            .then_some(()))
    })
    .await?;

    night.golden(&project, "kind-gone-begun").await?;
    assert_eq!(night.solve(&project).await?, ["rewitness unhold --force cascade/CASCADE projects.GROUP/web"]);
    Ok(())
}

#[tokio::test]
async fn incident_07_a_namespace_that_is_stuck() -> Result<()> {
    let night = Night::begin().await?;
    let lab = &night.session.lab;
    lab.plane.start_controller_manager().await?;
    for name in ["one", "two"] {
        lab.create("Disk", name, None).await?;
        lab.patch("Disk", name, json!({ "finalizers": [FOREIGN] })).await?;
    }
    night.session.types(&format!("kubectl delete namespace {} --wait=false", lab.ns)).await?;
    let namespace = format!("namespace/{}", lab.ns);
    until("Kubernetes says what it waits for", SOON, async || {
        let answer = night.session.why(&namespace).await?;
        let only_disks = answer.verdict["findings"][0]["count"] == 2;
        Ok((answer.finding("FinalizersRemaining").is_some() && only_disks).then_some(()))
    })
    .await?;

    night.session.golden(&namespace, "namespace").await?;
    let ask = |name: &str| format!("rewitness why -n NS disks.GROUP/{name}");
    let patch = |name: &str| patch(&format!("-n NS disks.GROUP/{name}"), FOREIGN);
    assert_eq!(night.solve(&namespace).await?, [ask("one"), patch("one"), ask("two"), patch("two")]);
    Ok(())
}

/// Two Cascades that wait for each other, and a third party that keeps one of the parents.
#[tokio::test]
async fn incident_08_a_cycle_of_two_cascades() -> Result<()> {
    let mut night = Night::begin().await?;
    let (down, up) = cycle(&mut night).await?;
    let lab = &night.session.lab;
    let space = lab.create("Space", "home", Some("web")).await?;
    lab.create("Project", "web", None).await?;
    let label = json!({ lab.label.clone(): space.metadata.uid });
    lab.patch("Project", "web", json!({ "labels": label })).await?;
    let _operator = night.operator()?;
    night.held("Space", "home", &up).await?;
    night.held("Project", "web", &down).await?;
    let mut kept = lab.api("Space").get("home").await?.metadata.finalizers.unwrap_or_default();
    kept.push(FOREIGN.to_owned());
    lab.patch("Space", "home", json!({ "finalizers": kept })).await?;
    lab.delete("Project", "web").await?;
    let project = format!("{}/web", night.session.kind("projects"));
    until("the cycle is seen", SOON, async || {
        let answer = night.session.why(&project).await?;
        let is_recorded = answer.message("Held")?.contains("1 deleted");
        Ok((answer.finding("Cycle").is_some() && is_recorded).then_some(()))
    })
    .await?;

    night.session.golden(&project, "cycle").await?;
    let off = patch("-n NS spaces.GROUP/home", FOREIGN).replace("finalizers/0", "finalizers/1");
    let typed = night.solve(&project).await?;
    assert_eq!(typed, ["rewitness why -n NS spaces.GROUP/home".to_owned(), off]);
    lab.gone("Space", "home").await
}

/// Spaces go with their Project, and Projects with their Space.
async fn cycle(night: &mut Night) -> Result<(String, String)> {
    let lab = &night.session.lab;
    let down = lab.cascade_of("Project", &[&[lab.dependents("Space")]], json!({}));
    let mut back = lab.dependents("Project");
    back["reference"]["value"] = "UID".into();
    let up = lab.cascade_of("Space", &[&[back]], json!({}));
    Ok((night.session.write(&down, "DOWN").await?, night.session.write(&up, "UP").await?))
}

#[tokio::test]
async fn incident_09_a_parent_made_again_under_its_name() -> Result<()> {
    let mut night = Night::begin().await?;
    let cascade = night.cascade(&[&[night.session.lab.dependents("Cluster")]], json!({})).await?;
    let _operator = night.operator()?;
    let project = night.family(&cascade).await?;
    night.session.lab.delete("Project", "web").await?;
    night.session.lab.gone("Project", "web").await?;
    night.said(&cascade, |status| !status.finished.is_empty()).await?;
    night.family(&cascade).await?;

    let answer = night.session.golden(&project, "recreated").await?;
    assert_eq!((answer.status, answer.state()), (Some(0), "Live"));
    assert_eq!(
        night.solve(&project).await?,
        ["rewitness plan CASCADE projects.GROUP/web", "kubectl delete projects.GROUP/web"]
    );
    assert!(!night.session.lab.exists("Cluster", "of-web").await?);
    let answer = night.session.why(&project).await?;
    assert_eq!(
        (answer.status, answer.finding("FormerOne").is_some()),
        (Some(1), true),
        "it is told of still"
    );
    Ok(())
}

#[tokio::test]
async fn incident_10_an_object_that_nobody_holds() -> Result<()> {
    let night = Night::begin().await?;
    night.session.lab.create("Disk", "data", None).await?;
    let disk = format!("{}/data", night.session.kind("disks"));
    assert_eq!(night.session.golden(&disk, "live").await?.status, Some(0));
    assert_eq!(night.solve(&disk).await?, ["kubectl delete -n NS disks.GROUP/data"]);
    let answer = night.session.golden(&disk, "not-there").await?;
    assert_eq!((answer.status, answer.state()), (Some(1), "NotFound"));
    Ok(())
}

#[tokio::test]
async fn incident_11_a_cascade_that_is_suspended() -> Result<()> {
    let mut night = Night::begin().await?;
    let cascade = night.cascade(&[&[night.session.lab.dependents("Cluster")]], json!({})).await?;
    let _operator = night.operator()?;
    let project = night.family(&cascade).await?;
    let patch = Patch::Merge(json!({ "spec": { "suspend": true } }));
    night.session.cascades.patch(&cascade, &PatchParams::default(), &patch).await?;
    night.said(&cascade, |status| is(status, "Suspended", "True")).await?;
    night.session.lab.delete("Project", "web").await?;
    night.said(&cascade, |status| !status.held_parents.is_empty()).await?;
    night.golden(&project, "suspended").await?;
    assert_eq!(night.solve(&project).await?, ["rewitness resume CASCADE"]);
    Ok(())
}

/// What is stuck is not what was asked about, but below it.
#[tokio::test]
async fn incident_12_a_dependent_that_somebody_else_keeps() -> Result<()> {
    let mut night = Night::begin().await?;
    let lab = &night.session.lab;
    let stages = [&[lab.dependents("Cluster")][..], &[lab.dependents("Disk")]];
    let cascade = night.cascade(&stages, json!({})).await?;
    let _operator = night.operator()?;
    let project = night.family(&cascade).await?;
    let lab = &night.session.lab;
    lab.create("Disk", "later", Some("web")).await?;
    lab.patch("Cluster", "of-web", json!({ "finalizers": [FOREIGN] })).await?;
    lab.delete("Project", "web").await?;
    until("that it was deleted is recorded", SOON, async || {
        Ok(night.session.why(&project).await?.message("Held")?.contains("1 deleted").then_some(()))
    })
    .await?;

    night.session.golden(&project, "dependent-kept").await?;
    let off = patch("-n NS clusters.GROUP/of-web", FOREIGN);
    let typed = night.solve(&project).await?;
    assert_eq!(typed, ["rewitness why -n NS clusters.GROUP/of-web".to_owned(), off]);
    assert!(!lab.exists("Disk", "later").await?);
    Ok(())
}

/// Names of Events and of Roles are any segment of a path, so that one may look like a flag.
#[tokio::test]
async fn incident_13_objects_that_are_named_like_a_flag() -> Result<()> {
    let night = Night::begin().await?;
    let lab = &night.session.lab;
    let roles: Api<Role> = Api::namespaced(lab.client.clone(), &lab.ns);
    let events: Api<Event> = Api::namespaced(lab.client.clone(), &lab.ns);
    for name in ["--all", "other"] {
        let metadata = json!({ "name": name, "namespace": lab.ns });
        let about = json!({ "kind": "Namespace", "name": lab.ns, "namespace": lab.ns });
        let event = serde_json::from_value(json!({ "metadata": metadata, "involvedObject": about }))?;
        events.create(&PostParams::default(), &event).await?;
        let mut role = json!({ "metadata": metadata });
        role["metadata"]["finalizers"] = json!([FOREIGN]);
        roles.create(&PostParams::default(), &serde_json::from_value(role)?).await?;
    }
    roles.delete("--all", &DeleteParams::default()).await?;

    let typed = night.solve("events/--all").await?;
    assert!(events.get_opt("other").await?.is_some(), "the other Event was not named: {typed:?}");
    assert_eq!(typed, ["kubectl delete -n NS events/--all"]);

    let role = "-n NS roles.rbac.authorization.k8s.io/--all";
    let typed = night.solve("roles.rbac.authorization.k8s.io/--all").await?;
    assert_eq!(typed, [format!("kubectl describe {role}"), patch(role, FOREIGN)]);
    let other = roles.get("other").await?.metadata;
    assert_eq!(other.finalizers, Some(vec![FOREIGN.to_owned()]), "the other Role was not named");
    Ok(())
}

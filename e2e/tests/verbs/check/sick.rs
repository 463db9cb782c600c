//! A cluster in which everything is amiss that can be, and each way out.

use anyhow::{Context, Result};
use kube::api::{Patch, PatchParams};
use rewitness_controlplane::until;
use rewitness_crds::cascade::finalizer;
use rewitness_messaging::Timestamp;
use serde_json::{Value, json};

use super::{check, golden};
use rewitness_e2e::lab::{FOREIGN, SOON};
use rewitness_e2e::office::Office;

/// The definition of a program that did not know `limits` yet.
fn older() -> Result<Value> {
    let definition = rewitness_crds::definitions().into_iter().next().context("a definition")?;
    let mut definition = serde_json::to_value(definition)?;
    let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
    let fields = definition.pointer_mut(spec).and_then(Value::as_object_mut).context("a spec")?;
    fields.remove("limits").context("the field")?;
    Ok(definition)
}

fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({ "type": kind, "status": status, "reason": reason, "message": message,
        "lastTransitionTime": "2026-01-01T00:00:00Z" })
}

/// What an operator says of a Cascade of which all is well.
fn well() -> Vec<Value> {
    vec![
        condition("Ready", "True", "Enforced", "parents are held"),
        condition("Authorized", "True", "Granted", "all rights are there"),
        condition("Synced", "True", "Watching", "the parents are listed and watched"),
    ]
}

/// The same but for these conditions.
fn but(conditions: &[Value]) -> Vec<Value> {
    let is_other = |one: &Value| !conditions.iter().any(|other| other["type"] == one["type"]);
    let others = well().into_iter().filter(is_other);
    others.chain(conditions.iter().cloned()).collect()
}

fn ago(minutes: i64) -> Result<String> {
    Ok(Timestamp::from_second(Timestamp::now().as_second() - minutes * 60)?.to_string())
}

/// Writes a Cascade, and its status as an operator does.
async fn told(office: &Office, name: &str, spec: Value, conditions: Vec<Value>, more: Value) -> Result<()> {
    let dependents = match name {
        "unserved" => json!({
            "apiVersion": format!("{}/v1", office.lab.group), "kind": "Nope",
            "reference": { "label": office.lab.label, "value": "Name" },
        }),
        _ => office.lab.dependents("Cluster"),
    };
    let mut cascade = office.lab.cascade_of("Project", &[&[dependents]], spec);
    cascade.metadata.name = Some(name.to_owned());
    let generation = {
        office.write(cascade).await?;
        office.cascades.get(name).await?.metadata.generation
    };
    let mut status =
        json!({ "observedGeneration": generation, "conditions": conditions, "counts": { "parents": 1 } });
    for (field, value) in more.as_object().into_iter().flatten() {
        status[field] = value.clone();
    }
    let patch = json!({ "apiVersion": "rewitness.dev/v1alpha1", "kind": "Cascade", "status": status });
    office
        .cascades
        .patch_status(name, &PatchParams::apply("rewitness").force(), &Patch::Apply(patch))
        .await?;
    Ok(())
}

fn held(name: &str, since: String, reason: &str, message: &str) -> Value {
    json!({
        "counts": { "parents": 1, "held": 1 },
        "heldParents": [{ "name": name, "uid": "u", "since": since, "reason": reason, "message": message }],
    })
}

async fn stage(office: &Office) -> Result<()> {
    let lab = &office.lab;
    lab.plane.apply_crd(older()?).await?;
    for (kind, name, finalizers) in [
        ("Project", "web", vec![finalizer("held")]),
        ("Project", "left", vec![finalizer("gone"), FOREIGN.to_owned()]),
        ("Project", "planned", vec![finalizer("planning")]),
        ("Space", "other", vec![finalizer("held")]),
        ("Disk", "data", vec!["hold.rewitness.dev/demo".to_owned()]),
    ] {
        lab.create(kind, name, None).await?;
        lab.patch(kind, name, json!({ "finalizers": finalizers })).await?;
    }
    lab.delete("Project", "left").await?;
    // Last, for an operator that was silent for a minute is told of otherwise.
    let none = || json!({});
    told(
        office,
        "held",
        none(),
        well(),
        held("web", ago(6 * 60 + 5)?, "DependentsRemain", "1 cluster is left"),
    )
    .await?;
    let over = [condition("LimitExceeded", "True", "ConfirmationNeeded", "312 would be deleted")];
    told(
        office,
        "limited",
        none(),
        but(&over),
        held("big", ago(10)?, "LimitExceeded", "312 would be deleted"),
    )
    .await?;
    let lacks = format!("grant the operator: delete clusters.{}", lab.group);
    let poor = [
        condition("Ready", "False", "MissingRights", &lacks),
        condition(
            "Authorized",
            "False",
            "MissingRights",
            &format!("{lacks}; by these rules of its ClusterRole: …"),
        ),
    ];
    told(office, "poor", none(), but(&poor), none()).await?;
    let unserved = [
        condition("Ready", "False", "KindNotServed", "the server does not serve Nope"),
        condition("Synced", "False", "NotSynced", "the parents are not watched"),
    ];
    told(office, "unserved", none(), but(&unserved), none()).await?;
    let plans = [condition("Ready", "True", "Planned", "nothing is deleted")];
    told(office, "planning", json!({ "mode": "Plan" }), but(&plans), none()).await?;
    told(office, "resting", json!({ "suspend": true }), well(), none()).await
}

#[tokio::test]
async fn each_thing_that_is_amiss_is_told_with_a_way_out_that_mends_it() -> Result<()> {
    let office = Office::apart().await?;
    stage(&office).await?;
    let (sick, text) = golden(&office, &[], "sick", &[]).await?;
    assert_eq!((sick.status, &sick.json["result"]), (Some(1), &json!("failed")), "{text}");

    office.shell(&sick.way_out("schema")?).await?;
    assert_eq!(check(&office, &[]).await?.result("schema"), "ok");

    let unowned = sick.all("unowned");
    assert_eq!(unowned.len(), 3, "{text}");
    for check in unowned {
        office.shell(check["next"][0]["command"].as_str().context("a command")?).await?;
    }
    let released = check(&office, &[]).await?;
    assert_eq!((released.all("unowned").len(), released.result("owned")), (0, &json!("ok")), "{text}");
    let left = office.lab.api("Project").get("left").await?.metadata.finalizers.unwrap_or_default();
    assert_eq!(left, [FOREIGN], "nobody else's finalizer is touched");
    let web = office.lab.api("Project").get("web").await?.metadata.finalizers.unwrap_or_default();
    assert_eq!(web, [finalizer("held")], "what a rule owns stays");

    office.shell(&sick.way_out("holds")?).await?;
    assert_eq!(check(&office, &[]).await?.result("holds"), &Value::Null);

    let editor = "KUBE_EDITOR='sed -i s/Nope/Disk/'";
    let edit =
        sick.checks().find(|one| one["id"] == "kinds" && one["result"] == "failed").context("kinds")?;
    let edit = edit["next"][0]["command"].as_str().context("a command")?;
    office.shell(&format!("{editor} {edit}")).await?;
    until("its kinds are served", SOON, async || {
        let report = check(&office, &[]).await?;
        Ok(report.all("kinds").iter().all(|check| check["result"] == "ok").then_some(()))
    })
    .await?;

    let suspended =
        sick.checks().find(|one| one["cascade"] == "resting" && one["id"] == "ready").context("it")?;
    office.shell(suspended["next"][0]["command"].as_str().context("a command")?).await?;
    assert!(!office.cascades.get("resting").await?.spec.suspend);
    let long =
        sick.checks().find(|one| one["id"] == "deletions" && one["result"] == "failed").context("it")?;
    let said = office.shell(long["next"][0]["command"].as_str().context("a command")?).await?;
    assert!(said.contains("Project"), "{said}");
    Ok(())
}

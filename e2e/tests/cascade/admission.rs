//! What the API server refuses when a Cascade is written, in words that a person can act on.

use anyhow::{Context, Result};
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use rewitness_controlplane::{shared, unique};
use serde_json::{Value, json};

/// The definition as it is in the repository, installed once.
async fn cascades() -> Result<Api<DynamicObject>> {
    let plane = shared().await?;
    let definition = rewitness_crds::definitions().into_iter().next().context("a definition")?;
    plane.apply_crd(serde_json::to_value(definition)?).await?;
    let gvk = GroupVersionKind::gvk("rewitness.dev", "v1alpha1", "Cascade");
    Ok(Api::all_with(plane.client().await?, &ApiResource::from_gvk(&gvk)))
}

fn cascade(name: &str) -> Value {
    json!({
        "apiVersion": "rewitness.dev/v1alpha1", "kind": "Cascade", "metadata": { "name": name },
        "spec": {
            "parent": { "apiVersion": "identity.example.com/v1", "kind": "Project" },
            "stages": [{ "name": "workloads", "dependents": [{
                "apiVersion": "compute.example.com/v1", "kind": "Cluster",
                "reference": { "label": "example.com/project", "value": "Name" },
            }] }],
        },
    })
}

async fn refused(api: &Api<DynamicObject>, object: Value) -> Result<String> {
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    match api.create(&dry, &serde_json::from_value(object)?).await {
        Ok(_) => Ok(String::new()),
        Err(kube::Error::Api(status)) => Ok(status.message.clone()),
        Err(error) => Err(error.into()),
    }
}

#[tokio::test]
async fn what_can_be_known_when_a_cascade_is_written_is_refused_in_words() -> Result<()> {
    let api = cascades().await?;
    let dependent = "/spec/stages/0/dependents/0";
    for (path, value, words) in [
        ("", json!(null), ""),
        ("/metadata/name", json!("x".repeat(64)), "at most 63 characters"),
        ("/spec/stages", json!([]), "name at least one stage"),
        ("/spec/stages/0/dependents", json!([]), "name at least one kind of dependents"),
        ("/spec/stages/0/name", json!(""), "is not empty"),
        ("/spec/stages/0/name", json!("Workloads"), "lower-case letters"),
        ("/spec/parent/kind", json!(""), "write the name of a kind"),
        ("/spec/parent/apiVersion", json!("a/b/c"), "write <group>/<version>"),
        ("/spec/parent/namespaces", json!([]), "leave it out for all namespaces"),
        (&format!("{dependent}/reference"), json!({}), "reference.label: Required value"),
        (&format!("{dependent}/reference/label"), json!(""), "is no label key"),
        (&format!("{dependent}/reference/label"), json!("a=b"), "is no label key"),
        (&format!("{dependent}/reference/value"), json!("Everything"), "supported values"),
        (&format!("{dependent}/kind"), json!("pods/exec"), "write the name of a kind"),
        (&format!("{dependent}/apiVersion"), json!(""), "write <group>/<version>"),
        ("/spec/limits", json!({ "maxDependents": -1 }), "greater than or equal to 0"),
        ("/spec/mode", json!("Delete"), "supported values"),
    ] {
        let mut object = cascade(&unique("casc"));
        if let Some((parent, field)) = path.rsplit_once('/') {
            object.pointer_mut(parent).context("a path")?[field] = value;
        }
        let said = refused(&api, object).await?;
        assert_eq!(said.is_empty(), words.is_empty(), "{path}: {said}");
        assert!(said.contains(words), "{path}: {said}");
    }
    Ok(())
}

#[tokio::test]
async fn references_and_stages_are_checked_against_each_other() -> Result<()> {
    let api = cascades().await?;
    let mut ambiguous = cascade(&unique("casc"));
    ambiguous["spec"]["parent"]["namespaces"] = json!(["team-a"]);
    ambiguous["spec"]["stages"][0]["dependents"][0]["scope"] = "AllNamespaces".into();
    assert!(refused(&api, ambiguous.clone()).await?.contains("set reference.value to UID or NamespacedName"));
    ambiguous["spec"]["stages"][0]["dependents"][0]["reference"]["value"] = "UID".into();
    assert_eq!(refused(&api, ambiguous).await?, "");
    let mut twice = cascade(&unique("casc"));
    let stage = twice["spec"]["stages"][0].clone();
    twice["spec"]["stages"] = json!([stage, stage]);
    assert!(refused(&api, twice).await?.contains("each stage needs a name of its own"));
    Ok(())
}

#[tokio::test]
async fn the_kind_of_the_parent_cannot_be_changed_and_its_version_can() -> Result<()> {
    let api = cascades().await?;
    let name = unique("casc");
    let made = api.create(&PostParams::default(), &serde_json::from_value(cascade(&name))?).await?;
    assert_eq!(made.data["spec"]["mode"], "Plan", "without a word nothing is deleted");
    for (field, value, allowed) in [
        ("kind", "Other", false),
        ("apiVersion", "other.example.com/v1", false),
        ("apiVersion", "v1", false),
        ("apiVersion", "identity.example.com/v2", true),
    ] {
        let mut object = api.get(&name).await?;
        object.data["spec"]["parent"][field] = value.into();
        match api.replace(&name, &PostParams::default(), &object).await {
            Ok(_) => assert!(allowed, "{field} {value}"),
            Err(kube::Error::Api(status)) => {
                assert!(!allowed && status.message.contains("make another Cascade"), "{}", status.message);
            }
            Err(error) => return Err(error.into()),
        }
    }
    api.delete(&name, &DeleteParams::default()).await?;
    Ok(())
}

#[tokio::test]
async fn columns_show_how_a_cascade_stands() -> Result<()> {
    let api = cascades().await?;
    let name = unique("casc");
    api.create(&PostParams::default(), &serde_json::from_value(cascade(&name))?).await?;
    let wide = shared().await?.kubectl_ok(&["get", "casc", &name, "-o", "wide"]).await?;
    let header: Vec<&str> = wide.lines().next().unwrap_or_default().split_whitespace().collect();
    assert_eq!(header, ["NAME", "MODE", "PARENT", "READY", "HELD", "BLOCKED", "AGE", "REASON", "LAST"]);
    let all = shared().await?.kubectl_ok(&["get", "rewitness"]).await?;
    assert!(all.contains(&name) && all.contains("Plan") && all.contains("Project"), "{all}");
    api.delete(&name, &DeleteParams::default()).await?;
    Ok(())
}

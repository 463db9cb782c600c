//! C3: deletion in the foreground, which the garbage collector finishes.

use anyhow::Result;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use rewitness_cascade::{Cause, DeletionState};
use rewitness_controlplane::until;
use serde_json::{Value, json};

use rewitness_e2e::follower::Operator;
use rewitness_e2e::lab::{FOREIGN, Lab, soon};

/// What keeps the dependents of a parent.
fn kept_by(state: &DeletionState) -> Option<Vec<String>> {
    match state {
        DeletionState::Waiting { waits, .. } => waits.iter().find_map(|wait| match &wait.cause {
            Cause::Finalizers { finalizers } => Some(finalizers.clone()),
            _ => None,
        }),
        _ => None,
    }
}

#[tokio::test]
async fn c3_foreground_waits_for_what_a_dependent_owns_and_says_so() -> Result<()> {
    let lab = Lab::new().await?;
    let mut foreground = lab.dependents("Cluster");
    foreground["propagation"] = "Foreground".into();
    let rule = lab.cascade(&[&[foreground]]);
    let proxy = lab.proxy()?;
    let operator = Operator::start(lab.proxied(&proxy).await?, &[&rule])?;
    let parent = lab.parent("Project", "web", &rule).await?;
    let owner = lab.create("Cluster", "a", Some("web")).await?;
    // Of a kind that every garbage collector knows: what it has not heard of yet, it does not wait for.
    let owned: Api<ConfigMap> = Api::namespaced(lab.client.clone(), &lab.ns);
    let owner_references = serde_json::from_value(json!([{
        "apiVersion": format!("{}/v1", lab.group), "kind": "Cluster", "name": "a",
        "uid": owner.metadata.uid, "blockOwnerDeletion": true,
    }]))?;
    let metadata = ObjectMeta {
        name: Some("owned".to_owned()),
        finalizers: Some(vec![FOREIGN.to_owned()]),
        owner_references,
        ..ObjectMeta::default()
    };
    owned.create(&PostParams::default(), &ConfigMap { metadata, ..ConfigMap::default() }).await?;
    lab.delete("Project", "web").await?;
    // With a garbage collector or without: something of its own keeps it.
    let finalizers = operator.state(0, &parent, kept_by).await?;
    assert_eq!(finalizers, ["foregroundDeletion"]);
    let calls = proxy.requests();
    let deletes: Vec<_> = calls.iter().filter(|call| call.method == "DELETE").collect();
    assert_eq!(deletes.len(), 1, "what is being deleted is not deleted again");
    let body: Value = serde_json::from_slice(&deletes[0].body)?;
    assert_eq!(body["propagationPolicy"], "Foreground");

    lab.plane.start_controller_manager().await?;
    // It looks for new kinds every 30 seconds.
    until("the garbage collector deletes what is owned", 2 * soon(), async || {
        Ok(owned.get("owned").await?.metadata.deletion_timestamp.map(drop))
    })
    .await?;
    assert!(lab.exists("Cluster", "a").await? && lab.exists("Project", "web").await?);
    let released = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    owned.patch("owned", &PatchParams::default(), &released).await?;
    lab.gone("Project", "web").await?;
    assert!(!lab.exists("Cluster", "a").await? && owned.get_opt("owned").await?.is_none());
    Ok(())
}

//! C3: deletion in the foreground, which the garbage collector finishes.

use anyhow::Result;
use kube::api::PostParams;
use rewitness_consumers::cascade::{Cause, Standing};
use rewitness_controlplane::until;
use serde_json::{Value, json};

use crate::lab::{FOREIGN, Lab, Operator, soon};

/// What keeps the dependents of a parent.
fn kept_by(standing: &Standing) -> Option<Vec<String>> {
    match standing {
        Standing::Waiting { waits, .. } => waits.iter().find_map(|wait| match &wait.cause {
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
    let mut owned = kube::api::DynamicObject::new("owned", lab.resource("Disk"));
    owned.metadata.finalizers = Some(vec![FOREIGN.to_owned()]);
    owned.metadata.owner_references = serde_json::from_value(json!([{
        "apiVersion": format!("{}/v1", lab.group), "kind": "Cluster", "name": "a",
        "uid": owner.metadata.uid, "blockOwnerDeletion": true,
    }]))?;
    lab.api("Disk").create(&PostParams::default(), &owned).await?;
    lab.delete("Project", "web").await?;
    // Before a garbage collector runs: nothing would end it.
    let finalizers = operator.standing(0, &parent, kept_by).await?;
    assert_eq!(finalizers, ["foregroundDeletion"]);
    let calls = proxy.requests();
    let deletes: Vec<_> = calls.iter().filter(|call| call.method == "DELETE").collect();
    assert_eq!(deletes.len(), 1, "what is being deleted is not deleted again");
    let body: Value = serde_json::from_slice(&deletes[0].body)?;
    assert_eq!(body["propagationPolicy"], "Foreground");

    lab.plane.start_controller_manager().await?;
    // It looks for new kinds every 30 seconds.
    until("the garbage collector deletes what is owned", 2 * soon(), async || {
        let owned = lab.api("Disk").get("owned").await?;
        Ok(owned.metadata.deletion_timestamp.map(drop))
    })
    .await?;
    assert!(lab.exists("Cluster", "a").await? && lab.exists("Project", "web").await?);
    lab.patch("Disk", "owned", json!({ "finalizers": null })).await?;
    lab.gone("Project", "web").await?;
    assert!(!lab.exists("Cluster", "a").await? && !lab.exists("Disk", "owned").await?);
    Ok(())
}

//! Objects that somebody else keeps, or nobody.

use anyhow::Result;
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Api;
use kube::api::PostParams;
use rewitness_controlplane::until;
use serde_json::json;

use crate::session::Session;
use rewitness_e2e::lab::{FOREIGN, SOON};

#[tokio::test]
async fn a_well_known_finalizer_is_told_with_what_takes_it_off() -> Result<()> {
    let session = Session::new().await?;
    session.lab.create("Disk", "data", None).await?;
    session.lab.patch("Disk", "data", json!({ "finalizers": ["kubernetes.io/pvc-protection"] })).await?;
    session.lab.delete("Disk", "data").await?;
    let disk = format!("{}/data", session.kind("disks"));
    let answer = session.golden(&disk, "known-finalizer").await?;
    assert!(answer.message("Finalizer")?.contains("once no pod uses the claim"));
    session.follows_until_gone(&disk, "kubectl patch").await
}

#[tokio::test]
async fn a_hold_by_hand_is_let_go_with_unhold() -> Result<()> {
    let session = Session::new().await?;
    session.lab.create("Disk", "data", None).await?;
    session.lab.patch("Disk", "data", json!({ "finalizers": ["hold.rewitness.dev/demo"] })).await?;
    session.lab.delete("Disk", "data").await?;
    let disk = format!("{}/data", session.kind("disks"));
    session.golden(&disk, "hold").await?;
    session.follows_until_gone(&disk, "rewitness unhold").await
}

#[tokio::test]
async fn a_live_object_says_whom_its_deletion_would_wait_for() -> Result<()> {
    let session = Session::new().await?;
    session.lab.create("Disk", "data", None).await?;
    session.lab.patch("Disk", "data", json!({ "finalizers": [FOREIGN, "finalizers.fluxcd.io"] })).await?;
    session.golden(&format!("{}/data", session.kind("disks")), "would-wait").await?;
    Ok(())
}

/// With kinds that the garbage collector knows from its start: of others it learns some time later.
#[tokio::test]
async fn a_deletion_in_the_foreground_names_what_blocks_it() -> Result<()> {
    let session = Session::new().await?;
    session.lab.plane.start_controller_manager().await?;
    let secrets: Api<Secret> = Api::namespaced(session.lab.client.clone(), &session.lab.ns);
    let maps: Api<ConfigMap> = Api::namespaced(session.lab.client.clone(), &session.lab.ns);
    let owner = serde_json::from_value(json!({ "metadata": { "name": "owner" } }))?;
    let owner = secrets.create(&PostParams::default(), &owner).await?;
    let owners = json!([{
        "apiVersion": "v1", "kind": "Secret", "name": "owner", "uid": owner.metadata.uid, "blockOwnerDeletion": true,
    }]);
    let owned =
        json!({ "metadata": { "name": "owned", "ownerReferences": owners, "finalizers": [FOREIGN] } });
    maps.create(&PostParams::default(), &serde_json::from_value(owned)?).await?;
    // It is on the second page only.
    let others = (0..600).map(|index| json!({ "metadata": { "name": format!("other-{index}") } }));
    let create = async |other| {
        maps.create(&PostParams::default(), &serde_json::from_value(other)?).await?;
        anyhow::Ok(())
    };
    stream::iter(others).map(create).buffer_unordered(32).try_collect::<()>().await?;
    let ns = &session.lab.ns;
    session.types(&format!("kubectl delete secret owner -n {ns} --cascade=foreground --wait=false")).await?;
    until("what is owned is being deleted", SOON, async || {
        Ok(maps.get("owned").await?.metadata.deletion_timestamp)
    })
    .await?;
    let answer = session.golden("secret/owner", "foreground").await?;
    // Its own finalizer is the garbage collector's; the advice goes to what blocks it.
    session.types(&answer.command(FOREIGN)?).await?;
    until("the owner is gone", SOON, async || Ok(secrets.get_opt("owner").await?.is_none().then_some(())))
        .await
}

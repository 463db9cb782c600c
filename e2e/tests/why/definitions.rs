//! Definitions that are deleted while there are objects of theirs.

use anyhow::Result;
use serde_json::json;

use crate::session::Session;
use rewitness_e2e::lab::{FOREIGN, SOON};

#[tokio::test]
async fn a_definition_waits_for_its_objects_and_says_which() -> Result<()> {
    let session = Session::new().await?;
    session.lab.create("Disk", "data", None).await?;
    session.lab.patch("Disk", "data", json!({ "finalizers": [FOREIGN] })).await?;
    let definition = format!("disks.{}", session.lab.group);
    session.types(&format!("kubectl delete crd {definition} --wait=false")).await?;
    let api = session.lab.api("Disk");
    rewitness_controlplane::until("its object is being deleted", SOON, async || {
        Ok(api.get("data").await?.metadata.deletion_timestamp)
    })
    .await?;
    let crd = format!("crd/{definition}");
    rewitness_controlplane::until("the definition says what it waits for", SOON, async || {
        Ok(session.why(&crd).await?.finding("Condition").map(|_| ()))
    })
    .await?;
    let answer = session.golden(&crd, "definition").await?;
    assert!(answer.command(FOREIGN)?.contains(" disks."));
    session.follows_until_gone(&crd, FOREIGN).await
}

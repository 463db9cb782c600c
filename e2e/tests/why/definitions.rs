//! Definitions that are deleted while there are objects of theirs.

use anyhow::Result;
use serde_json::json;

use crate::desk::Desk;
use crate::lab::{FOREIGN, SOON};

#[tokio::test]
async fn a_definition_waits_for_its_objects_and_says_which() -> Result<()> {
    let desk = Desk::new().await?;
    desk.lab.create("Disk", "data", None).await?;
    desk.lab.patch("Disk", "data", json!({ "finalizers": [FOREIGN] })).await?;
    let definition = format!("disks.{}", desk.lab.group);
    desk.types(&format!("kubectl delete crd {definition} --wait=false")).await?;
    let api = desk.lab.api("Disk");
    rewitness_controlplane::until("its object is being deleted", SOON, async || {
        Ok(api.get("data").await?.metadata.deletion_timestamp)
    })
    .await?;
    let crd = format!("crd/{definition}");
    rewitness_controlplane::until("the definition says what it waits for", SOON, async || {
        Ok(desk.why(&crd).await?.finding("Condition").map(|_| ()))
    })
    .await?;
    let answer = desk.golden(&crd, "definition").await?;
    assert!(answer.command(FOREIGN)?.contains("kubectl patch disks."));
    desk.follows_until_gone(&crd, FOREIGN).await
}

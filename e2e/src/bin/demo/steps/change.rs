//! A change is handed over when it happens.

use std::time::Instant;

use anyhow::{Result, ensure};
use serde_json::json;

use crate::platform::{PlatformKind, Thing};
use crate::stage::Stage;

pub(crate) async fn perform(stage: &mut Stage<'_>) -> Result<String> {
    let web = Thing::new(PlatformKind::Cluster, "demo-shop", "web");
    stage.screen.action(format_args!("set spec.nodes of {} to 5", web.shown()));
    let changed = stage.platform.change(&web, json!(5)).await?;
    let answered = Instant::now();
    let line =
        stage.delivered(&changed, "the change", |it| it.cause == "change" && it.state == "live").await?;
    // The line may even come before the answer to our write.
    let after = line.at.saturating_duration_since(answered).as_millis();

    let object = stage.in_step(&web).await?;
    let nodes = &object.data["spec"]["nodes"];
    ensure!(*nodes == 5, "the API has {nodes} nodes");
    stage.screen.proof(format_args!(
        "the API has 5 nodes at version {}, and that is the version the consumer was handed",
        object.metadata.resource_version.unwrap_or_default()
    ));
    Ok(format!("handed over {after} ms after the API's answer"))
}

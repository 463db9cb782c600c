//! Which Cascades are followed, and that the watch of them goes on.

use std::process::Stdio;
use std::time::Duration;

use anyhow::Result;
use rewitness_controlplane::{Fault, Match, until};
use serde_json::json;
use tokio::time::sleep;

use crate::A_WHILE;
use rewitness_e2e::office::{Office, is_held};

/// A dead watch is noticed within 90 s. A Cascade is read again after 3 min in any case.
#[tokio::test]
async fn fault_b29_an_edit_of_a_cascade_is_noticed_although_the_watch_of_cascades_has_died_silently()
-> Result<()> {
    let mut office = Office::new().await?;
    let (proxy, _operator, cascade) = office.proxied_projects().await?;
    let silent = proxy.rule(Match::watches().path("/cascades").times(1), Fault::Silent);
    office.edit(&cascade, json!({ "limits": { "maxDependents": 7 } })).await?;
    let new = office.projects(json!({ "mode": "Plan" })).await?;
    until("the edit is in the status", Duration::from_secs(130), async || {
        let cascade = office.cascades.get(&cascade).await?;
        let observed = cascade.status.and_then(|status| status.observed_generation);
        Ok((observed == cascade.metadata.generation).then_some(()))
    })
    .await?;
    office.condition(&new, "Ready", "True", "Planned").await?;
    assert_eq!(silent.hits(), 1, "the watch was silent");
    Ok(())
}

/// The label says which operator follows a Cascade. Whoever gives one up lets go of nothing.
#[tokio::test]
async fn a_cascade_that_leaves_the_selector_is_not_followed_and_what_it_holds_stays_held() -> Result<()> {
    let office = Office::new().await?;
    let lab = &office.lab;
    let mut operator = office.operator(&[])?;
    let cascade = office.projects(json!({})).await?;
    office.parent("Project", "web", &cascade).await?;
    office.relabel(&cascade, "another").await?;
    operator.warns(&["left the selector", &cascade]).await?;
    lab.create("Project", "late", None).await?;
    sleep(A_WHILE).await;
    let projects = lab.api("Project");
    assert!(is_held(&projects.get("web").await?, &cascade));
    assert!(!is_held(&projects.get("late").await?, &cascade));
    office.relabel(&cascade, &lab.group).await?;
    office.held("Project", "late", &cascade).await?;
    Ok(())
}

/// A pipe has room for 64 KiB, which the start alone fills with this log.
#[tokio::test]
async fn a_stderr_that_nobody_reads_stops_nothing() -> Result<()> {
    let office = Office::new().await?;
    let cascade = office.projects(json!({})).await?;
    let mut command = office.command(&[])?;
    command.env("RUST_LOG", "trace").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let _unread = tokio::process::Command::from(command).kill_on_drop(true).spawn()?;
    office.parent("Project", "web", &cascade).await?;
    office.lab.create("Cluster", "a", Some("web")).await?;
    office.lab.delete("Project", "web").await?;
    office.lab.gone("Project", "web").await
}

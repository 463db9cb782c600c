//! The audit log has what is looked for in it, and what must not be there is found.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says so by panicking")]

use anyhow::{Context, Result};
use rewitness_controlplane::AuditEvent;

use rewitness_e2e::audit::is_by_an_operator;
use rewitness_e2e::follower::Operator;
use rewitness_e2e::lab::Lab;
use rewitness_e2e::planted::{Bug, caught};

/// What the lab of every test does; here it is seen that the log has what is looked for.
#[tokio::test]
async fn c3_no_delete_is_without_preconditions_and_none_is_of_a_collection() -> Result<()> {
    let lab = Lab::new().await?;
    let rule = lab.cascade(&[&[lab.dependents("Cluster")]]);
    let _operator = Operator::start(lab.operator_client().await?, &[&rule])?;
    lab.parent("Project", "web", &rule).await?;
    lab.create("Cluster", "a", Some("web")).await?;
    lab.delete("Project", "web").await?;
    lab.gone("Project", "web").await?;
    let calls: Vec<_> = lab.plane.audit_about(&lab.group).await?.filter(is_by_an_operator).collect();
    let is_delete = |event: &&AuditEvent| event.verb.starts_with("delete");
    let delete = calls.iter().find(is_delete).context("the delete is in the log")?;
    assert!(delete.request_uri.contains("/clusters"), "{}", delete.request_uri);
    Ok(())
}

#[test]
fn c3_planted_bugs_are_caught_by_the_audit_log() {
    for (bug, said) in [
        (Bug::PlainDeletes, "a delete without preconditions"),
        (Bug::WholeCollections, "never done by us: deletecollection"),
    ] {
        let failure = caught(bug, c3_no_delete_is_without_preconditions_and_none_is_of_a_collection);
        assert!(failure.contains(said), "{bug:?}: {failure}");
    }
}

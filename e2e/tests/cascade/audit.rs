//! What the API server's audit log says of the operator, read at the end of each test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says so by panicking")]

use std::thread;

use anyhow::{Context, Result, ensure};
use rewitness_controlplane::{AuditEvent, shared};

use crate::lab::{Lab, OPERATORS, Operator};
use crate::planted::{Bug, caught, planted};

/// Reads the log of one test's objects when the test ends, and fails the test for what the operator must not
/// have done to them: delete without naming uid and version, delete a collection, or replace an object.
///
/// Every [`Lab`] has one, so that no test can forget it.
pub(crate) struct Audit {
    group: String,
}

impl Audit {
    pub(crate) fn of(group: &str) -> Self {
        Self { group: group.to_owned() }
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        // Operators with planted bugs are to be caught by their own test; but for the one that is for this.
        let exempt = planted().is_some_and(|bug| !matches!(bug, Bug::PlainDeletes | Bug::WholeCollections));
        if thread::panicking() || exempt {
            return;
        }
        let group = self.group.clone();
        // The runtime of the test cannot be waited for by whom it drops.
        let read = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(audit(&group))
        });
        let outcome = read.join().expect("it does not panic");
        outcome.unwrap_or_else(|error| panic!("{error:#}"));
    }
}

async fn audit(group: &str) -> Result<()> {
    let log = shared().await?.audit_about(group).await?;
    log.filter(is_by_an_operator).try_for_each(|event| judge(&event))
}

fn is_by_an_operator(event: &AuditEvent) -> bool {
    let account = event.user.username.strip_prefix("system:serviceaccount:");
    let namespace = account.and_then(|account| account.split(':').next());
    namespace.is_some_and(|namespace| OPERATORS.contains(&namespace))
}

fn judge(event: &AuditEvent) -> Result<()> {
    let said = || format!("{} {} {:?}", event.verb, event.request_uri, event.request_object);
    ensure!(!matches!(&*event.verb, "deletecollection" | "update"), "never done by us: {}", said());
    let body = event.request_object.as_ref();
    // Who lacks the right is refused before anybody has read what was to be deleted.
    let unread = body.is_none() && event.response_status.as_ref().is_some_and(|status| status.code == 403);
    if event.verb == "delete" && !unread {
        let names = |field| {
            let value = body.and_then(|body| body["preconditions"][field].as_str());
            value.is_some_and(|value| !value.is_empty())
        };
        ensure!(names("uid") && names("resourceVersion"), "a delete without preconditions: {}", said());
    }
    Ok(())
}

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

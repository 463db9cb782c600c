//! What the API server's audit log says of the operator, read at the end of each test.

use std::thread;

use anyhow::{Result, ensure};
use rewitness_controlplane::{AuditEvent, shared};

use crate::lab::OPERATORS;
use crate::planted::{Bug, planted};

/// Reads the log of one test's objects when the test ends, and fails the test for what the operator must not
/// have done to them: delete without naming uid and version, delete a collection, or replace an object.
///
/// Every [`Lab`](crate::lab::Lab) has one, so that no test can forget it.
pub struct Audit {
    group: String,
}

impl Audit {
    pub fn of(group: &str) -> Self {
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

pub fn is_by_an_operator(event: &AuditEvent) -> bool {
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

//! What the API server was asked, by its own account.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use crate::controlplane::ControlPlane;
use crate::shared::unique;
use crate::wait::until;

/// One event of the audit log (`audit.k8s.io/v1`, Event). Writes come with their body.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEvent {
    /// `ResponseStarted` (watches alone), `ResponseComplete` or `Panic`.
    pub stage: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: String,
    /// The path and the query.
    #[serde(rename = "requestURI")]
    pub request_uri: String,
    /// Who asked.
    pub user: AuditUser,
    /// With which program.
    #[serde(default)]
    pub user_agent: String,
    /// What the request is about, if it is about a resource.
    pub object_ref: Option<AuditObject>,
    /// How it was answered.
    pub response_status: Option<AuditStatus>,
    /// The body of a write.
    pub request_object: Option<Value>,
    /// When the API server received it, RFC 3339 with microseconds.
    pub request_received_timestamp: String,
}

/// The user of an [`AuditEvent`].
#[derive(Debug, Clone, Deserialize)]
pub struct AuditUser {
    /// For example `admin` or `system:serviceaccount:namespace:name`.
    #[serde(default)]
    pub username: String,
}

/// The object of an [`AuditEvent`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AuditObject {
    /// The plural, for example `configmaps`.
    pub resource: String,
    /// Empty for what has no namespace.
    pub namespace: String,
    /// Empty for lists and collections.
    pub name: String,
    /// Empty for the core group.
    pub api_group: String,
    /// Empty for the resource itself.
    pub subresource: String,
}

/// The answer in an [`AuditEvent`].
#[derive(Debug, Clone, Deserialize)]
pub struct AuditStatus {
    /// The HTTP status code.
    #[serde(default)]
    pub code: u16,
}

impl ControlPlane {
    pub(crate) fn audit_log(&self) -> PathBuf {
        self.dir().join("audit.log")
    }

    /// Everything the API server was asked so far, oldest answer first. The API server's own calls are left
    /// out.
    ///
    /// # Guarantees
    /// A request that was answered before this call is in it: the log is read once a request of this call has
    /// appeared there, and that one's way through the API server is longer than the moment between an answer
    /// and its event.
    ///
    /// # Errors
    /// The API server is down.
    pub async fn audit(&self) -> Result<impl Iterator<Item = AuditEvent> + use<>> {
        self.audit_about("").await
    }

    /// As [`audit`](Self::audit), but only what has this text somewhere in its event; a group, for example.
    /// Nothing else is parsed, so that it is cheap in a long log.
    ///
    /// # Errors
    /// The API server is down.
    pub async fn audit_about(&self, text: &str) -> Result<impl Iterator<Item = AuditEvent> + use<>> {
        let client = self.client().await?;
        let marker = unique("marker");
        let request = http::Request::get(format!("/version?{marker}")).body(Vec::new())?;
        client.request_text(request).await.context("mark the audit log")?;
        let log = until("the audit log is written", Duration::from_secs(30), async || {
            let log = fs::read_to_string(self.audit_log()).context("read the audit log")?;
            Ok(log.contains(&marker).then_some(log))
        })
        .await?;
        let complete = log.rfind('\n').map_or("", |end| &log[..end]);
        let lines = complete.lines().filter(|line| line.contains(text));
        let events: Result<Vec<AuditEvent>, _> = lines.map(serde_json::from_str).collect();
        let events = events.context("parse the audit log")?;
        Ok(events.into_iter().filter(move |event| !event.request_uri.contains(&marker)))
    }
}

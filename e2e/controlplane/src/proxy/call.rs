//! One request as the proxy saw it.

use std::sync::atomic::{AtomicU16, Ordering};

use http::Method;
use http::request::Parts;
use hyper::body::Bytes;

/// One request that reached the proxy.
///
/// Rules match on it, and [`super::FaultProxy::requests`] lists it.
#[derive(Debug)]
pub struct Call {
    /// How many requests came before it.
    pub number: u64,
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: Method,
    /// The path without the query, for example `/api/v1/namespaces/default/configmaps`.
    pub path: String,
    /// The query without its question mark, encoded as it came.
    pub query: String,
    /// Whether it asks for a stream of events.
    pub watch: bool,
    /// The whole body; empty for reads.
    pub body: Bytes,
    /// Which program asks.
    pub user_agent: String,
    status: AtomicU16,
}

impl Call {
    pub(super) fn new(number: u64, parts: &Parts, body: Bytes) -> Self {
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let watch = query.split('&').any(|pair| matches!(pair, "watch" | "watch=1" | "watch=true"));
        let agent = parts.headers.get(http::header::USER_AGENT).and_then(|value| value.to_str().ok());
        Self {
            number,
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            query,
            watch,
            body,
            user_agent: agent.unwrap_or_default().to_owned(),
            status: AtomicU16::new(0),
        }
    }

    /// The HTTP status the client was given; `None` while it waits, and when the connection was closed
    /// instead.
    pub fn status(&self) -> Option<u16> {
        Some(self.status.load(Ordering::Acquire)).filter(|status| *status != 0)
    }

    pub(super) fn answered(&self, status: u16) {
        self.status.store(status, Ordering::Release);
    }
}

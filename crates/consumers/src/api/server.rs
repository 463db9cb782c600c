use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, Request};
use kube::client::Body;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::Refusal;

/// The API server. Every call ends in time, and none is repeated behind the caller's back.
#[derive(Clone)]
pub(crate) struct Server {
    client: kube::Client,
    timeout: Duration,
}

impl Server {
    pub(crate) fn new(client: kube::Client, timeout: Duration) -> Self {
        Self { client, timeout }
    }

    /// Makes a call, and reads what is of interest in its answer.
    pub(crate) async fn call<T: DeserializeOwned>(&self, request: Request<Vec<u8>>) -> Result<T, Refusal> {
        let call = timeout(self.timeout, self.call_unlimited(request));
        let body = call.await.unwrap_or(Err(Refusal::Timeout { after: self.timeout }))?;
        serde_json::from_slice(&body).map_err(|error| Refusal::Unreadable { reason: error.to_string() })
    }

    async fn call_unlimited(&self, request: Request<Vec<u8>>) -> Result<Bytes, Refusal> {
        let answer = self.client.send(request.map(Body::from)).await;
        let answer = answer.map_err(|error| Refusal::from_client(&error))?;
        let (status, retry_after) = (answer.status(), retry_after(answer.headers()));
        let body = answer.into_body().collect_bytes().await;
        if status.is_success() {
            return body.map_err(|error| Refusal::from_client(&error));
        }
        Err(Refusal::from_answer(status, retry_after, &body.unwrap_or_default()))
    }
}

/// Only whole seconds: the form with a date (RFC 9110, 10.2.3) is never sent by API servers, and
/// would need clocks that agree.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, Request};
use kube::client::Body;
use tokio::time::timeout;

use crate::api::Refusal;

/// The API server, as far as this crate talks to it. Every call ends in time.
#[derive(Clone)]
pub(crate) struct Server {
    client: kube::Client,
    timeout: Duration,
}

impl Server {
    pub(crate) fn new(client: kube::Client, timeout: Duration) -> Self {
        Self { client, timeout }
    }

    /// Makes a call and reads its whole answer.
    pub(crate) async fn call(&self, request: Request<Body>) -> Result<Bytes, Refusal> {
        timeout(self.timeout, self.call_unlimited(request))
            .await
            .unwrap_or(Err(Refusal::Timeout { after: self.timeout }))
    }

    async fn call_unlimited(&self, request: Request<Body>) -> Result<Bytes, Refusal> {
        let body = self.open_unlimited(request).await?;
        body.collect_bytes().await.map_err(|error| Refusal::from_client(&error))
    }

    /// Makes a call whose answer goes on; its beginning must come in time.
    pub(crate) async fn open(&self, request: Request<Body>) -> Result<Body, Refusal> {
        timeout(self.timeout, self.open_unlimited(request))
            .await
            .unwrap_or(Err(Refusal::Timeout { after: self.timeout }))
    }

    async fn open_unlimited(&self, request: Request<Body>) -> Result<Body, Refusal> {
        let answer = self.client.send(request).await.map_err(|error| Refusal::from_client(&error))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer.into_body());
        }
        let retry_after = retry_after(answer.headers());
        let body = answer.into_body().collect_bytes().await.unwrap_or_default();
        Err(Refusal::from_answer(status, retry_after, &body))
    }
}

/// Only whole seconds: the form with a date (RFC 9110, 10.2.3) is never sent by API servers, and
/// would need clocks that agree.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use kube::client::Body;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::error::LONGEST_ANSWER;
use super::{ApiError, Endpoint, PageSize, goes_on};
use crate::wire::{Metadata, decode_metadata, decode_metadata_page};

/// What is read of an answer that is no success. A `Status` has a few hundred bytes.
const LONGEST_STATUS: usize = 64 << 10;

/// How many objects a page of a list has at most.
const PAGE: u32 = 500;

/// How often a list is begun again because its continue token has expired.
const EXPIRIES: u32 = 3;

/// The API server. Every call ends in time, and none is repeated behind the caller's back.
///
/// # Assumptions
///
/// The client makes no retries of its own (`kube::Config::default_retry` is off), and reading has no
/// timeout, which would cut a watch that is quiet.
#[derive(Clone)]
pub struct Server {
    client: kube::Client,
    timeout: Duration,
}

/// With 30 s for each call.
impl From<kube::Client> for Server {
    fn from(client: kube::Client) -> Self {
        Self::new(client, Duration::from_secs(30))
    }
}

impl Server {
    /// A server whose calls may take so long each.
    pub fn new(client: kube::Client, timeout: Duration) -> Self {
        Self { client, timeout }
    }

    /// Makes a call, and reads what is of interest in its answer.
    ///
    /// # Errors
    ///
    /// What the server says, or what kept it from saying anything; [`ApiError::Unreadable`] if the
    /// answer is no `T`, and [`ApiError::TooLarge`] if it does not end.
    pub async fn call<T: DeserializeOwned>(&self, request: Request<Vec<u8>>) -> Result<T, ApiError> {
        let body = self.bytes(request).await?;
        serde_json::from_slice(&body).map_err(|error| ApiError::Unreadable { reason: error.to_string() })
    }

    /// Makes a call that answers with one object.
    ///
    /// # Errors
    ///
    /// As [`Server::call`].
    pub async fn metadata(&self, request: Request<Vec<u8>>) -> Result<Metadata, ApiError> {
        decode_metadata(&self.bytes(request).await?)
    }

    /// Lists objects, in a namespace or everywhere: consistently, by pages, metadata only. Each object
    /// is added to what there is, so that no more is kept of it than is of use; one that cannot be read
    /// is added as an error. Where the list has to be begun again, since it has taken longer than its
    /// continue token lives, everything is.
    ///
    /// # Errors
    ///
    /// As [`Server::call`], and the first error of `add`.
    pub async fn list<T: Default>(
        &self,
        endpoint: &Endpoint,
        namespace: Option<&str>,
        selector: &str,
        mut add: impl FnMut(&mut T, Result<Metadata, ApiError>) -> Result<(), ApiError>,
    ) -> Result<T, ApiError> {
        let (mut all, mut token, mut pages, mut expiries) = (T::default(), String::new(), 0, 0);
        let mut size = PageSize::new(PAGE);
        loop {
            let request = endpoint.list(namespace, selector, size.limit(), &token);
            let body = match self.bytes(request).await {
                Ok(body) => body,
                Err(ApiError::TooLarge) if size.shrink() => continue,
                // The token that comes with this answer would continue with an inconsistent list.
                Err(ApiError::Expired) if !token.is_empty() && expiries < EXPIRIES => {
                    (all, token, pages, expiries) = (T::default(), String::new(), 0, expiries + 1);
                    continue;
                }
                Err(error) => return Err(error),
            };
            size.read(body.len());
            let page = decode_metadata_page(&body, size.limit())?;
            for object in page.items {
                add(&mut all, object.try_into())?;
            }
            let Some(next) = page.continue_token else { return Ok(all) };
            pages += 1;
            goes_on(pages, Some(&token), &next)?;
            token = next.into_owned();
        }
    }

    /// Makes a call, and has its whole answer.
    ///
    /// # Errors
    ///
    /// As [`Server::call`].
    pub async fn bytes(&self, request: Request<Vec<u8>>) -> Result<Bytes, ApiError> {
        self.in_time(async {
            let body = self.send(request).await?;
            collect(body, LONGEST_ANSWER).await
        })
        .await
    }

    /// Makes a call whose answer goes on; its beginning must come in time. Whoever reads it limits how
    /// much of it is kept.
    ///
    /// # Errors
    ///
    /// As [`Server::call`].
    pub async fn open(&self, request: Request<Vec<u8>>) -> Result<Body, ApiError> {
        self.in_time(self.send(request)).await
    }

    async fn in_time<T>(&self, call: impl Future<Output = Result<T, ApiError>>) -> Result<T, ApiError> {
        timeout(self.timeout, call).await.unwrap_or(Err(ApiError::Timeout { after: self.timeout }))
    }

    async fn send(&self, request: Request<Vec<u8>>) -> Result<Body, ApiError> {
        let answer = self.client.send(request.map(Body::from)).await;
        let answer = answer.map_err(|error| ApiError::from_client(&error))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer.into_body());
        }
        let retry_after = retry_after(answer.headers());
        let body = collect(answer.into_body(), LONGEST_STATUS).await.unwrap_or_default();
        Err(ApiError::from_answer(status, retry_after, &body))
    }
}

/// A whole body, if it has no more than `most` bytes.
async fn collect(mut body: Body, most: usize) -> Result<Bytes, ApiError> {
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ApiError::from_client(&error))?;
        let Ok(chunk) = frame.into_data() else { continue };
        if read.len() + chunk.len() > most {
            return Err(ApiError::TooLarge);
        }
        read.extend_from_slice(&chunk);
    }
    Ok(read.into())
}

/// Only whole seconds: the form with a date (RFC 9110, 10.2.3) is never sent by API servers, and
/// would need clocks that agree.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

use std::sync::Arc;

use bytes::Bytes;
use rewitness_messaging::{ResourceId, Uid};
use serde_json::Value;

use super::hold_calls::HoldCalls;
use super::patch::Seen;
use crate::Error;
use crate::call::{ApiError, Endpoint};
use crate::discovery::Discovery;

/// How often a change of finalizers is tried while others change them too.
pub(super) const ATTEMPTS: u32 = 5;

/// Reads and changes finalizers.
pub(crate) struct Finalizers {
    pub(crate) discovery: Discovery,
    pub(crate) hold_calls: HoldCalls,
}

/// A resource as it was just read.
pub(super) struct Live {
    pub(super) seen: Seen,
    pub(super) body: Bytes,
}

impl Finalizers {
    /// The resource now; `None` if it has gone, or its name is another's.
    pub(super) async fn read(
        &self,
        endpoint: &Endpoint,
        resource: &ResourceId,
    ) -> Result<Option<Live>, ApiError> {
        let request = endpoint.get(resource.namespace.as_deref(), &resource.name);
        let body = match self.discovery.server().bytes(request).await {
            Ok(body) => body,
            Err(ApiError::NoObject) => return Ok(None),
            Err(error) => return Err(error),
        };
        let seen = Seen::parse(&body)?;
        Ok((Uid::new(&seen.uid) == resource.uid).then_some(Live { seen, body }))
    }

    pub(super) async fn write(
        &self,
        endpoint: &Endpoint,
        resource: &ResourceId,
        patch: Value,
    ) -> Result<Bytes, ApiError> {
        let request = endpoint.json_patch(resource.namespace.as_deref(), &resource.name, &patch);
        self.discovery.server().bytes(request).await
    }

    /// The path of a kind; looked for again if the former one is not there any more.
    pub(super) async fn endpoint(
        &self,
        resource: &ResourceId,
        was_wrong: bool,
    ) -> Result<Arc<Endpoint>, Error> {
        if was_wrong {
            self.discovery.forget(&resource.kind);
        }
        let found = self.discovery.find(&resource.kind, None).await;
        found
            .map_err(|error| Error::Discover { error })?
            .ok_or_else(|| Error::NotServed { kind: resource.kind.clone() })
    }
}

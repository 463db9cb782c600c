//! Holds on Kubernetes: one finalizer per holding subscription.
//!
//! # Guarantees
//!
//! - Every patch tests the uid and the whole list of finalizers as it was read, so that it applies
//!   to that resource in that state or not at all: no other resource of the same name, no finalizer
//!   of somebody else, and not their order, is ever touched.
//! - A resource that has gone, or whose name another has taken, counts as done.
//!
//! # Caveats
//!
//! An API server refuses to add a finalizer to a resource that is being deleted. Whether a hold
//! got onto a resource in time is known only from an answer or a watch that shows it there.

mod adopt;
mod holds;
mod lane;
mod marking;
mod name;
mod patch;
mod protect;
mod release;

use std::sync::Arc;

use crate::call::{ApiError, Endpoint, Server};
use bytes::Bytes;
use rewitness_messaging::{ResourceId, Uid};
use serde_json::Value;

use crate::Error;
use crate::discovery::Discovery;

pub use holds::{Held, Holds, Survey, TakenOff};
pub(crate) use lane::AdoptionLane;
pub(crate) use marking::Marking;
pub use name::check_name;
use patch::Seen;
pub use protect::{is_protected_namespace, protected};

/// How often a change of finalizers is tried while others change them too.
const ATTEMPTS: u32 = 5;

/// Reads and changes finalizers.
pub(crate) struct Finalizers {
    pub(crate) server: Server,
    pub(crate) discovery: Arc<Discovery>,
    pub(crate) marking: Marking,
}

/// A resource as it was just read.
struct Live {
    seen: Seen,
    body: Bytes,
}

impl Finalizers {
    /// The resource now; `None` if it has gone, or its name is another's.
    async fn read(&self, endpoint: &Endpoint, resource: &ResourceId) -> Result<Option<Live>, ApiError> {
        let request = endpoint.get(resource.namespace.as_deref(), &resource.name);
        let body = match self.server.bytes(request).await {
            Ok(body) => body,
            Err(ApiError::NoObject) => return Ok(None),
            Err(refusal) => return Err(refusal),
        };
        let seen = Seen::parse(&body)?;
        Ok((Uid::new(&seen.uid) == resource.uid).then_some(Live { seen, body }))
    }

    async fn write(
        &self,
        endpoint: &Endpoint,
        resource: &ResourceId,
        patch: Value,
    ) -> Result<Bytes, ApiError> {
        let request = endpoint.json_patch(resource.namespace.as_deref(), &resource.name, &patch);
        self.server.bytes(request).await
    }

    /// The path of a kind; looked for anew if the former one is not there any more.
    async fn endpoint(&self, resource: &ResourceId, was_wrong: bool) -> Result<Arc<Endpoint>, Error> {
        if was_wrong {
            self.discovery.forget(&resource.kind);
        }
        let found = self.discovery.find(&resource.kind, None).await;
        found
            .map_err(|refusal| Error::Discover { refusal })?
            .ok_or_else(|| Error::NotServed { kind: resource.kind.clone() })
    }
}

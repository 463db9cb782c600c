use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::call::{ApiError, Endpoint, Server};
use rewitness_messaging::Kind;

use crate::Error;

/// What a queue does with a kind.
const NEEDED: [&str; 2] = ["list", "watch"];

/// By which paths kinds are served, as last found. One kind is looked for at a time, in its own
/// group alone, so that what is broken in other groups does not matter.
pub(crate) struct Catalog {
    server: Server,
    found: Mutex<HashMap<Kind, Arc<Endpoint>>>,
}

impl Catalog {
    pub(crate) fn new(server: Server) -> Self {
        Self { server, found: Mutex::default() }
    }

    /// The path, as last found, or else as found now.
    pub(crate) async fn endpoint(&self, kind: &Kind) -> Result<Arc<Endpoint>, Error> {
        let known = self.found.lock().unwrap_or_else(PoisonError::into_inner).get(kind).cloned();
        match known {
            Some(endpoint) => Ok(endpoint),
            None => self.endpoint_now(kind).await,
        }
    }

    /// The path, as found now.
    pub(crate) async fn endpoint_now(&self, kind: &Kind) -> Result<Arc<Endpoint>, Error> {
        let found = self.find(kind).await.map_err(|refusal| Error::Discover { refusal })?;
        found.ok_or_else(|| Error::NotServed { kind: kind.clone() })
    }

    /// Looks for a kind. `None` is certain: the group, or each of its versions, answered, and does
    /// not have it.
    pub(crate) async fn find(&self, kind: &Kind) -> Result<Option<Arc<Endpoint>>, ApiError> {
        for version in self.server.versions(&kind.group).await? {
            if let Some(endpoint) = self.server.find(kind, &version, &NEEDED).await? {
                let endpoint = Arc::new(endpoint);
                let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
                found.insert(kind.clone(), endpoint.clone());
                return Ok(Some(endpoint));
            }
        }
        self.found.lock().unwrap_or_else(PoisonError::into_inner).remove(kind);
        Ok(None)
    }
}

pub(super) fn is_watchable(verbs: &[String]) -> bool {
    NEEDED.iter().all(|needed| verbs.iter().any(|verb| verb == needed))
}

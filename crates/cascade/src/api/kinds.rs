use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rewitness_messaging::Kind;
use tokio::time::Instant;

use super::{ApiError, Endpoint, Server};

/// A kind, and the version by which somebody knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct KindRef {
    pub(crate) kind: Kind,
    pub(crate) version: String,
}

/// Whether and where a kind is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Served {
    /// There.
    By(Arc<Endpoint>),
    /// Nowhere: the group, or each of its versions, answered, and does not have it.
    Not,
}

/// Which kinds the server serves, as found in the last minute. One kind is looked for at a time, in
/// its own group alone, so that what is broken in other groups does not matter.
pub(crate) struct Kinds {
    server: Server,
    found: Mutex<HashMap<KindRef, (Instant, Arc<Endpoint>)>>,
}

/// How long what was found is taken for granted. What is no longer so shows itself earlier, by the
/// answer to a list.
const FRESH: Duration = Duration::from_secs(60);

impl Kinds {
    pub(crate) fn new(server: Server) -> Self {
        Self { server, found: Mutex::default() }
    }

    /// Where a kind is served: by the version that was named, or else by another of its group,
    /// since the objects are the same.
    pub(crate) async fn find(&self, wanted: &KindRef) -> Result<Served, ApiError> {
        if let Some(endpoint) = self.known(wanted) {
            return Ok(Served::By(endpoint));
        }
        if let Some(endpoint) = self.look(wanted, &wanted.version).await? {
            return Ok(Served::By(endpoint));
        }
        for version in self.server.versions(&wanted.kind.group).await? {
            if let Some(endpoint) = self.look(wanted, &version).await? {
                return Ok(Served::By(endpoint));
            }
        }
        Ok(Served::Not)
    }

    /// Looks again at the next chance, because a list said that the kind is not there.
    pub(crate) fn forget(&self, kind: &KindRef) {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).remove(kind);
    }

    fn known(&self, kind: &KindRef) -> Option<Arc<Endpoint>> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, endpoint) = found.get(kind)?;
        (at.elapsed() < FRESH).then(|| endpoint.clone())
    }

    async fn look(&self, wanted: &KindRef, version: &str) -> Result<Option<Arc<Endpoint>>, ApiError> {
        let Some(endpoint) = self.server.find(&wanted.kind, version, &["list"]).await? else {
            return Ok(None);
        };
        let endpoint = Arc::new(endpoint);
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.insert(wanted.clone(), (Instant::now(), endpoint.clone()));
        Ok(Some(endpoint))
    }
}

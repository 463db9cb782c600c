use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::HeaderValue;
use rewitness_messaging::Kind;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::Error;
use crate::api::{Endpoint, Refusal, Server, get};

/// By which paths kinds are served, as last found. One kind is looked for at a time, in its own
/// group alone, so that what is broken in other groups does not matter.
pub(crate) struct Catalog {
    server: Server,
    found: Mutex<HashMap<Kind, Arc<Endpoint>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    #[serde(default)]
    versions: Vec<GroupVersion>,
    preferred_version: Option<GroupVersion>,
}

#[derive(Deserialize, PartialEq)]
struct GroupVersion {
    version: String,
}

#[derive(Deserialize)]
struct Resources {
    #[serde(default)]
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    name: String,
    kind: String,
    namespaced: bool,
    #[serde(default)]
    verbs: Vec<String>,
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
    pub(crate) async fn find(&self, kind: &Kind) -> Result<Option<Arc<Endpoint>>, Refusal> {
        for version in self.versions(&kind.group).await? {
            let path = match &*kind.group {
                "" => format!("/api/{version}"),
                group => format!("/apis/{group}/{version}"),
            };
            let Some(Resources { resources }) = self.get(path).await? else { continue };
            let served = resources.iter().find(|resource| {
                resource.kind == *kind.kind && !resource.name.contains('/') && is_watchable(&resource.verbs)
            });
            if let Some(resource) = served {
                let endpoint = Arc::new(Endpoint::of(kind, &version, &resource.name, resource.namespaced));
                let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
                found.insert(kind.clone(), endpoint.clone());
                return Ok(Some(endpoint));
            }
        }
        self.found.lock().unwrap_or_else(PoisonError::into_inner).remove(kind);
        Ok(None)
    }

    /// The versions of a group, the preferred one first.
    async fn versions(&self, group: &str) -> Result<Vec<String>, Refusal> {
        if group.is_empty() {
            return Ok(vec!["v1".to_owned()]);
        }
        let Some(group) = self.get::<Group>(format!("/apis/{group}")).await? else { return Ok(Vec::new()) };
        let others =
            group.versions.into_iter().filter(|version| Some(version) != group.preferred_version.as_ref());
        let others: Vec<GroupVersion> = others.collect();
        Ok(group.preferred_version.into_iter().chain(others).map(|version| version.version).collect())
    }

    async fn get<T: DeserializeOwned>(&self, path: String) -> Result<Option<T>, Refusal> {
        match self.server.call(get(path, HeaderValue::from_static("application/json"))).await {
            Ok(body) => parse(&body).map(Some),
            Err(Refusal::NoPath | Refusal::NoObject) => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }
}

pub(super) fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::Unreadable { reason: error.to_string() })
}

pub(super) fn is_watchable(verbs: &[String]) -> bool {
    ["list", "watch"].iter().all(|wanted| verbs.iter().any(|verb| verb == wanted))
}

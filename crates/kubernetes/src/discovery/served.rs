//! Reading everything that the server serves, for names that people type.

use crate::call::{ApiError, Server, get, get_document, root};
use http::header::HeaderValue;
use kube::client::APIGroupDiscoveryList;
use rewitness_messaging::Kind;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::resolver::ResolvedKind;

/// Aggregated discovery (KEP-3352): everything in two answers. Older servers answer with the
/// plain list of groups, which is the last choice.
const AGGREGATED: HeaderValue = HeaderValue::from_static(
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
     application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json",
);

/// What is served, in the server's order of preference, and which group versions cannot be read.
#[derive(Debug, Default)]
pub(super) struct Served {
    pub(super) kinds: Vec<ResolvedKind>,
    pub(super) broken: Vec<String>,
}

impl Served {
    pub(super) async fn read(server: &Server) -> Result<Self, ApiError> {
        let mut served = Self::default();
        // The core group goes before all others.
        served.read_root(server, "/api").await?;
        served.read_root(server, "/apis").await?;
        Ok(served)
    }

    async fn read_root(&mut self, server: &Server, path: &str) -> Result<(), ApiError> {
        let body = server.bytes(get(path.to_owned(), AGGREGATED)).await?;
        let answer: Root = parse(&body)?;
        if answer.kind == "APIGroupDiscoveryList" {
            self.add_aggregated(parse(&body)?);
            return Ok(());
        }
        for (group, version) in answer.group_versions() {
            match server.call::<Resources>(get_document(root(&group, &version))).await {
                Ok(resources) => self.add_plain(&group, &version, resources),
                // One API service that is down must not hide the others.
                Err(_) => self.broken.push(format!("{group}/{version}")),
            }
        }
        Ok(())
    }

    pub(super) fn add_aggregated(&mut self, list: APIGroupDiscoveryList) {
        for group in list.items {
            let name = group.metadata.and_then(|metadata| metadata.name).unwrap_or_default();
            for version in group.versions {
                let version_name = version.version.unwrap_or_default();
                if version.freshness.as_deref() == Some("Stale") {
                    self.broken.push(format!("{name}/{version_name}"));
                }
                for resource in version.resources {
                    let kind = resource.response_kind.and_then(|kind| kind.kind).unwrap_or_default();
                    self.add(ResolvedKind {
                        kind: Kind::new(name.as_str(), kind),
                        plural: resource.resource.unwrap_or_default(),
                        singular: resource.singular_resource.unwrap_or_default(),
                        version: version_name.clone(),
                        namespaced: resource.scope.as_deref() == Some("Namespaced"),
                        verbs: resource.verbs,
                        short_names: resource.short_names,
                    });
                }
            }
        }
    }

    fn add_plain(&mut self, group: &str, version: &str, resources: Resources) {
        for resource in resources.resources.into_iter().filter(|resource| !resource.name.contains('/')) {
            self.add(ResolvedKind {
                kind: Kind::new(resource.group.as_deref().unwrap_or(group), resource.kind),
                plural: resource.name,
                singular: resource.singular_name,
                version: version.to_owned(),
                namespaced: resource.namespaced,
                verbs: resource.verbs,
                short_names: resource.short_names,
            });
        }
    }

    fn add(&mut self, mut kind: ResolvedKind) {
        if kind.singular.is_empty() {
            kind.singular = kind.kind.kind.to_lowercase();
        }
        if !kind.plural.is_empty() && !kind.kind.kind.is_empty() {
            self.kinds.push(kind);
        }
    }
}

/// What `/api` and `/apis` answer, of whichever kind.
#[derive(Deserialize)]
struct Root {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    versions: Vec<String>,
    #[serde(default)]
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    name: String,
    versions: Vec<GroupVersion>,
}

#[derive(Deserialize)]
struct GroupVersion {
    version: String,
}

#[derive(Deserialize)]
struct Resources {
    #[serde(default)]
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    name: String,
    #[serde(default)]
    singular_name: String,
    kind: String,
    group: Option<String>,
    namespaced: bool,
    #[serde(default)]
    verbs: Vec<String>,
    #[serde(default)]
    short_names: Vec<String>,
}

impl Root {
    fn group_versions(self) -> Vec<(String, String)> {
        let core = self.versions.into_iter().map(|version| (String::new(), version));
        let groups = self.groups.into_iter().flat_map(|group| {
            let Group { name, versions } = group;
            versions.into_iter().map(move |version| (name.clone(), version.version))
        });
        core.chain(groups).collect()
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| ApiError::Unreadable { reason: error.to_string() })
}

//! What a server says that it serves, decoded so that what is odd in one place stops no other: null and
//! absent are the default, each group and each resource is decoded by itself, and one that cannot be is
//! left out and named.

use rewitness_messaging::Kind;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::resolved_kind::ResolvedKind;
use crate::call::ApiError;

/// What is served, in the server's order of preference.
#[derive(Debug, Default)]
pub(super) struct Served {
    pub(super) kinds: Vec<ResolvedKind>,
    /// The group versions that cannot be read, or not as a whole.
    pub(super) broken: Vec<String>,
}

/// What aggregated discovery (KEP-3352) says.
#[derive(Debug, Default)]
pub(super) struct Aggregated {
    pub(super) served: Served,
    /// The groups that it has.
    pub(super) read: Vec<String>,
}

/// The groups of plain discovery, or the versions of the core group, whose name is empty.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PlainGroup {
    pub(super) name: String,
    /// The preferred one first.
    pub(super) versions: Vec<String>,
}

impl Served {
    fn add(&mut self, mut kind: ResolvedKind) {
        if kind.singular.is_empty() {
            kind.singular = kind.kind.kind.to_lowercase();
        }
        // What has only subresources, as what an adapter for metrics serves, is no kind.
        if !kind.plural.is_empty() && !kind.kind.kind.is_empty() {
            self.kinds.push(kind);
        }
    }

    pub(super) fn breaks(&mut self, group: &str, version: &str) {
        let broken = format!("{group}/{version}");
        if !self.broken.contains(&broken) {
            self.broken.push(broken);
        }
    }

    /// Adds what `/apis/GROUP/VERSION` says.
    pub(super) fn add_plain(&mut self, group: &str, version: &str, resources: Vec<Value>) {
        for resource in resources {
            let Ok(resource) = serde_json::from_value::<Resource>(resource) else {
                self.breaks(group, version);
                continue;
            };
            if resource.name.contains('/') {
                continue;
            }
            let group = if resource.group.is_empty() { group } else { &resource.group };
            self.add(ResolvedKind {
                kind: Kind::new(group, resource.kind),
                plural: resource.name,
                singular: resource.singular_name,
                version: version.to_owned(),
                namespaced: resource.namespaced,
                verbs: resource.verbs,
                short_names: resource.short_names,
            });
        }
    }

    fn add_aggregated(&mut self, group: &str, version: AggregatedVersion) {
        let AggregatedVersion { version, freshness, resources } = version;
        if freshness == "Stale" {
            self.breaks(group, &version);
        }
        for resource in resources {
            let Ok(resource) = serde_json::from_value::<AggregatedResource>(resource) else {
                self.breaks(group, &version);
                continue;
            };
            self.add(ResolvedKind {
                kind: Kind::new(group, resource.response_kind.kind),
                plural: resource.resource,
                singular: resource.singular_resource,
                version: version.clone(),
                namespaced: resource.scope == "Namespaced",
                verbs: resource.verbs,
                short_names: resource.short_names,
            });
        }
    }
}

/// Aggregated discovery, of which groups that cannot be read are left out. `None` if it is something
/// else.
pub(super) fn aggregated(body: &[u8]) -> Option<Aggregated> {
    let list = serde_json::from_slice::<AggregatedList>(body).ok()?;
    if list.kind != "APIGroupDiscoveryList" {
        return None;
    }
    let mut found = Aggregated::default();
    for group in list.items {
        let Ok(group) = serde_json::from_value::<AggregatedGroup>(group) else { continue };
        let versions: Result<Vec<AggregatedVersion>, _> =
            group.versions.into_iter().map(serde_json::from_value).collect();
        let Some(versions) = versions.ok().filter(|versions| !versions.is_empty()) else { continue };
        let name = group.metadata.name;
        for version in versions {
            found.served.add_aggregated(&name, version);
        }
        found.read.push(name);
    }
    Some(found)
}

/// What plain discovery says at `/api` or `/apis`.
pub(super) fn plain_groups(body: &[u8]) -> Result<Vec<PlainGroup>, ApiError> {
    let root: Root = decode(body)?;
    let core = (!root.versions.is_empty())
        .then(|| PlainGroup { name: String::new(), versions: texts(root.versions).collect() });
    let groups = root.groups.into_iter().filter_map(|group| serde_json::from_value::<Group>(group).ok());
    Ok(core.into_iter().chain(groups.map(Group::into_plain)).collect())
}

/// What plain discovery says at `/apis/GROUP`.
pub(super) fn plain_group(body: &[u8]) -> Result<PlainGroup, ApiError> {
    decode(body).map(Group::into_plain)
}

/// What plain discovery says at `/apis/GROUP/VERSION`; each to be decoded by itself.
pub(super) fn plain_resources(body: &[u8]) -> Result<Vec<Value>, ApiError> {
    decode::<Resources>(body).map(|document| document.resources)
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| ApiError::Unreadable { reason: error.to_string() })
}

fn texts(values: Vec<Value>) -> impl Iterator<Item = String> {
    values.into_iter().filter_map(|value| value.as_str().map(str::to_owned))
}

/// Null is the default: so writes Go an empty list.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// A structure of which each field may be absent or null.
macro_rules! document {
    ($(#[$about:meta])* $name:ident { $($field:ident: $type:ty),* $(,)? }) => {
        $(#[$about])*
        #[derive(Deserialize, Default)]
        #[serde(default, rename_all = "camelCase")]
        struct $name { $(#[serde(deserialize_with = "or_default")] $field: $type),* }
    };
}

document!(AggregatedList { kind: String, items: Vec<Value> });
document!(AggregatedGroup { metadata: Metadata, versions: Vec<Value> });
document!(Metadata { name: String });
document!(AggregatedVersion { version: String, freshness: String, resources: Vec<Value> });
document!(AggregatedResource {
    resource: String,
    response_kind: ResponseKind,
    singular_resource: String,
    scope: String,
    verbs: Vec<String>,
    short_names: Vec<String>,
});
document!(ResponseKind { kind: String });
document!(Root { versions: Vec<Value>, groups: Vec<Value> });
document!(Group { name: String, versions: Vec<Value>, preferred_version: GroupVersion });
document!(GroupVersion { version: String });
document!(Resources { resources: Vec<Value> });
document!(Resource {
    name: String,
    singular_name: String,
    kind: String,
    group: String,
    namespaced: bool,
    verbs: Vec<String>,
    short_names: Vec<String>,
});

impl Group {
    fn into_plain(self) -> PlainGroup {
        let preferred = self.preferred_version.version;
        let named = self.versions.into_iter().filter_map(|version| {
            serde_json::from_value::<GroupVersion>(version).ok().map(|version| version.version)
        });
        let mut versions: Vec<String> = named.filter(|version| !version.is_empty()).collect();
        if !preferred.is_empty() {
            versions.retain(|version| *version != preferred);
            versions.insert(0, preferred);
        }
        PlainGroup { name: self.name, versions }
    }
}

#[cfg(test)]
mod tests;

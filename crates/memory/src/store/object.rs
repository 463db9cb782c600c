use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rewitness_messaging::{Kind, ResourceId, Timestamp, Uid, Version};

/// A resource to be created.
///
/// ```
/// use rewitness_memory::Draft;
/// use rewitness_messaging::Kind;
///
/// let web = Draft::new(Kind::new("example.com", "Widget"), "web").in_namespace("team-a").labelled("app", "web");
/// ```
#[derive(Clone, Debug)]
pub struct Draft {
    pub(super) kind: Kind,
    pub(super) namespace: Option<Arc<str>>,
    pub(super) name: Arc<str>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) holds: BTreeSet<Arc<str>>,
}

impl Draft {
    /// A cluster-scoped resource without labels or holds.
    pub fn new(kind: Kind, name: impl Into<Arc<str>>) -> Self {
        Self { kind, namespace: None, name: name.into(), labels: BTreeMap::new(), holds: BTreeSet::new() }
    }

    /// In this namespace.
    pub fn in_namespace(mut self, namespace: impl Into<Arc<str>>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// With this label, too.
    pub fn labelled(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// With this hold on it from the beginning, too.
    pub fn held_by(mut self, hold: impl Into<Arc<str>>) -> Self {
        self.holds.insert(hold.into());
        self
    }
}

/// A resource as the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Object {
    /// Whose state this is.
    pub resource: ResourceId,
    /// Rises with every write.
    pub version: Version,
    /// Rises when the desired state changes or deletion is asked for; 1 at first.
    pub generation: i64,
    /// Since when it is being deleted.
    pub deletion_timestamp: Option<Timestamp>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What keeps it from going once it is deleted.
    pub holds: BTreeSet<Arc<str>>,
    /// Whether a reader can make sense of it; only a fault makes this false.
    pub(super) readable: bool,
}

impl Object {
    /// Whether a reader can make sense of it. See [`Store::corrupt`](crate::Store::corrupt).
    pub fn is_readable(&self) -> bool {
        self.readable
    }

    pub(super) fn created(new: Draft, uid: Uid) -> Self {
        let Draft { kind, namespace, name, labels, holds } = new;
        Self {
            resource: ResourceId { kind, namespace, name, uid },
            version: Version::UNKNOWN,
            generation: 1,
            deletion_timestamp: None,
            labels,
            holds,
            readable: true,
        }
    }

    pub(super) fn set_readable(&mut self, readable: bool) {
        self.readable = readable;
    }
}

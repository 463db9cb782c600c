//! What was read, as values: all that a verdict goes by.

use std::collections::BTreeMap;

use rewitness_cascade::{ParentReference, Preview};
use rewitness_crds::Cascade;
use rewitness_crds::cascade::Mode;
use rewitness_messaging::{Kind, ResourceId, Timestamp, Uid};

use crate::read::{Read, Unread};

/// All that was read for one verdict.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) now: Timestamp,
    /// What was asked about; without a uid, as that is what is read.
    pub(crate) asked: ResourceId,
    /// Whether the server serves its kind.
    pub(crate) is_served: bool,
    pub(crate) subject: Read<Option<Subject>>,
    /// Every Cascade; empty if Cascade is not installed.
    pub(crate) cascades: Read<Vec<Cascade>>,
    /// By uid, for the subject and for what it waits for: the Cascades whose parent it is.
    pub(crate) holdings: BTreeMap<Uid, Vec<Holding>>,
    /// The Cascades that would delete the subject with somebody else.
    pub(crate) belongings: Vec<Belonging>,
    /// Of a namespace that is being deleted.
    pub(crate) namespace: Option<Read<NamespaceFacts>>,
    /// Of a definition that is being deleted.
    pub(crate) definition: Option<Read<DefinitionFacts>>,
    /// What the subject's deletion in the foreground waits for.
    pub(crate) owned: Option<Content>,
    /// Events of the subject, the newest first.
    pub(crate) events: Read<Vec<Event>>,
    /// API services that are not available.
    pub(crate) unavailable: Read<Vec<ApiServiceFacts>>,
}

/// An object's metadata.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Subject {
    pub(crate) id: ResourceId,
    pub(crate) deleting: Option<Timestamp>,
    /// How long it has to end by itself, for what ends gracefully.
    pub(crate) grace_seconds: i64,
    pub(crate) finalizers: Vec<String>,
    pub(crate) labels: BTreeMap<String, String>,
    /// Whom it blocks when they are deleted in the foreground.
    pub(crate) blocks: Vec<Uid>,
    /// By finalizer: who put it there, as the server noted it.
    pub(crate) writers: BTreeMap<String, Writer>,
}

/// Who wrote a field, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Writer {
    pub(crate) manager: String,
    pub(crate) at: Option<Timestamp>,
}

/// A Cascade of which an object is a parent.
#[derive(Clone, Debug)]
pub(crate) struct Holding {
    pub(crate) cascade: String,
    /// Whether its finalizer is on the object.
    pub(crate) is_held: bool,
    /// What the object's deletion takes along by it.
    pub(crate) preview: Read<Preview>,
}

/// A Cascade that deletes the subject with a parent.
#[derive(Clone, Debug)]
pub(crate) struct Belonging {
    pub(crate) cascade: String,
    pub(crate) mode: Mode,
    pub(crate) parent_kind: Kind,
    pub(crate) reference: ParentReference,
    /// The parent, if there is one.
    pub(crate) parent: Read<Option<Subject>>,
}

/// What is left of some kinds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Content {
    pub(crate) kinds: Vec<KindContent>,
    pub(crate) unread: Vec<Unread>,
}

/// What is left of one kind.
#[derive(Clone, Debug)]
pub(crate) struct KindContent {
    pub(crate) kind: Kind,
    pub(crate) count: u64,
    /// The first of them.
    pub(crate) some: Vec<Subject>,
}

/// A namespace that is being deleted.
#[derive(Clone, Debug, Default)]
pub(crate) struct NamespaceFacts {
    /// Those of its spec, which only its subresource takes off.
    pub(crate) finalizers: Vec<String>,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) content: Content,
}

/// A condition that says that something is amiss.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) kind: String,
    pub(crate) message: String,
}

/// A definition that is being deleted.
#[derive(Clone, Debug)]
pub(crate) struct DefinitionFacts {
    pub(crate) defined: Kind,
    /// What Kubernetes says of its deletion.
    pub(crate) terminating: Option<String>,
    pub(crate) content: Content,
}

/// An Event of the subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) is_warning: bool,
    pub(crate) by: String,
    pub(crate) reason: String,
    pub(crate) message: String,
    /// The uid of what else it is about: of the Cascade, if the operator recorded it.
    pub(crate) related: Option<String>,
    pub(crate) at: Option<Timestamp>,
}

/// An API service that is not available.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiServiceFacts {
    pub(crate) name: String,
    pub(crate) group: String,
    pub(crate) message: String,
}

impl Facts {
    /// A Cascade by its name; `None` if there is none.
    pub(crate) fn cascade(&self, name: &str) -> Read<Option<&Cascade>> {
        let cascades = self.cascades.as_ref().map_err(Clone::clone)?;
        Ok(cascades.iter().find(|one| one.metadata.name.as_deref() == Some(name)))
    }
}

impl Subject {
    pub(crate) fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(String::as_str)
    }
}

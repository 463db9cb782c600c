//! What was read, as values: all that a report goes by.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use rewitness_cascade::Right;
use rewitness_crds::Cascade;
use rewitness_messaging::{Kind, ResourceId, Timestamp};

use crate::read::Read;
use crate::served::Served;

/// The version of Cascade that this program reads and writes.
pub(crate) const VERSION: &str = "v1alpha1";

/// All that was read for one report.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) now: Timestamp,
    /// The server, as notes name it.
    pub(crate) place: String,
    pub(crate) version: Read<Version>,
    /// Who the caller is to the server; `None` if it cannot tell yet.
    pub(crate) user: Read<Option<String>>,
    pub(crate) served: Read<Served>,
    /// The definition of Cascade, if it is installed.
    pub(crate) definition: Read<Option<CustomResourceDefinition>>,
    pub(crate) cascades: Read<CascadeList>,
    pub(crate) phase: Phase,
}

/// What is read besides, before installing and after.
#[derive(Clone, Debug)]
pub(crate) enum Phase {
    Before { rights: Vec<Asked> },
    After { scan: Scan },
}

/// The server's version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    /// As `v1.36.2`.
    pub(crate) text: String,
    /// Major and minor, if they are numbers.
    pub(crate) number: Option<(u32, u32)>,
}

/// The Cascades of the cluster.
#[derive(Clone, Debug, Default)]
pub(crate) struct CascadeList {
    pub(crate) items: Vec<Cascade>,
    /// Whether there are more than were read.
    pub(crate) is_cut: bool,
}

/// What somebody who installs does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Definition,
    Roles,
    Binding,
    /// Nobody can grant by a role what they do not have, unless they have this.
    Escalation,
    /// What the role grants.
    Granted,
}

/// A right that was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) purpose: Purpose,
    pub(crate) right: Right,
    pub(crate) granted: Read<bool>,
}

/// Which objects carry finalizers of ours.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scan {
    pub(crate) kinds: u64,
    pub(crate) objects: u64,
    pub(crate) carried: Vec<Carried>,
    /// Kinds that may not be listed, by their plurals.
    pub(crate) forbidden: Vec<String>,
    /// Kinds that could not be listed for other reasons, in the server's words.
    pub(crate) unread: Vec<String>,
    /// Kinds of which there was more than is looked at, by their plurals.
    pub(crate) cut: Vec<String>,
}

/// A finalizer of ours on objects of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Carried {
    pub(crate) finalizer: String,
    pub(crate) kind: Kind,
    pub(crate) namespaced: bool,
    pub(crate) objects: Vec<Carrier>,
}

/// An object that carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Carrier {
    pub(crate) id: ResourceId,
    pub(crate) deleting: Option<Timestamp>,
}

impl Facts {
    /// The Cascades that were read.
    pub(crate) fn known_cascades(&self) -> &[Cascade] {
        self.cascades.as_ref().map(|list| &*list.items).unwrap_or_default()
    }
}

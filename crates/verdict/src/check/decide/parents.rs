//! The parents of a Cascade, as it names them.

use rewitness_crds::cascade::HeldParent;
use rewitness_crds::{ApiVersion, Cascade};
use rewitness_messaging::{Kind, ResourceId, Uid};

/// A kind by the version that it is written with.
pub(super) fn kind(api_version: &str, kind: &str) -> Kind {
    let group = api_version.parse().map(|version: ApiVersion| version.group).unwrap_or_default();
    Kind::new(group, kind)
}

/// Whose deletion a Cascade is about.
pub(super) fn parent_kind(cascade: &Cascade) -> Kind {
    kind(&cascade.spec.parent.api_version, &cascade.spec.parent.kind)
}

/// A parent that the status names.
pub(super) fn parent(cascade: &Cascade, held: &HeldParent) -> ResourceId {
    ResourceId {
        kind: parent_kind(cascade),
        namespace: held.namespace.as_deref().map(Into::into),
        name: (&*held.name).into(),
        uid: Uid::new(&held.uid),
    }
}

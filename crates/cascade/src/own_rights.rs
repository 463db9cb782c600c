//! What the operator needs beside what its rules do.

use rewitness_crds::{CASCADES, GROUP};

use super::rights::Right;

/// The rights of `rewitness run` without any rule. What every account may do is not among them:
/// to read what is served, and to ask for its own rights.
pub fn own_rights() -> Vec<Right> {
    let cascades = ["get", "list", "watch", "patch"].map(|verb| Right::new(verb, GROUP, "cascades"));
    let status = Right::new("patch", GROUP, "cascades/status");
    // The uninstall mark, and its acknowledgement.
    let definition = ["get", "list", "watch", "patch"]
        .map(|verb| Right::new(verb, "apiextensions.k8s.io", "customresourcedefinitions").named(CASCADES));
    // In the parents' namespaces, and in `default`.
    let events = Right::new("create", "events.k8s.io", "events");
    cascades.into_iter().chain([status]).chain(definition).chain([events]).collect()
}

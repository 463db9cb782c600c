use rewitness_messaging::Kind;

use crate::call::Endpoint;

/// A kind, and how the server serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResolvedKind {
    /// The kind.
    pub kind: Kind,
    /// Its plural in lower case, as it stands in paths and rights.
    pub plural: String,
    /// Its singular in lower case.
    pub singular: String,
    /// The version it was found in.
    pub version: String,
    /// Whether its resources live in namespaces.
    pub namespaced: bool,
    /// What can be done with it: `list`, `watch`, `patch`, …
    pub verbs: Vec<String>,
    /// Its short names.
    pub short_names: Vec<String>,
}

impl ResolvedKind {
    /// Whether it can be listed and watched, which is what a queue needs.
    pub fn is_watchable(&self) -> bool {
        self.can(&["list", "watch"])
    }

    pub(super) fn can(&self, verbs: &[&str]) -> bool {
        verbs.iter().all(|needed| self.verbs.iter().any(|verb| verb == needed))
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::of(&self.kind, &self.version, &self.plural, self.namespaced)
    }
}

/// The plural with its group, as `widgets.example.com`.
impl std::fmt::Display for ResolvedKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.endpoint(), f)
    }
}

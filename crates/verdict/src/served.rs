//! What the server serves.

use std::collections::BTreeSet;

use rewitness_kubernetes::{ResolvedKind, Resolver};
use rewitness_messaging::Kind;

/// What the server serves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Served {
    /// Every kind in every version, as (group, version, kind).
    pub(crate) versions: BTreeSet<(String, String, String)>,
    /// Each kind that can be listed, once, in its preferred version.
    pub(crate) kinds: Vec<ResolvedKind>,
    /// Group versions that do not answer.
    pub(crate) broken: Vec<String>,
}

impl Served {
    pub(crate) fn of(resolver: &Resolver) -> Self {
        let mut served = Self { broken: resolver.broken().to_vec(), ..Self::default() };
        for kind in resolver.kinds() {
            let (group, name) = (kind.kind.group.to_string(), kind.kind.kind.to_string());
            served.versions.insert((group, kind.version.clone(), name));
            let can_list = kind.verbs.iter().any(|verb| verb == "list");
            if can_list && served.listed(&kind.kind).is_none() {
                served.kinds.push(kind.clone());
            }
        }
        served
    }

    /// How a kind that can be listed is served.
    pub(crate) fn listed(&self, kind: &Kind) -> Option<&ResolvedKind> {
        self.kinds.iter().find(|one| one.kind == *kind)
    }

    /// What the server calls its kinds: `clusters.example.com`.
    pub(crate) fn types(&self) -> impl Iterator<Item = (Kind, String)> {
        self.kinds.iter().map(|kind| (kind.kind.clone(), kind.to_string()))
    }

    pub(crate) fn has(&self, group: &str, version: &str, kind: &str) -> bool {
        self.versions.contains(&(group.to_owned(), version.to_owned(), kind.to_owned()))
    }

    /// Whether a kind is served in any version; `None` if its group cannot say so at present.
    pub(crate) fn serves(&self, kind: &Kind) -> Option<bool> {
        let is_it =
            |(group, _, name): &(String, String, String)| *group == *kind.group && *name == *kind.kind;
        let is_of_group = |version: &String| version.split('/').next() == Some(&*kind.group);
        match self.versions.iter().any(is_it) {
            true => Some(true),
            false if self.broken.iter().any(is_of_group) => None,
            false => Some(false),
        }
    }
}

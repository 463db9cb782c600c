//! From what was typed to the object that is meant.

use rewitness_kubernetes::{Error, ResolvedKind, Resolver};
use rewitness_messaging::{Kind, ResourceId};

use crate::error::wrong_use;
use crate::link::Link;

/// The object that is meant, and what the server serves.
pub(super) struct Target {
    pub(super) asked: ResourceId,
    /// `None` if the server does not serve the kind, or cannot say so at present.
    pub(super) kind: Option<ResolvedKind>,
    /// Why not, then, with similar types.
    pub(super) unknown: Option<String>,
    /// What the server serves, each kind once.
    pub(super) served: Vec<ResolvedKind>,
    /// Group versions that do not answer.
    pub(super) broken: Vec<String>,
}

impl Target {
    pub(super) async fn find(link: &Link, what: &[String], place: Option<&str>) -> anyhow::Result<Self> {
        let (type_name, name) = typed(what)?;
        let resolver = Resolver::new(&link.client).await.map_err(|error| link.explain(error))?;
        let served = preferred(&resolver);
        let broken = resolver.broken().to_vec();
        let namespace = place.unwrap_or(&link.namespace);
        let (kind, unknown) = match resolver.resolve(type_name) {
            Ok(kind) => (Some(kind.clone()), None),
            // With a group it may be a kind that was there, and not only a typing error.
            Err(error @ Error::UnknownType { .. }) if type_name.contains('.') => {
                (None, Some(error.to_string()))
            }
            Err(error) => return Err(link.explain(error)),
        };
        let asked = match &kind {
            Some(kind) => unread(kind.kind.clone(), Some(namespace).filter(|_| kind.namespaced), name),
            None => {
                let (resource, group) = type_name.split_once('.').unwrap_or((type_name, ""));
                unread(Kind::new(group, resource), place, name)
            }
        };
        Ok(Self { asked, kind, unknown, served, broken })
    }

    /// What the server calls its kinds: `clusters.example.com`.
    pub(super) fn types(&self) -> impl Iterator<Item = (Kind, String)> {
        self.served.iter().map(|kind| (kind.kind.clone(), kind.to_string()))
    }

    /// How the server serves a kind.
    pub(super) fn served(&self, kind: &Kind) -> Option<&ResolvedKind> {
        self.served.iter().find(|one| one.kind == *kind)
    }
}

/// Each kind in its preferred version, if it can be listed.
pub(crate) fn preferred(resolver: &Resolver) -> Vec<ResolvedKind> {
    let mut kinds: Vec<ResolvedKind> = Vec::new();
    for kind in resolver.kinds().iter().filter(|kind| kind.verbs.iter().any(|verb| verb == "list")) {
        if !kinds.iter().any(|known| known.kind == kind.kind) {
            kinds.push(kind.clone());
        }
    }
    kinds
}

/// `TYPE/NAME`, or `TYPE NAME`.
fn typed(what: &[String]) -> anyhow::Result<(&str, &str)> {
    let usage = "name one resource, as project/web or project web";
    let pair = match what {
        [one] => {
            one.split_once('/').ok_or_else(|| wrong_use(format!("`{one}` names no resource\n{usage}")))?
        }
        [kind, name] => (kind.as_str(), name.as_str()),
        _ => return Err(wrong_use(usage)),
    };
    match pair {
        (kind, name)
            if !kind.is_empty() && !name.is_empty() && !kind.contains('/') && !name.contains('/') =>
        {
            Ok(pair)
        }
        _ => Err(wrong_use(format!("`{}` names no resource\n{usage}", what.join(" ")))),
    }
}

/// An object by its name, before it is read.
fn unread(kind: Kind, namespace: Option<&str>, name: &str) -> ResourceId {
    ResourceId { kind, namespace: namespace.map(Into::into), name: name.into(), uid: "".into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_typed_as_kubectl_takes_it() {
        let of = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            typed(&words).map(|(kind, name)| format!("{kind} {name}")).ok()
        };
        assert_eq!(of(&["project/web"]).as_deref(), Some("project web"));
        assert_eq!(of(&["project", "web"]).as_deref(), Some("project web"));
        for words in [&["project"][..], &["project/"], &["/web"], &["a/b/c"], &["a/b", "c"], &["a", ""]] {
            assert_eq!(of(words), None, "{words:?}");
        }
    }
}

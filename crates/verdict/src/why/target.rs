//! From what was typed to the object that is meant.

use rewitness_kubernetes::{Error, ResolvedKind, Resolver};
use rewitness_messaging::{Kind, ResourceId};

use crate::error::wrong_use;
use crate::link::Link;
use crate::served::Served;

/// The object that is meant, and what the server serves.
pub(super) struct Target {
    pub(super) asked: ResourceId,
    /// How the server serves its kind. If it does not, or cannot say so at present: why not, with similar types.
    pub(super) kind: Result<ResolvedKind, String>,
    /// What the server serves besides.
    pub(super) served: Served,
}

impl Target {
    pub(super) async fn find(link: &Link, what: &[String], place: Option<&str>) -> anyhow::Result<Self> {
        let (type_name, name) = typed(what)?;
        let resolver = Resolver::new(&link.client).await.map_err(|error| link.explain(error))?;
        let namespace = place.unwrap_or(&link.namespace);
        let kind = match resolver.resolve(type_name) {
            Ok(kind) => Ok(kind.clone()),
            // With a group it may be a kind that was there, and not only a typing error.
            Err(error @ Error::UnknownType { .. }) if type_name.contains('.') => Err(error.to_string()),
            Err(error) => return Err(link.explain(error)),
        };
        let asked = match &kind {
            Ok(kind) => unread(kind.kind.clone(), Some(namespace).filter(|_| kind.namespaced), name),
            Err(_) => {
                let (resource, group) = type_name.split_once('.').unwrap_or((type_name, ""));
                unread(Kind::new(group, resource), place, name)
            }
        };
        Ok(Self { asked, kind, served: Served::of(&resolver) })
    }
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

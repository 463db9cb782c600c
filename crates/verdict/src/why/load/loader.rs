//! Who reads: the way to the server, and what is asked of it in the same way everywhere.

use kube::Api;
use kube::api::DynamicObject;
use rewitness_cascade::{Cascades, Config};
use rewitness_kubernetes::call::segment;
use rewitness_kubernetes::{Error, ResolvedKind, Resolver};
use rewitness_messaging::{Kind, ResourceId};

use super::subject;
use crate::error::wrong_use;
use crate::link::Link;
use crate::object;
use crate::read::{Read, is_not_found, read};
use crate::served::Served;
use crate::why::facts::Subject;

/// Reads for one verdict.
pub(crate) struct Loader<'a> {
    pub(super) link: &'a Link,
    pub(super) previews: Cascades,
    /// The object that is asked about.
    pub(super) asked: ResourceId,
    /// How the server serves its kind. If it does not, or cannot say so at present: why not, with similar types.
    pub(super) kind: Result<ResolvedKind, String>,
    /// What the server serves besides.
    pub(crate) served: Served,
}

impl<'a> Loader<'a> {
    /// From what was typed, and from what the server serves.
    pub(crate) async fn new(
        link: &'a Link,
        what: &[String],
        namespace: Option<&str>,
    ) -> anyhow::Result<Self> {
        let (type_name, name) = typed(what)?;
        let resolver = Resolver::new(&link.client).await.map_err(|error| link.explain(error))?;
        let kind = match resolver.resolve(type_name) {
            Ok(kind) => Ok(kind.clone()),
            // With a group it may be a kind that was there, and not only a typing error.
            Err(error @ Error::UnknownType { .. }) if type_name.contains('.') => Err(error.to_string()),
            Err(error) => return Err(link.explain(error)),
        };
        let asked = match &kind {
            Ok(kind) => unread(
                kind.kind.clone(),
                kind.namespaced.then_some(namespace.unwrap_or(&link.namespace)),
                name,
            ),
            Err(_) => {
                let (resource, group) = type_name.split_once('.').unwrap_or((type_name, ""));
                unread(Kind::new(group, resource), namespace, name)
            }
        };
        let previews = Cascades::new(link.client.clone(), Config::default());
        Ok(Self { link, previews, asked, kind, served: Served::of(&resolver) })
    }

    /// An object's metadata; `None` if there is none of that name.
    pub(super) async fn get(
        &self,
        kind: &ResolvedKind,
        namespace: Option<&str>,
        name: &str,
    ) -> Read<Option<Subject>> {
        let api = self.api(kind, namespace);
        let what = format!("get {kind}{}", place(namespace));
        match read(&what, api.get_metadata(&segment(name))).await {
            Ok(object) => Ok(Some(subject::of(&object.metadata, &kind.kind))),
            Err(unread) if is_not_found(&unread) => Ok(None),
            Err(unread) => Err(unread),
        }
    }

    pub(super) fn api(&self, kind: &ResolvedKind, namespace: Option<&str>) -> Api<DynamicObject> {
        object::api(self.link, kind, namespace.filter(|_| kind.namespaced))
    }
}

/// ` in team-a`.
pub(super) fn place(namespace: Option<&str>) -> String {
    namespace.map_or_else(String::new, |namespace| format!(" in {namespace}"))
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

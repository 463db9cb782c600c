//! Who reads: the way to the server, and what is asked of it in the same way everywhere.

use kube::Api;
use kube::api::DynamicObject;
use rewitness_cascade::{Cascades, Config};
use rewitness_kubernetes::ResolvedKind;
use rewitness_kubernetes::call::segment;

use super::subject;
use crate::link::Link;
use crate::object;
use crate::read::{Read, is_not_found, read};
use crate::why::facts::Subject;
use crate::why::target::Target;

/// Reads for one verdict.
pub(crate) struct Loader<'a> {
    pub(super) link: &'a Link,
    pub(super) target: &'a Target,
    pub(super) previews: Cascades,
}

impl<'a> Loader<'a> {
    pub(crate) fn new(link: &'a Link, target: &'a Target) -> Self {
        Self { link, target, previews: Cascades::new(link.client.clone(), Config::default()) }
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

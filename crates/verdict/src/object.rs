//! One object that a command is about, as it is now.

use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ObjectMeta};
use rewitness_kubernetes::ResolvedKind;

use crate::link::Link;
use rewitness_kubernetes::call::in_time;

/// The objects of a kind; in the namespace, if there is one.
pub fn api(link: &Link, kind: &ResolvedKind, namespace: Option<&str>) -> Api<DynamicObject> {
    let named = GroupVersionKind::gvk(&kind.kind.group, &kind.version, &kind.kind.kind);
    let resource = ApiResource::from_gvk_with_plural(&named, &kind.plural);
    match namespace {
        Some(namespace) => Api::namespaced_with(link.client.clone(), namespace, &resource),
        None => Api::all_with(link.client.clone(), &resource),
    }
}

/// Its metadata. That it is not there is an error, as it was named.
pub async fn read(
    link: &Link,
    kind: &ResolvedKind,
    namespace: Option<&str>,
    name: &str,
) -> anyhow::Result<ObjectMeta> {
    let place = namespace.map_or_else(String::new, |namespace| format!(" in {namespace}"));
    let found = in_time(api(link, kind, namespace).get_metadata_opt(name)).await;
    let found = found.map_err(|error| link.explain_call(&format!("read {kind}/{name}{place}"), error))?;
    let Some(found) = found else {
        let other = if kind.namespaced { "\nanother namespace is named with -n" } else { "" };
        anyhow::bail!("there is no {kind}/{name}{place} on {}{other}", link.place());
    };
    Ok(found.metadata)
}

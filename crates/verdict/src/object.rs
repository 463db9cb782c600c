//! One object that a command is about, as it is now.

use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ObjectMeta};
use rewitness_kubernetes::ResolvedKind;
use rewitness_kubernetes::call::in_time;
use rewitness_kubernetes::call::segment;
use rewitness_messaging::{Kind, ResourceId};

use crate::link::Link;

/// The objects of a kind; in the namespace, if there is one.
pub fn api(link: &Link, kind: &ResolvedKind, namespace: Option<&str>) -> Api<DynamicObject> {
    let named = GroupVersionKind::gvk(&kind.kind.group, &kind.version, &kind.kind.kind);
    let resource = ApiResource::from_gvk_with_plural(&named, &kind.plural);
    match namespace {
        Some(namespace) => Api::namespaced_with(link.client.clone(), &segment(namespace), &resource),
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
    let found = in_time(api(link, kind, namespace).get_metadata_opt(&segment(name))).await;
    let found = found.map_err(|error| link.explain_call(&format!("read {kind}/{name}{place}"), error))?;
    let Some(found) = found else {
        let other = if kind.namespaced { "\nanother namespace is named with -n" } else { "" };
        anyhow::bail!("there is no {kind}/{name}{place} on {}{other}", link.place());
    };
    Ok(found.metadata)
}

/// Which object it is.
pub(crate) fn id(kind: &Kind, metadata: &ObjectMeta) -> ResourceId {
    ResourceId {
        kind: kind.clone(),
        namespace: metadata.namespace.as_deref().filter(|name| !name.is_empty()).map(Into::into),
        name: metadata.name.as_deref().unwrap_or_default().into(),
        uid: metadata.uid.as_deref().unwrap_or_default().into(),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::{Arc, Mutex};

    use http::{Request, Response, StatusCode};
    use kube::client::Body;
    use rewitness_kubernetes::Resolver;
    use serde_json::json;

    use super::*;
    use crate::sources;
    use crate::typed::Typed;

    /// A server that has Roles, and none of any name.
    fn server(asked: Arc<Mutex<Vec<String>>>) -> kube::Client {
        let answer = move |request: Request<Body>| {
            let uri = request.uri().to_string();
            let body = match &*uri {
                "/api" => Some(json!({"kind": "APIVersions", "versions": []})),
                "/apis" => {
                    Some(json!({"kind": "APIGroupList", "groups": [{"name": "rbac.authorization.k8s.io",
                                       "versions": [{"groupVersion": "rbac.authorization.k8s.io/v1", "version": "v1"}]}]}))
                }
                "/apis/rbac.authorization.k8s.io/v1" => {
                    Some(json!({"resources": [{"name": "roles", "singularName": "role",
                                                     "kind": "Role", "namespaced": true, "verbs": ["get", "list"]}]}))
                }
                _ => None,
            };
            let status = if body.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
            let none = || json!({"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404, "message": "no"});
            asked.lock().unwrap().push(uri);
            let mut answer = Response::new(Body::from(body.unwrap_or_else(none).to_string().into_bytes()));
            *answer.status_mut() = status;
            async move { Ok::<_, Infallible>(answer) }
        };
        kube::Client::new(tower::service_fn(answer), "default")
    }

    #[tokio::test]
    async fn a_name_that_was_typed_is_read_as_that_name_and_no_other() {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let link = Link {
            client: server(asked.clone()),
            server: String::new(),
            context: None,
            namespace: "team".parse().unwrap(),
            typed: Typed::default(),
        };
        let kind = Resolver::new(&link.client).await.unwrap().resolve("role").unwrap().clone();
        let found = read(&link, &kind, Some("te#am"), "x?dryRun=All").await;
        assert!(found.unwrap_err().to_string().contains("there is no roles"));
        assert!(sources::find(&link, "../x").await.unwrap().is_none());
        let asked = asked.lock().unwrap();
        assert_eq!(
            asked[asked.len() - 2..],
            [
                "/apis/rbac.authorization.k8s.io/v1/namespaces/te%23am/roles/x%3FdryRun%3DAll",
                "/apis/rewitness.dev/v1alpha1/cascades/..%2Fx",
            ]
        );
    }
}

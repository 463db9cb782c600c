//! Namespaces that do not go.

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, PostParams};
use rewitness_controlplane::{Config, ControlPlane, until};
use serde_json::json;

use crate::session::Session;
use rewitness_e2e::lab::{FOREIGN, SOON};

#[tokio::test]
async fn a_finalizer_in_a_namespaces_spec_is_taken_off_by_its_subresource() -> Result<()> {
    let session = Session::new().await?;
    session.lab.plane.start_controller_manager().await?;
    let namespaces: Api<Namespace> = Api::all(session.lab.client.clone());
    let name = rewitness_controlplane::unique("kept");
    let namespace = serde_json::from_value(json!({
        "metadata": { "name": name, "labels": { "tenant": "a" }, "finalizers": [FOREIGN] },
        "spec": { "finalizers": ["kubernetes", "example.com/tenant"] },
    }))?;
    namespaces.create(&PostParams::default(), &namespace).await?;
    namespaces.delete(&name, &DeleteParams::default()).await?;
    let what = format!("ns/{name}");
    until("it is told", SOON, async || {
        Ok(session.why(&what).await?.finding("NamespaceFinalizer").map(|_| ()))
    })
    .await?;
    let mut typed = None;
    until("it is off", SOON, async || {
        // Kubernetes takes its own off meanwhile, and then this one is at another place.
        let Ok(command) = session.why(&what).await?.command("replace --raw") else { return Ok(Some(())) };
        let _ = session.types(&command).await;
        typed = Some(command);
        Ok(None)
    })
    .await?;
    // The subresource replaces whole objects; the rest stays as it was, and nothing goes twice.
    let kept = namespaces.get(&name).await?.metadata;
    assert_eq!(kept.labels.unwrap_or_default().get("tenant").map(String::as_str), Some("a"));
    assert_eq!(kept.finalizers.unwrap_or_default(), [FOREIGN]);
    assert!(session.types(&typed.context("it was told")?).await.is_err());
    session.follows_until_gone(&what, FOREIGN).await
}

/// An aggregated API that nobody serves keeps up every namespace, so this has a control plane alone.
#[tokio::test]
async fn an_api_that_nobody_serves_is_named_as_what_keeps_a_namespace() -> Result<()> {
    let config = Config { controller_manager: true, ..Config::default() };
    // It ends with the process, as the shared one does.
    let plane: &'static ControlPlane = Box::leak(Box::new(ControlPlane::start(config).await?));
    let session = Session::on(plane).await?;
    let namespace = session.lab.ns.clone();
    let service = json!({
        "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": { "name": "v1.gone.example.com" },
        "spec": { "group": "gone.example.com", "version": "v1", "groupPriorityMinimum": 1000, "versionPriority": 10,
                  "insecureSkipTLSVerify": true, "service": { "namespace": "default", "name": "nosuch" } },
    });
    let client = plane.client().await?;
    let gvk = kube::core::GroupVersionKind::gvk("apiregistration.k8s.io", "v1", "APIService");
    let services: Api<DynamicObject> =
        Api::all_with(client, &kube::api::ApiResource::from_gvk_with_plural(&gvk, "apiservices"));
    services.create(&PostParams::default(), &serde_json::from_value(service)?).await?;
    session.types(&format!("kubectl delete namespace {namespace} --wait=false")).await?;
    let what = format!("namespace/{namespace}");
    until("Kubernetes says that it cannot look", SOON, async || {
        let answer = session.why(&what).await?;
        Ok(answer.finding("ApiServiceUnavailable").map(|_| ()))
    })
    .await?;
    session.golden(&what, "api-service").await?;
    let answer = session.why("things.gone.example.com/x").await?;
    assert_eq!(answer.state(), "Unknown");
    assert!(answer.message("ApiServiceUnavailable")?.contains("v1.gone.example.com"));
    session.follows_until_gone(&what, "kubectl delete apiservices").await
}

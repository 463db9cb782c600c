//! The control plane serves, and refuses.

use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, ListParams, PostParams, Preconditions};
use rewitness_controlplane::{Config, ControlPlane, client, policy_rule, shared, unique, until};
use serde_json::json;

const SOON: Duration = Duration::from_secs(30);

fn map(name: &str) -> Result<ConfigMap> {
    Ok(serde_json::from_value(json!({"metadata": {"name": name}, "data": {"key": "value"}}))?)
}

#[tokio::test]
async fn objects_are_stored() -> Result<()> {
    let plane = shared().await?;
    let maps: Api<ConfigMap> = Api::namespaced(plane.client().await?, &plane.namespace("stored").await?);
    maps.create(&PostParams::default(), &map("one")?).await?;
    assert_eq!(maps.list(&ListParams::default()).await?.items.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_custom_resource_is_served_at_once() -> Result<()> {
    let plane = shared().await?;
    let group = format!("{}.test", unique("served"));
    let namespace = plane.namespace("served").await?;
    let resource = plane.crd(&group, "widgets", "Widget", true, &["wd"]).await?;
    let again = plane.crd(&group, "widgets", "Widget", true, &["wd"]).await?;
    assert_eq!(resource, again);
    let widgets: Api<DynamicObject> = Api::namespaced_with(plane.client().await?, &namespace, &resource);
    let widget = DynamicObject::new("one", &resource).data(json!({"spec": {"any": ["thing"]}}));
    let stored = widgets.create(&PostParams::default(), &widget).await?;
    assert_eq!(stored.data["spec"]["any"][0], "thing");
    Ok(())
}

#[tokio::test]
async fn a_service_account_may_do_what_its_rules_say_and_no_more() -> Result<()> {
    let plane = shared().await?;
    let namespace = unique("rights");
    let rule = policy_rule("", "configmaps", &["list", "create"]);
    let kubeconfig = plane.service_account(&namespace, "reader", vec![rule]).await?;
    let maps: Api<ConfigMap> = Api::namespaced(client(&kubeconfig).await?, &namespace);
    maps.create(&PostParams::default(), &map("one")?).await?;
    assert_eq!(maps.list(&ListParams::default()).await?.items.len(), 1);
    let refused = maps.delete("one", &DeleteParams::default()).await.err().context("a delete is allowed")?;
    assert!(matches!(&refused, kube::Error::Api(status) if status.code == 403), "{refused}");
    Ok(())
}

#[tokio::test]
async fn the_controller_manager_empties_and_deletes_namespaces() -> Result<()> {
    let plane = shared().await?;
    plane.start_controller_manager().await?;
    let client = plane.client().await?;
    let name = plane.namespace("emptied").await?;
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), &name);
    maps.create(&PostParams::default(), &map("one")?).await?;
    let namespaces: Api<Namespace> = Api::all(client);
    namespaces.delete(&name, &DeleteParams::default()).await?;
    until("the namespace is gone", SOON, async || {
        Ok(namespaces.get_opt(&name).await?.is_none().then_some(()))
    })
    .await?;
    assert!(maps.get_opt("one").await?.is_none());
    Ok(())
}

#[tokio::test]
async fn the_audit_log_tells_of_deletes_and_their_preconditions() -> Result<()> {
    let plane = shared().await?;
    let namespace = plane.namespace("audited").await?;
    let maps: Api<ConfigMap> = Api::namespaced(plane.client().await?, &namespace);
    let stored = maps.create(&PostParams::default(), &map("one")?).await?;
    let only = Preconditions { uid: stored.metadata.uid.clone(), resource_version: None };
    maps.delete("one", &DeleteParams { preconditions: Some(only), ..DeleteParams::default() }).await?;
    let events = plane.audit().await?;
    let deletes: Vec<_> = events
        .filter(|event| event.verb == "delete")
        .filter(|event| event.object_ref.as_ref().is_some_and(|object| object.namespace == namespace))
        .collect();
    assert_eq!(deletes.len(), 1, "{deletes:?}");
    let body = deletes[0].request_object.as_ref().context("a delete without a body")?;
    assert_eq!(body["preconditions"]["uid"].as_str(), stored.metadata.uid.as_deref());
    assert_eq!(deletes[0].user.username, "admin");
    assert_eq!(deletes[0].response_status.as_ref().map(|status| status.code), Some(200));
    Ok(())
}

#[tokio::test]
async fn kubectl_speaks_for_the_administrator() -> Result<()> {
    let plane = shared().await?;
    let namespace = plane.namespace("kubectl").await?;
    plane.kubectl_ok(&["create", "configmap", "one", "-n", &namespace]).await?;
    let names = plane.kubectl_ok(&["get", "configmaps", "-n", &namespace, "-o", "name"]).await?;
    assert_eq!(names, "configmap/one\n");
    assert!(!plane.kubectl(&["get", "nonsense"]).await?.status.success());
    assert!(plane.kubectl_ok(&["get", "nonsense"]).await.is_err());
    Ok(())
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_processor_time_of_the_api_server_is_known() -> Result<()> {
    let plane = shared().await?;
    let spent = plane.apiserver_cpu().context("no processor time")?;
    assert!(spent > Duration::from_millis(100), "{spent:?}");
    Ok(())
}

#[tokio::test]
async fn a_program_that_does_not_start_is_reported_with_its_log() -> Result<()> {
    let config = Config { apiserver_args: vec!["--no-such-flag".into()], ..Config::default() };
    let error = ControlPlane::start(config).await.err().context("it starts")?;
    let error = format!("{error:#}");
    assert!(error.contains("unknown flag: --no-such-flag"), "{error}");
    Ok(())
}

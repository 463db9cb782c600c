//! The examples for Kubernetes, on a real API server: their very code, with another end than Ctrl-C.

#[expect(dead_code, reason = "how it is started from a shell is not used here")]
#[path = "../../crates/rewitness/examples/kubernetes.rs"]
mod kubernetes;
#[expect(dead_code, reason = "how it is started from a shell is not used here")]
#[path = "../../crates/rewitness/examples/reconciler.rs"]
mod reconciler;

use anyhow::Result;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use rewitness_controlplane::{shared, until};
use rewitness_e2e::SOON;
use serde_json::json;
use tokio::sync::oneshot;

/// Creates a ConfigMap, and deletes it once it is held. It goes only if the example has let it go.
async fn one_lifetime(maps: &Api<ConfigMap>, hold: &str) -> Result<()> {
    let map = ConfigMap {
        metadata: ObjectMeta { name: Some("web".to_owned()), ..ObjectMeta::default() },
        ..ConfigMap::default()
    };
    maps.create(&PostParams::default(), &map).await?;
    until("it is held", SOON, async || {
        Ok((maps.get("web").await?.finalizers() == [hold.to_owned()]).then_some(()))
    })
    .await?;
    maps.delete("web", &DeleteParams::default()).await?;
    until("it is gone", SOON, async || Ok(maps.get_opt("web").await?.is_none().then_some(()))).await
}

/// The copy is there, is mended when somebody changes it, and comes back when somebody deletes it.
async fn one_life_with_a_child(maps: &Api<ConfigMap>, client: Client, namespace: &str) -> Result<()> {
    let map = ConfigMap {
        metadata: ObjectMeta { name: Some("parent".to_owned()), ..ObjectMeta::default() },
        data: Some([("key".to_owned(), "value".to_owned())].into()),
        ..ConfigMap::default()
    };
    maps.create(&PostParams::default(), &map).await?;
    let secrets: Api<Secret> = Api::namespaced(client, namespace);
    let is_there = |not: Option<String>| {
        let secrets = &secrets;
        async move {
            until("the copy is as it should be", SOON, async || {
                let copy = secrets.get_opt("parent-copy").await?.filter(|copy| copy.uid() != not);
                let data = |copy: &Secret| copy.data.as_ref().map(|data| data["key"].0.clone());
                Ok(copy.filter(|copy| data(copy).as_deref() == Some(b"value")))
            })
            .await
        }
    };
    let first = is_there(None).await?;
    let other = Patch::Merge(json!({ "data": { "key": "b3RoZXI=" } }));
    let changed = secrets.patch("parent-copy", &PatchParams::default(), &other).await?;
    let mended = is_there(None).await?;
    assert!(changed.resource_version() != first.resource_version() && mended.uid() == first.uid());
    secrets.delete("parent-copy", &DeleteParams::default()).await?;
    is_there(first.uid()).await?;
    maps.delete("parent", &DeleteParams::default()).await?;
    until("it is gone", SOON, async || Ok(maps.get_opt("parent").await?.is_none().then_some(()))).await
}

/// Runs an example in a namespace of its own for one lifetime, and what more is to be lived through.
macro_rules! runs {
    ($example:ident, $hold:literal $(, $more:path)?) => {
        async {
            let plane = shared().await?;
            let namespace = plane.namespace("example").await?;
            let client = plane.client().await?;
            let maps: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace);
            let (stop, stopped) = oneshot::channel::<()>();
            let lifetime = async {
                let lived = one_lifetime(&maps, $hold).await;
                $(let lived = lived.and($more(&maps, client.clone(), &namespace).await);)?
                drop(stop);
                lived
            };
            let follow = $example::follow(client.clone(), namespace.clone(), async { drop(stopped.await) });
            let (followed, lived) = tokio::join!(follow, lifetime);
            followed.and(lived)
        }
    };
}

#[tokio::test]
async fn the_consumer_holds_a_config_map_and_lets_it_go() -> Result<()> {
    runs!(kubernetes, "hold.rewitness.dev/example").await
}

#[tokio::test]
async fn the_reconcile_function_holds_a_config_map_and_lets_it_go_and_keeps_its_child() -> Result<()> {
    runs!(reconciler, "hold.rewitness.dev/reconciler", one_life_with_a_child).await
}

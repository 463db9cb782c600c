//! The examples for Kubernetes, on a real API server: their very code, with another end than Ctrl-C.

#[expect(dead_code, reason = "how it is started from a shell is not used here")]
#[path = "../../crates/rewitness/examples/kubernetes.rs"]
mod kubernetes;
#[expect(dead_code, reason = "how it is started from a shell is not used here")]
#[path = "../../crates/rewitness/examples/reconciler.rs"]
mod reconciler;

use anyhow::Result;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, ObjectMeta, PostParams};
use kube::{Api, ResourceExt};
use rewitness_controlplane::{shared, until};
use rewitness_e2e::SOON;
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

/// Runs an example in a namespace of its own for one lifetime.
macro_rules! runs {
    ($example:ident, $hold:literal) => {
        async {
            let plane = shared().await?;
            let namespace = plane.namespace("example").await?;
            let client = plane.client().await?;
            let maps: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace);
            let (stop, stopped) = oneshot::channel::<()>();
            let lifetime = async {
                let lived = one_lifetime(&maps, $hold).await;
                drop(stop);
                lived
            };
            let follow = $example::follow(client, namespace, async { drop(stopped.await) });
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
async fn the_reconcile_function_holds_a_config_map_and_lets_it_go() -> Result<()> {
    runs!(reconciler, "hold.rewitness.dev/reconciler").await
}

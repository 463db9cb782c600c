//! What is listed: custom resources of about 1 KB.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt};
use kube::Api;
use kube::api::{DynamicObject, PostParams};
use rewitness_controlplane::ControlPlane;
use serde_json::{Value, json};

use crate::{is_watched, tell};

/// The name of the kind, as it is typed.
pub(crate) const WIDGETS: &str = "widgets.bench.example.com";

/// About what an API server with etcd on two cores takes; more clients only wait longer.
const CLIENTS: usize = 32;

const NAMESPACES: usize = 10;

/// Creates so many widgets, and answers how many bytes of JSON one of them has.
pub(crate) async fn fill(plane: &ControlPlane, count: usize) -> Result<usize> {
    let resource = plane.crd("bench.example.com", "widgets", "Widget", true, &[]).await?;
    let mut namespaces = Vec::new();
    for _ in 0..NAMESPACES {
        namespaces.push(plane.namespace("bench").await?);
    }
    let client = plane.client().await?;
    let (begun, done) = (Instant::now(), Arc::new(AtomicUsize::new(0)));
    let create = |number: usize| {
        let api: Api<DynamicObject> =
            Api::namespaced_with(client.clone(), &namespaces[number % NAMESPACES], &resource);
        let (object, done) = (DynamicObject::new(&format!("widget-{number:05}"), &resource), done.clone());
        async move {
            let created = api.create(&PostParams::default(), &object.data(content(number))).await;
            let created = created.with_context(|| format!("create widget {number}"))?;
            let done = done.fetch_add(1, Relaxed) + 1;
            if is_watched() && done.is_multiple_of(2_000) {
                tell(&format!("{done} of {count} widgets created"));
            }
            anyhow::Ok(created)
        }
    };
    let created = futures::stream::iter(0..count).map(create).buffer_unordered(CLIENTS);
    let last = created.try_fold(None, async |_, created| Ok(Some(created))).await?;
    tell(&format!("{count} widgets created in {:.1} s", begun.elapsed().as_secs_f64()));
    Ok(serde_json::to_vec(&last)?.len())
}

/// Labels and a spec as many custom resources have them.
fn content(number: usize) -> Value {
    let step = |at: usize| json!({"name": format!("step-{at}"), "image": format!("images.example.com/team/step-{at}:v1.{number}")});
    json!({
        "spec": {
            "replicas": number % 7,
            "template": {"labels": {"app": "widget", "tier": "backend"}, "steps": (0..5).map(step).collect::<Vec<_>>()},
        },
    })
}

//! The definition of Cascade itself: whether it is installed, and the uninstall mark on it (C10).

use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use kube::core::PartialObjectMeta;
use kube::runtime::{WatchStreamExt, watcher};
use rewitness_cascade::{WAY_OUT, is_served};
use rewitness_crds::{CASCADES, Cascade, RELEASED_ANNOTATION, UNINSTALL_ANNOTATION};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{interval, sleep};

use super::course::HeldParents;
use super::rules::Rules;
use rewitness_kubernetes::call::in_time;

/// How often it is looked whether the definition has come.
const LOOK: Duration = Duration::from_secs(5);

/// How soon the definition is read again.
const READ_AGAIN: Duration = Duration::from_secs(1);

/// How often it is looked whether everything was let go.
const ACKNOWLEDGE: Duration = Duration::from_secs(1);

/// Waits until Cascades are served, and says once what for.
pub(crate) async fn served(api: &Api<Cascade>) {
    let mut told = String::new();
    loop {
        let said = match is_served(api).await {
            Ok(true) => return,
            Ok(false) => format!("the server does not serve Cascade; {WAY_OUT}"),
            Err(error) => format!("Cascades cannot be listed: {}", rewitness_kubernetes::call::chain(&error)),
        };
        if said != told {
            tracing::warn!("{said}");
            told = said;
        }
        sleep(LOOK).await;
    }
}

type Definitions = Api<PartialObjectMeta<CustomResourceDefinition>>;

/// The uninstall mark as it is now; none if it may not be read. Until the server has said one or the
/// other nothing is known, and nothing may be held.
pub(crate) async fn mark(client: &kube::Client) -> Option<String> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let mut is_told = false;
    loop {
        let error = match in_time(definitions.get_metadata(CASCADES)).await {
            Ok(definition) => return mark_on(&definition),
            Err(error) => error,
        };
        if matches!(&error, kube::Error::Api(answer) if matches!(answer.code, 403 | 404)) {
            tracing::warn!(%error, "the definition of Cascade cannot be read: uninstalling will not be noticed");
            return None;
        }
        if !is_told {
            tracing::warn!(
                error = rewitness_kubernetes::call::chain(&error),
                "the definition of Cascade cannot be read yet"
            );
            is_told = true;
        }
        sleep(READ_AGAIN).await;
    }
}

fn mark_on(definition: &PartialObjectMeta<CustomResourceDefinition>) -> Option<String> {
    definition.metadata.annotations.as_ref()?.get(UNINSTALL_ANNOTATION).cloned()
}

/// Follows the mark for as long as it is polled.
pub(crate) async fn follow_mark(client: kube::Client, mark: watch::Sender<Option<String>>) {
    let definitions: Definitions = Api::all(client);
    let mut seen = std::pin::pin!(watcher::watch_object(definitions, CASCADES).default_backoff());
    let mut is_told = false;
    while let Some(definition) = seen.next().await {
        match definition {
            Ok(definition) => {
                let now = definition.as_ref().and_then(mark_on);
                is_told = false;
                mark.send_if_modified(|before| {
                    let changed = *before != now;
                    *before = now;
                    changed
                });
            }
            Err(error) if !is_told => {
                tracing::warn!(%error, "the definition of Cascade cannot be watched");
                is_told = true;
            }
            Err(_) => {}
        }
    }
}

/// Says on the definition that nothing is held any more, each time that this was asked for.
pub(crate) async fn acknowledge(rules: &Rules) {
    let mut mark = rules.uninstall.clone();
    loop {
        let asked = mark.borrow_and_update().clone();
        if let Some(asked) = asked {
            tracing::info!(asked, "Rewitness is being uninstalled: everything is let go");
            tokio::select! {
                () = acknowledge_one(rules, &asked) => {}
                _ = mark.changed() => continue,
            }
        }
        if mark.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

async fn acknowledge_one(rules: &Rules, asked: &str) {
    let definitions: Api<CustomResourceDefinition> = Api::all(rules.client.clone());
    let patch = Patch::Merge(json!({ "metadata": { "annotations": { RELEASED_ANNOTATION: asked } } }));
    let mut looks = interval(ACKNOWLEDGE);
    loop {
        looks.tick().await;
        match nothing_is_held(rules).await {
            Ok(true) => {}
            Ok(false) => continue,
            Err(error) => {
                tracing::warn!(%error, "whether everything was let go could not be read");
                continue;
            }
        }
        match in_time(definitions.patch_metadata(CASCADES, &PatchParams::default(), &patch)).await {
            Ok(_) => return tracing::info!("nothing is held any more"),
            Err(error) => tracing::warn!(%error, "the definition of Cascade cannot be patched"),
        }
    }
}

/// A Cascade is held for as long as any of its parents may be. Whoever was taken in before the mark
/// was seen may still be about to be held, so that is waited for before it is looked.
async fn nothing_is_held(rules: &Rules) -> kube::Result<bool> {
    if rules.is_taking_in() || rules.all().iter().any(|followed| followed.holds()) {
        return Ok(false);
    }
    let cascades = in_time(rules.api.list(&ListParams::default())).await?;
    Ok(cascades.items.iter().all(|cascade| HeldParents::remembered(cascade).is_none()))
}

//! The definition of Cascade itself: whether it is installed, and the uninstall mark on it (C10).

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use kube::core::PartialObjectMeta;
use rewitness_cascade::{WAY_OUT, is_served};
use rewitness_crds::{CASCADES, Cascade, RELEASED_ANNOTATION, UNINSTALL_ANNOTATION};
use rewitness_kubernetes::call::in_time;
use rewitness_kubernetes::{Observer, Seen, kind_of};
use rewitness_messaging::{Backoff, Selector, Source};
use serde_json::json;
use tokio::sync::{Notify, watch};
use tokio::time::{interval, sleep};

use super::decision::HeldParents;
use super::rules::Rules;

/// How soon the definition is read again when that failed.
const READ_AGAIN: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(5) };

/// How often it is looked whether everything was let go.
const ACKNOWLEDGE: Duration = Duration::from_secs(1);

/// Why Cascades cannot be followed yet, if they cannot, and what is to be done about it. The queue notices
/// when they can.
pub(crate) async fn obstacle(api: &Api<Cascade>) -> Option<String> {
    match is_served(api).await {
        Ok(true) => None,
        Ok(false) => Some(format!("the server does not serve Cascade; {WAY_OUT}")),
        Err(error) => {
            Some(format!("Cascades cannot be listed: {}", rewitness_kubernetes::call::chain(&error)))
        }
    }
}

/// The uninstall mark as it is now, once the server has said so: until then nothing may be held.
///
/// # Errors
///
/// It may not be read.
pub(crate) async fn mark(client: &kube::Client) -> kube::Result<Option<String>> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let mut attempt = 0;
    loop {
        let error = match in_time(definitions.get_metadata(CASCADES)).await {
            Ok(definition) => return Ok(mark_on(&definition)),
            Err(kube::Error::Api(answer)) if answer.code == 404 => return Ok(None),
            Err(error) => error,
        };
        if attempt == 0 {
            tracing::warn!(
                error = rewitness_kubernetes::call::chain(&error),
                "the definition of Cascade cannot be read"
            );
        }
        if matches!(&error, kube::Error::Api(answer) if answer.code == 403) {
            return Err(error);
        }
        attempt += 1;
        sleep(READ_AGAIN.interval(attempt)).await;
    }
}

fn mark_on(definition: &PartialObjectMeta<CustomResourceDefinition>) -> Option<String> {
    definition.metadata.annotations.as_ref()?.get(UNINSTALL_ANNOTATION).cloned()
}

/// Notified whenever the definition may have changed.
struct Changes(Arc<Notify>);

impl Observer for Changes {
    fn see(&mut self, seen: Seen<'_>) {
        if matches!(seen, Seen::Shown { .. } | Seen::Removed { .. } | Seen::ListFinished) {
            self.0.notify_one();
        }
    }
}

/// Follows the mark for as long as it is polled.
///
/// By the queue's own list and watch, and not by a subscription: an annotation changes no generation, so it
/// is nothing that a queue delivers. And the operator may watch no other definition.
pub(crate) async fn follow_mark(rules: &Rules, mark: watch::Sender<Option<String>>) {
    let changes = Arc::new(Notify::new());
    let definitions = Source {
        kind: kind_of::<CustomResourceDefinition>(),
        namespace: None,
        selector: Selector::default(),
    };
    let watched = rules.queue.observe(definitions, Some(CASCADES.into()), Changes(changes.clone()));
    let read = async {
        loop {
            changes.notified().await;
            // What may not be read is as it was.
            let Ok(now) = self::mark(&rules.client).await else { continue };
            if *mark.borrow() != now {
                mark.send_replace(now);
                rules.recheck_all();
            }
        }
    };
    tokio::join!(watched, read);
}

/// Says on the definition that nothing is held any more, each time that this was asked for.
pub(crate) async fn acknowledge(rules: &Rules) {
    let mut mark = rules.uninstall.clone();
    loop {
        let asked = mark.borrow_and_update().clone();
        if let Some(asked) = asked {
            tracing::info!(asked, "Rewitness is being uninstalled: all parents are released");
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
                tracing::warn!(%error, "whether all parents are released could not be read");
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
    if Arc::strong_count(&rules.reconciling) > 1 || rules.all().iter().any(|followed| followed.holds()) {
        return Ok(false);
    }
    let cascades = in_time(rules.api.list(&ListParams::default())).await?;
    Ok(cascades.items.iter().all(|cascade| HeldParents::remembered(cascade).is_none()))
}

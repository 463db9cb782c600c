//! C4, C6: a large deletion that an admission webhook refuses in part.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use rewitness_cascade::{Cause, DeletionState};
use rewitness_controlplane::{FaultProxy, Webhook, until};
use serde_json::json;

use rewitness_e2e::follower::Operator;
use rewitness_e2e::lab::{Lab, soon};

const KINDS: [&str; 5] = ["Cluster", "Disk", "Space", "Topic", "Volume"];
const NAMESPACES: usize = 10;
const DEPENDENTS: usize = 1000;
/// One in so many is refused.
const KEPT: usize = 25;
const WORDS: &str = "the database team still needs it";

/// The name of a dependent; those that are refused can be told by it.
fn name(index: usize) -> String {
    let sort = if index.is_multiple_of(KEPT) { "kept" } else { "free" };
    format!("{sort}-{index}")
}

/// What a parent waits for, as words and numbers.
fn refusals(state: &DeletionState) -> Option<(u64, BTreeSet<String>)> {
    let DeletionState::Waiting { waits, .. } = state else { return None };
    let mut words = BTreeSet::new();
    let mut count = 0;
    for wait in waits {
        let Cause::Refused { message } = &wait.cause else { return None };
        words.insert(message.clone());
        count += wait.count;
    }
    (count > 0).then_some((count, words))
}

/// The webhook in force for all deletions in the lab's group.
async fn install(lab: &Lab, webhook: &Webhook) -> Result<()> {
    let configurations: Api<ValidatingWebhookConfiguration> = Api::all(lab.client.clone());
    let configuration = json!({
        "metadata": { "name": format!("keep.{}", lab.group) },
        "webhooks": [{
            "name": format!("keep.{}", lab.group),
            "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Fail",
            "timeoutSeconds": 30,
            "clientConfig": webhook.client_config(),
            "rules": [{
                "apiGroups": [lab.group], "apiVersions": ["*"], "operations": ["DELETE"], "resources": ["*"],
            }],
        }],
    });
    configurations.create(&PostParams::default(), &serde_json::from_value(configuration)?).await?;
    let dry = DeleteParams { dry_run: true, ..DeleteParams::default() };
    until("the webhook is in force", soon(), async || {
        Ok(lab.api("Cluster").delete(&name(0), &dry).await.is_err().then_some(()))
    })
    .await
}

/// How often each dependent was deleted, and how many other calls there were.
fn calls(proxy: &FaultProxy) -> (BTreeMap<String, usize>, usize) {
    let (mut deletes, mut others) = (BTreeMap::new(), 0);
    for call in proxy.requests() {
        match call.method == "DELETE" {
            true => *deletes.entry(call.path.clone()).or_default() += 1,
            false => others += 1,
        }
    }
    (deletes, others)
}

#[tokio::test]
async fn c4_c6_a_thousand_dependents_of_which_a_webhook_refuses_some() -> Result<()> {
    let mut lab = Lab::new().await?;
    lab.add_kind("topics", "Topic").await?;
    lab.add_kind("volumes", "Volume").await?;
    let mut namespaces = vec![lab.ns.clone()];
    while namespaces.len() < NAMESPACES {
        namespaces.push(lab.plane.namespace("cascade").await?);
    }
    let kinds = KINDS.map(|kind| lab.dependents(kind));
    let rule = lab.cascade_of("Project", &[&kinds], json!({ "limits": { "maxDependents": DEPENDENTS } }));
    let proxy = lab.proxy()?;
    let operator = Operator::start(lab.proxied(&proxy).await?, &[&rule])?;
    let parent = lab.parent("Project", "web", &rule).await?;
    let (lab_ref, namespaces) = (&lab, &namespaces);
    let create = |index: usize| async move {
        // Each kind is in each namespace, and some of each is kept.
        let (kind, ns) = (KINDS[index / KEPT % 5], &namespaces[index / (5 * KEPT) % NAMESPACES]);
        lab_ref.create_in(kind, ns, &name(index), Some("web")).await.map(drop)
    };
    stream::iter(0..DEPENDENTS).map(create).buffer_unordered(32).try_collect::<()>().await?;
    let keeps = Arc::new(AtomicBool::new(true));
    let judge = {
        let keeps = Arc::clone(&keeps);
        move |request: &serde_json::Value| {
            let kept = request["name"].as_str().is_some_and(|name| name.starts_with("kept-"));
            (kept && keeps.load(Ordering::SeqCst)).then(|| WORDS.to_owned())
        }
    };
    let webhook = Webhook::start(judge)?;
    install(&lab, &webhook).await?;

    lab.delete("Project", "web").await?;
    let kept = (DEPENDENTS / KEPT) as u64;
    let (_, said) = operator.state(0, &parent, |it| refusals(it).filter(|(count, _)| *count == kept)).await?;
    assert!(
        said.iter().all(|words| words.contains(WORDS) && words.contains("denied the request")),
        "{said:?}"
    );
    assert!(lab.exists("Project", "web").await?);
    for kind in KINDS {
        assert!(
            left_of(&lab, kind).await?.iter().all(|name| name.starts_with("kept-")),
            "of {kind} others are left"
        );
    }
    keeps.store(false, Ordering::SeqCst);
    lab.gone("Project", "web").await?;
    for kind in KINDS {
        assert!(left_of(&lab, kind).await?.is_empty(), "of {kind} some are left");
    }
    assert!(webhook.asked() >= DEPENDENTS);

    let (deletes, others) = calls(&proxy);
    let free = deletes.iter().filter(|(path, _)| path.contains("/free-"));
    assert!(free.clone().all(|(_, times)| *times == 1), "one delete for each that is not refused");
    assert_eq!(deletes.len(), DEPENDENTS);
    // The lists of five kinds in each round, the reads of the parent, and its record: 45 if nothing is slow.
    assert!(others < DEPENDENTS / 5, "{others} calls beside the deletes");
    Ok(())
}

async fn left_of(lab: &Lab, kind: &str) -> Result<Vec<String>> {
    let everywhere: Api<kube::api::DynamicObject> = Api::all_with(lab.client.clone(), lab.resource(kind));
    let objects = everywhere.list(&Default::default()).await?.items;
    Ok(objects.into_iter().filter_map(|object| object.metadata.name).collect())
}

//! Who is measured.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use kube::ResourceExt;
use kube::api::{DeleteParams, PropagationPolicy};
use rewitness_cascade::{Cascades, Config, MemoryRecords, Rule};
use rewitness_controlplane::{ControlPlane, policy_rule, unique, until};
use rewitness_crds::Cascade;
use rewitness_kubernetes::KubernetesQueue;
use rewitness_messaging::Queue;
use serde_json::json;
use tokio::task::JoinSet;

use crate::Args;
use crate::objects::{GROUP, LABEL, Objects, Reference};

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    /// A parent with a Cascade is deleted; measured until it has gone.
    Cascade,
    /// A loop over known names, with as many calls in flight.
    Loop,
    /// A parent that owns its dependents is deleted; measured until the last of them has gone.
    GarbageCollector,
}

/// One run: how long it took, and by how many calls of whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) contender: Contender,
    pub(crate) seconds: f64,
    pub(crate) calls: usize,
}

const SOON: Duration = Duration::from_secs(60);

/// The garbage collector looks for new kinds every 30 seconds.
const GARBAGE_COLLECTED: Duration = Duration::from_secs(120);

impl Contender {
    pub(crate) const ALL: [Self; 3] = [Self::Cascade, Self::Loop, Self::GarbageCollector];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cascade => "Cascade",
            Self::Loop => "DELETE loop",
            Self::GarbageCollector => "garbage collector",
        }
    }

    pub(crate) async fn run(self, plane: &ControlPlane, objects: &Objects, args: &Args) -> Result<Run> {
        let measured = match self {
            Self::Cascade => cascade(plane, objects, args).await,
            Self::Loop => delete_loop(objects, args).await.map(|seconds| (seconds, args.dependents as usize)),
            Self::GarbageCollector => garbage_collector(plane, objects, args).await,
        };
        let (seconds, calls) = measured.with_context(|| self.name())?;
        objects.none_left().await?;
        Ok(Run { contender: self, seconds, calls })
    }
}

/// The calls of this user that the API server received from this moment on.
async fn calls_since(plane: &ControlPlane, user: &str, since: &str) -> Result<usize> {
    let log = plane.audit_about(user).await?;
    let calls = log.filter(|event| event.user.username == user && event.verb != "watch");
    // RFC 3339 in one form and one time zone: its order is that of the text.
    Ok(calls.filter(|event| *event.request_received_timestamp > *since).count())
}

/// When the API server received the deletion of this parent.
async fn deleted_at(plane: &ControlPlane, parent: &str) -> Result<String> {
    let mut log = plane.audit_about(parent).await?;
    let delete = log.find(|event| {
        event.verb == "delete" && event.object_ref.as_ref().is_some_and(|object| object.name == parent)
    });
    Ok(delete.context("the deletion of the parent is in the audit log")?.request_received_timestamp)
}

async fn cascade(plane: &ControlPlane, objects: &Objects, args: &Args) -> Result<(f64, usize)> {
    let everything = policy_rule("*", "*", &["*"]);
    let account = unique("rewitness");
    let kubeconfig = plane.service_account("rewitness-system", &account, vec![everything]).await?;
    let client = rewitness_controlplane::client(&kubeconfig).await?;
    let cascade: Cascade = serde_json::from_value(json!({
        "apiVersion": "rewitness.dev/v1alpha1", "kind": "Cascade", "metadata": { "name": unique("bench") },
        "spec": {
            "mode": "Enforce",
            "parent": { "apiVersion": format!("{GROUP}/v1"), "kind": "Project" },
            "stages": [{ "name": "clusters", "dependents": [{
                "apiVersion": format!("{GROUP}/v1"), "kind": "Cluster", "reference": { "label": LABEL, "value": "Name" },
            }] }],
            "limits": { "maxDependents": args.dependents, "maxPerHour": args.dependents },
        },
    }))?;
    let rule = Rule::new(&cascade)?;
    let mut config = Config::default();
    config.concurrency = args.concurrency.into();
    let queue = KubernetesQueue::new(client.clone(), rewitness_kubernetes::Config::default());
    let subscription = rule.subscription();
    let consumer = Cascades::new(client, config).consumer(rule, MemoryRecords::default());
    let _handle = queue.subscribe(subscription, consumer)?;
    let mut running = JoinSet::new();
    running.spawn(async move { queue.run(std::future::pending()).await.map(drop) });

    let parent = objects.parent().await?;
    let name = parent.name_any();
    until("the parent is held", SOON, async || {
        Ok((!objects.projects.get(&name).await?.finalizers().is_empty()).then_some(()))
    })
    .await?;
    objects.fill(&parent, args.dependents, Reference::Label).await?;
    let begun = Instant::now();
    objects.projects.delete(&name, &DeleteParams::default()).await?;
    objects.gone(&name).await?;
    let seconds = begun.elapsed().as_secs_f64();
    running.shutdown().await;
    let user = format!("system:serviceaccount:rewitness-system:{account}");
    Ok((seconds, calls_since(plane, &user, &deleted_at(plane, &name).await?).await?))
}

async fn delete_loop(objects: &Objects, args: &Args) -> Result<f64> {
    let parent = objects.parent().await?;
    objects.fill(&parent, args.dependents, Reference::Label).await?;
    let background =
        DeleteParams { propagation_policy: Some(PropagationPolicy::Background), ..DeleteParams::default() };
    let delete = |number: u32| {
        let (api, background) = (objects.clusters_in(number), &background);
        let name = format!("{}-{number:05}", parent.name_any());
        async move { api.delete(&name, background).await.map(drop) }
    };
    let begun = Instant::now();
    let deletes = stream::iter(0..args.dependents).map(delete).buffer_unordered(args.concurrency.into());
    deletes.try_collect::<()>().await?;
    let seconds = begun.elapsed().as_secs_f64();
    objects.projects.delete(&parent.name_any(), &DeleteParams::default()).await?;
    Ok(seconds)
}

async fn garbage_collector(plane: &ControlPlane, objects: &Objects, args: &Args) -> Result<(f64, usize)> {
    plane.start_controller_manager().await?;
    // It does not know the kind before it has deleted one.
    let (canary, background) = (objects.parent().await?, DeleteParams::background());
    objects.fill(&canary, 1, Reference::Owner).await?;
    objects.projects.delete(&canary.name_any(), &background).await?;
    let known = tokio::time::timeout(GARBAGE_COLLECTED, objects.none_left()).await;
    ensure!(known.is_ok(), "the garbage collector does not come to know the kind");
    let parent = objects.parent().await?;
    let name = parent.name_any();
    objects.fill(&parent, args.dependents, Reference::Owner).await?;
    let begun = Instant::now();
    objects.projects.delete(&name, &background).await?;
    objects.none_left().await?;
    let seconds = begun.elapsed().as_secs_f64();
    plane.stop_controller_manager().await;
    let since = deleted_at(plane, &name).await?;
    Ok((seconds, calls_since(plane, "system:kube-controller-manager", &since).await?))
}

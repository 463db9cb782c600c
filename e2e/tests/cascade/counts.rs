//! Plan's counts (C11): what a watch of each kind says of how many dependents there are.

use std::time::Duration;

use anyhow::{Result, ensure};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use kube::{Api, Client};
use rewitness_cascade::{Cascades, CountSource, MemoryRecords, Rule};
use rewitness_controlplane::{Call, Fault, FaultProxy, Match, policy_rule, until};
use rewitness_crds::Cascade;
use rewitness_kubernetes::{Config, KubernetesQueue};
use rewitness_messaging::{Backoff, Kind, Queue, ResourceId, Timestamp, Uid, Version};
use serde_json::json;
use tokio::task::JoinSet;

use rewitness_e2e::lab::{FOREIGN, Lab, SOON};
use rewitness_operator::counts::{Counts, Shrinks, counts};

/// A process that counts. Dropping it kills it.
struct Counting {
    counts: Counts,
    shrinks: Shrinks,
    _tasks: JoinSet<()>,
}

impl Counting {
    fn start(client: Client) -> Self {
        Self::start_with(client, Config::default().silence)
    }

    fn start_with(client: Client, silence: Duration) -> Self {
        let backoff = Backoff { base: Duration::from_millis(50), cap: Duration::from_millis(500) };
        let queue = KubernetesQueue::new(client, Config { silence, backoff, ..Config::default() });
        let (counts, watches, shrinks) = counts(queue);
        let mut tasks = JoinSet::new();
        tasks.spawn(watches.run(std::future::pending()));
        Self { counts, shrinks, _tasks: tasks }
    }

    /// Waits until so many of a kind are counted for a parent, in one namespace or in all.
    async fn counted(
        &self,
        source: &CountSource,
        namespace: Option<&str>,
        wanted: Option<u64>,
    ) -> Result<()> {
        until(&format!("{wanted:?} of {} are counted", source.kind), SOON, async || {
            let found = self.counts.count(source, "web", namespace).map(|found| found.count);
            Ok((found == wanted).then_some(()))
        })
        .await
    }
}

fn source(lab: &Lab, kind: &str) -> CountSource {
    CountSource { kind: Kind::new(&*lab.group, kind), label: lab.label.clone() }
}

fn planning(lab: &Lab, kinds: &[&str]) -> Result<(Cascade, Rule)> {
    let dependents: Vec<_> = kinds.iter().map(|kind| lab.dependents(kind)).collect();
    let cascade = lab.cascade_of("Project", &[&dependents], json!({ "mode": "Plan" }));
    let rule = Rule::new(&cascade)?;
    Ok((cascade, rule))
}

fn id(object: &DynamicObject, lab: &Lab, kind: &str) -> ResourceId {
    ResourceId {
        kind: Kind::new(&*lab.group, kind),
        namespace: object.metadata.namespace.as_deref().map(Into::into),
        name: object.metadata.name.as_deref().unwrap_or_default().into(),
        uid: Uid::new(object.metadata.uid.as_deref().unwrap_or_default()),
    }
}

/// In two namespaces, before and while it is counted.
#[tokio::test]
async fn c11_a_plan_counts_what_there_is_and_writes_nothing() -> Result<()> {
    let lab = Lab::new().await?;
    let other = lab.plane.namespace("cascade").await?;
    let proxy = lab.proxy()?;
    let (_, rule) = planning(&lab, &["Cluster", "Disk"])?;
    for name in 0..3 {
        lab.create("Cluster", &format!("c{name}"), Some("web")).await?;
    }
    lab.create_in("Cluster", &other, "c9", Some("web")).await?;
    lab.create("Cluster", "stranger", None).await?;
    let counting = Counting::start(lab.proxied(&proxy).await?);
    counting.counts.follow(&rule);
    let clusters = source(&lab, "Cluster");
    counting.counted(&clusters, None, Some(4)).await?;
    counting.counted(&clusters, Some(&other), Some(1)).await?;

    lab.patch("Cluster", "c0", json!({ "labels": { lab.label.clone(): "api" } })).await?;
    lab.patch("Cluster", "c1", json!({ "labels": null })).await?;
    lab.delete("Cluster", "c2").await?;
    let last = lab.create("Cluster", "c4", Some("web")).await?;
    let disk = lab.create("Disk", "d", Some("web")).await?;
    let last = Version::parse(last.metadata.resource_version.as_deref().unwrap_or_default());
    until("the last change is counted", SOON, async || {
        Ok(counting.counts.count(&clusters, "web", None).filter(|found| found.version >= last).map(drop))
    })
    .await?;
    counting.counted(&clusters, Some(&lab.ns), Some(1)).await?;
    counting.counted(&source(&lab, "Disk"), None, Some(1)).await?;

    let (web, api) = (lab.create("Project", "web", None).await?, lab.create("Project", "api", None).await?);
    let parents = [id(&web, &lab, "Project"), id(&api, &lab, "Project")];
    let planned = counting.counts.planned(&rule, &parents, Timestamp::now());
    let counts: Vec<_> = planned.stages[0].dependents.iter().map(|one| one.approximate_count).collect();
    assert_eq!((planned.parents, counts), (2, vec![Some(3), Some(1)]));
    let version = planned.stages[0].dependents[1].resource_version.clone();
    assert_eq!(version, disk.metadata.resource_version, "it says from when it is");
    assert_eq!(proxy.count(|call| call.method != "GET"), 0);
    Ok(())
}

#[tokio::test]
async fn c11_rules_that_look_for_the_same_share_a_watch_that_ends_with_the_last_of_them() -> Result<()> {
    let lab = Lab::new().await?;
    let proxy = lab.proxy()?;
    let counting = Counting::start(lab.proxied(&proxy).await?);
    let ((_, one), (_, two)) = (planning(&lab, &["Cluster"])?, planning(&lab, &["Cluster", "Disk"])?);
    lab.create("Cluster", "a", Some("web")).await?;
    counting.counts.follow(&one);
    counting.counts.follow(&two);
    counting.counted(&source(&lab, "Cluster"), None, Some(1)).await?;
    counting.counted(&source(&lab, "Disk"), None, Some(0)).await?;
    proxy.wait_open_watches(2, SOON).await?;
    let lists = proxy.count(|call| !call.watch && call.path.ends_with("/clusters"));
    assert_eq!(lists, 1, "it is listed once");
    counting.counts.forget(two.name());
    proxy.wait_open_watches(1, SOON).await?;
    counting.counted(&source(&lab, "Disk"), None, None).await?;
    counting.counted(&source(&lab, "Cluster"), None, Some(1)).await?;
    counting.counts.forget(one.name());
    proxy.wait_open_watches(0, SOON).await
}

/// While the watch was away one was deleted, one relabelled and one created.
async fn survives(
    break_it: impl AsyncFn(&Lab, &FaultProxy) -> Result<Option<rewitness_controlplane::Rule>>,
) -> Result<()> {
    let lab = Lab::new().await?;
    let proxy = lab.proxy()?;
    let counting = Counting::start_with(lab.proxied(&proxy).await?, Duration::from_secs(3));
    let (_, rule) = planning(&lab, &["Cluster"])?;
    for name in ["a", "b", "c"] {
        lab.create("Cluster", name, Some("web")).await?;
    }
    counting.counts.follow(&rule);
    let clusters = source(&lab, "Cluster");
    counting.counted(&clusters, None, Some(3)).await?;
    proxy.wait_open_watches(1, SOON).await?;
    let fault = break_it(&lab, &proxy).await?;
    lab.delete("Cluster", "a").await?;
    lab.patch("Cluster", "b", json!({ "labels": { lab.label.clone(): "api" } })).await?;
    lab.create("Cluster", "d", Some("web")).await?;
    lab.create("Cluster", "e", Some("web")).await?;
    counting.counted(&clusters, None, Some(3)).await?;
    until("the new ones are counted", SOON, async || {
        let found = counting.counts.count(&clusters, "api", None).map(|found| found.count);
        Ok((found == Some(1)).then_some(()))
    })
    .await?;
    let newest = lab.create("Cluster", "f", Some("web")).await?;
    counting.counted(&clusters, None, Some(4)).await?;
    let version = counting.counts.count(&clusters, "web", None).map(|found| found.version);
    assert_eq!(version, newest.metadata.resource_version.map(|version| Version::parse(&version)));
    if let Some(fault) = fault {
        ensure!(fault.hits() > 0, "the fault was never met");
    }
    Ok(())
}

#[tokio::test]
async fn c11_a_watch_that_is_cut_goes_on() -> Result<()> {
    survives(async |_, proxy| {
        ensure!(proxy.cut_all_watches() == 1);
        Ok(None)
    })
    .await
}

#[tokio::test]
async fn c11_a_version_that_has_expired_leads_to_a_new_list() -> Result<()> {
    for fault in [Fault::expired(), Fault::status(410)] {
        survives(async |_, proxy| {
            let fault = proxy.rule(Match::watches(), fault.clone());
            proxy.cut_all_watches();
            fault.wait_hits(1, SOON).await?;
            Ok(Some(fault))
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn c11_a_watch_that_dies_without_a_word_is_given_up() -> Result<()> {
    survives(async |_, proxy| {
        let fault = proxy.rule(Match::watches().times(1), Fault::Silent);
        proxy.cut_all_watches();
        fault.wait_hits(1, SOON).await?;
        Ok(Some(fault))
    })
    .await
}

#[tokio::test]
async fn c11_a_kind_that_goes_and_comes_back_is_counted_again() -> Result<()> {
    let lab = Lab::new().await?;
    let counting = Counting::start(lab.operator_client().await?);
    let (_, rule) = planning(&lab, &["Cluster"])?;
    lab.create("Cluster", "a", Some("web")).await?;
    counting.counts.follow(&rule);
    let clusters = source(&lab, "Cluster");
    counting.counted(&clusters, None, Some(1)).await?;
    let definitions: Api<CustomResourceDefinition> = Api::all(lab.client.clone());
    definitions.delete(&format!("clusters.{}", lab.group), &DeleteParams::default()).await?;
    counting.counted(&clusters, None, None).await?;
    // It comes back under another plural.
    until("the definition has gone", SOON, async || {
        Ok(definitions.get_opt(&format!("clusters.{}", lab.group)).await?.is_none().then_some(()))
    })
    .await?;
    let resource = lab.plane.crd(&lab.group, "klusters", "Cluster", true, &[]).await?;
    let api: Api<DynamicObject> = Api::namespaced_with(lab.client.clone(), &lab.ns, &resource);
    for name in ["a", "b"] {
        let object = json!({
            "apiVersion": format!("{}/v1", lab.group), "kind": "Cluster",
            "metadata": { "name": name, "labels": { lab.label.clone(): "web" } },
        });
        api.patch(name, &PatchParams::apply("test"), &Patch::Apply(object)).await?;
    }
    counting.counted(&clusters, None, Some(2)).await
}

#[tokio::test]
async fn c11_a_right_that_is_given_later_is_noticed() -> Result<()> {
    let lab = Lab::new().await?;
    lab.create("Cluster", "a", Some("web")).await?;
    let account = lab.plane.service_account(&lab.ns, "counter", vec![]).await?;
    let proxy = lab.proxy()?;
    let client = rewitness_controlplane::client(&proxy.kubeconfig_for(&account)?).await?;
    let counting = Counting::start(client);
    let (_, rule) = planning(&lab, &["Cluster"])?;
    counting.counts.follow(&rule);
    proxy.wait_count(2, SOON, |call| call.status() == Some(403)).await?;
    counting.counted(&source(&lab, "Cluster"), None, None).await?;
    let watches = policy_rule(&lab.group, "clusters", &["list", "watch"]);
    lab.plane.service_account(&lab.ns, "counter", vec![watches]).await?;
    counting.counted(&source(&lab, "Cluster"), None, Some(1)).await
}

/// The parent waits for 32 seconds by the time its last dependent goes.
#[tokio::test]
async fn c11_a_parent_that_waits_is_woken_when_nothing_refers_to_it_any_more() -> Result<()> {
    let lab = Lab::new().await?;
    let (cascade, proxy) = (lab.cascade(&[&[lab.dependents("Cluster")]]), lab.proxy()?);
    let (client, rule) = (lab.proxied(&proxy).await?, Rule::new(&cascade)?);
    let mut patient = rewitness_cascade::Config::default();
    patient.look_again_after = Duration::from_secs(3600);
    let queue = KubernetesQueue::new(client.clone(), Config::default());
    let consumer = Cascades::new(client, patient).consumer(rule.clone(), MemoryRecords::default());
    let _handle = queue.subscribe(rule.subscription(), consumer)?;
    let (mut tasks, running) = (JoinSet::new(), queue.clone());
    tasks.spawn(async move {
        let _ = running.run(std::future::pending()).await;
    });
    let web = lab.parent("Project", "web", &cascade).await?;
    lab.create("Cluster", "a", Some("web")).await?;
    lab.patch("Cluster", "a", json!({ "finalizers": [FOREIGN] })).await?;
    let mut counting = Counting::start(lab.operator_client().await?);
    let parents = [id(&web, &lab, "Project")];
    counting.counts.follow(&rule);
    counting.counted(&source(&lab, "Cluster"), None, Some(1)).await?;
    tasks.spawn(async move {
        loop {
            let shrunk = counting.shrinks.next().await;
            counting.counts.wakes(&rule, &parents, &shrunk).iter().for_each(|key| queue.wake(key));
        }
    });
    lab.delete("Project", "web").await?;
    // One list finds what to delete; each of the others is a look, twice as late as the one before.
    let look = |call: &Call| call.method == "GET" && !call.watch && call.path.ends_with("/clusters");
    proxy.wait_count(8, SOON, look).await?;
    lab.patch("Cluster", "a", json!({ "finalizers": null })).await?;
    let api = lab.api("Project");
    until("the parent goes long before its next look", Duration::from_secs(28), async || {
        Ok(api.get_opt("web").await?.is_none().then_some(()))
    })
    .await
}

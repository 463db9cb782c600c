//! What people read of a deletion (C6): the Events on the parent and on the Cascade, as `kubectl
//! describe` shows them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::events::v1::Event;
use kube::api::{ListParams, PostParams};
use kube::{Api, Client};
use rewitness_cascade::{Cascades, Config, MemoryRecords, Records, Report, Rule};
use rewitness_controlplane::{Fault, FaultProxy, Match, until};
use rewitness_crds::Cascade;
use rewitness_kubernetes::KubernetesQueue;
use rewitness_messaging::{Failure, Handle, Queue, ResourceId, Timestamp};
use rewitness_operator::events::{CascadeEvents, events};
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use rewitness_e2e::lab::{FOREIGN, Lab, SOON};

/// Tells what is reported, as if each deletion had begun two minutes earlier: a foreign finalizer
/// is told of after a minute.
struct Telling {
    records: MemoryRecords,
    events: CascadeEvents,
}

impl Records for Telling {
    fn hour_remaining(&self, limit: u32, now: Timestamp) -> u64 {
        self.records.hour_remaining(limit, now)
    }

    async fn begin(&self, parent: &ResourceId, count: u64, now: Timestamp) -> Result<(), Failure> {
        self.records.begin(parent, count, now).await
    }

    fn report(&self, mut report: Report) {
        report.at += Duration::from_secs(120);
        self.events.report(&report);
    }
}

/// A rule that is followed, and whose Events are written. Dropping it kills it.
struct Telltale {
    handle: Handle,
    _tasks: JoinSet<()>,
    writer: JoinSet<()>,
    stop: oneshot::Sender<()>,
}

impl Telltale {
    fn start(client: Client, writes: Client, cascade: &Cascade) -> Result<Self> {
        let (sink, writer) = events(writes);
        let mut config = Config::default();
        config.look_again_after = Duration::from_millis(500);
        let rule = Rule::new(cascade)?;
        let queue = KubernetesQueue::new(client.clone(), rewitness_kubernetes::Config::default());
        let subscription = rule.subscription();
        let records = Arc::new(Telling { records: MemoryRecords::default(), events: sink.of(cascade) });
        let handle = queue.subscribe(subscription, Cascades::new(client, config).consumer(rule, records))?;
        let (stop, stopped) = oneshot::channel::<()>();
        let (mut tasks, mut writing) = (JoinSet::new(), JoinSet::new());
        tasks.spawn(async move {
            let _ = queue.run(std::future::pending()).await;
        });
        writing.spawn(writer.run(async move {
            let _ = stopped.await;
        }));
        Ok(Self { handle, _tasks: tasks, writer: writing, stop })
    }

    /// Stops the writer, as the program does when it ends, once all there is to tell was told.
    async fn stop(mut self) -> Result<()> {
        // A parent may have gone before the answer of the call that let it go was read.
        self.handle.when(|progress| progress.in_flight == 0).await;
        let _ = self.stop.send(());
        while let Some(ended) = self.writer.join_next().await {
            ended?;
        }
        Ok(())
    }
}

/// The Cascade as an object of the server, so that it has a uid and can be described.
async fn written(lab: &Lab, cascade: &Cascade) -> Result<Cascade> {
    let definition = rewitness_crds::definitions().into_iter().next().context("a definition")?;
    lab.plane.apply_crd(serde_json::to_value(definition)?).await?;
    let api: Api<Cascade> = Api::all(lab.client.clone());
    Ok(api.create(&PostParams::default(), cascade).await?)
}

/// The lines of the Events that `kubectl describe` shows, with one blank between words.
async fn described(lab: &Lab, kind: &str, name: &str) -> Result<Vec<String>> {
    let text = lab.plane.kubectl_ok(&["describe", kind, name]).await?;
    let events = text.split_once("Events:").context("Events")?.1;
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok(events.lines().skip(3).map(words).filter(|line| !line.is_empty()).collect())
}

/// That the lines have these parts, one by one and no others.
fn tells(lines: &[String], events: &[[&str; 2]]) -> bool {
    let line_tells = |(line, [reason, part]): (&String, &[&str; 2])| {
        line.contains(&format!(" {reason} ")) && line.contains(part)
    };
    lines.len() == events.len() && lines.iter().zip(events).all(line_tells)
}

#[tokio::test]
async fn c6_kubectl_describe_tells_the_story_of_a_deletion_that_is_blocked() -> Result<()> {
    let lab = Lab::new().await?;
    let rule = lab.cascade(&[&[lab.dependents("Cluster")], &[lab.dependents("Disk")]]);
    let rule = written(&lab, &rule).await?;
    let client = lab.operator_client().await?;
    let telltale = Telltale::start(client.clone(), client, &rule)?;
    lab.parent("Project", "web", &rule).await?;
    for name in ["a", "b", "c"] {
        lab.create("Cluster", name, Some("web")).await?;
    }
    lab.patch("Cluster", "a", json!({ "finalizers": [FOREIGN] })).await?;
    lab.create("Disk", "d", Some("web")).await?;
    lab.delete("Project", "web").await?;

    let (projects, name) =
        (format!("projects.{}", lab.group), rule.metadata.name.clone().unwrap_or_default());
    let kept = format!("1 Cluster.{} kept by the finalizer {FOREIGN} ({}/a)", lab.group, lab.ns);
    let mut events = vec![
        ["DeletionHeld", "is held until all that refers to the parent is gone"],
        ["StageStarted", "stage stage-0: 3 dependents are being deleted"],
        ["DependentBlocked", &*kept],
    ];
    let told = until("the block is told on both", SOON, async || {
        let (parent, cascade) =
            (described(&lab, &projects, "web").await?, described(&lab, "casc", &name).await?);
        Ok((tells(&parent, &events) && tells(&cascade, &events)).then_some((parent, cascade)))
    });
    let (parent, cascade) = told.await?;
    ensure!(parent.iter().all(|line| line.contains(&format!("rewitness.dev/operator Cascade {name}: "))));
    ensure!(cascade.iter().all(|line| line.contains(&format!("Project.{} web: ", lab.group))), "{cascade:?}");
    ensure!(parent[2].starts_with("Warning") && parent[0].starts_with("Normal"), "{parent:?}");

    lab.patch("Cluster", "a", json!({ "finalizers": null })).await?;
    lab.gone("Project", "web").await?;
    events.push(["StageStarted", "stage stage-1: 1 dependent is being deleted"]);
    events.push(["CascadeFinished", "deleted: 3 in stage stage-0, 1 in stage stage-1"]);
    let told = async || Ok(tells(&described(&lab, "casc", &name).await?, &events).then_some(()));
    until("the end is told", SOON, told).await?;
    telltale.stop().await?;
    let told = described(&lab, "casc", &name).await?;
    ensure!(tells(&told, &events), "what was told before the end is written, and nothing else: {told:#?}");
    Ok(())
}

/// Whose Events about an object of this uid there are.
async fn reasons(lab: &Lab, ns: &str, uid: Option<&str>) -> Result<Vec<String>> {
    let api: Api<Event> = Api::namespaced(lab.client.clone(), ns);
    let events = api.list(&ListParams::default()).await?;
    let about =
        |event: &Event| event.regarding.as_ref().and_then(|regarding| regarding.uid.as_deref()) == uid;
    Ok(events.into_iter().filter(about).filter_map(|event| event.reason).collect())
}

#[tokio::test]
async fn c6_events_of_a_parent_are_in_its_namespace_and_those_of_its_cascade_in_default() -> Result<()> {
    let lab = Lab::new().await?;
    let rule = written(&lab, &lab.cascade_of("Space", &[&[lab.dependents("Disk")]], json!({}))).await?;
    let client = lab.operator_client().await?;
    let telltale = Telltale::start(client.clone(), client, &rule)?;
    let name = format!("a.{}", "x".repeat(240));
    let space = lab.parent("Space", &name, &rule).await?;
    lab.delete("Space", &name).await?;
    lab.gone("Space", &name).await?;
    let told = async || {
        let of_space = reasons(&lab, &lab.ns, space.metadata.uid.as_deref()).await?;
        anyhow::Ok([of_space, reasons(&lab, "default", rule.metadata.uid.as_deref()).await?])
    };
    let finished = [["CascadeFinished"]; 2];
    until("the end is told of both, for any name", SOON, async || {
        Ok((told().await? == finished).then_some(()))
    })
    .await?;
    telltale.stop().await?;
    assert_eq!(told().await?, finished, "and nothing else");
    Ok(())
}

/// What cannot be written affects nothing, and what comes after an outage is written.
#[tokio::test]
async fn c6_events_that_cannot_be_written_hold_nothing_up() -> Result<()> {
    let lab = Lab::new().await?;
    let rule = written(&lab, &lab.cascade(&[&[lab.dependents("Cluster")]])).await?;
    let poor = lab.plane.service_account(&lab.ns, "poor", vec![]).await?;
    let poor = rewitness_controlplane::client(&poor).await?;
    let telltale = Telltale::start(lab.operator_client().await?, poor, &rule)?;
    lab.parent("Project", "web", &rule).await?;
    lab.create("Cluster", "a", Some("web")).await?;
    lab.delete("Project", "web").await?;
    lab.gone("Project", "web").await?;
    telltale.stop().await?;
    assert!(reasons(&lab, "default", rule.metadata.uid.as_deref()).await?.is_empty());

    let proxy = FaultProxy::start(lab.plane)?;
    let events = Match::collection("events").method("POST");
    let failing = proxy.rule(events.clone().times(2), Fault::status(503));
    let lost = proxy.rule(events.times(1), Fault::LoseAnswer);
    let telltale = Telltale::start(lab.operator_client().await?, lab.proxied(&proxy).await?, &rule)?;
    let late = lab.parent("Project", "late", &rule).await?;
    lab.delete("Project", "late").await?;
    lab.gone("Project", "late").await?;
    failing.wait_hits(2, SOON).await?;
    lost.wait_hits(1, SOON).await?;
    until("it is written after the outage", SOON, async || {
        let told = reasons(&lab, "default", rule.metadata.uid.as_deref()).await?;
        Ok((told == ["CascadeFinished"]).then_some(()))
    })
    .await?;
    telltale.stop().await?;
    let told = reasons(&lab, "default", late.metadata.uid.as_deref()).await?;
    assert_eq!(told, ["CascadeFinished"], "once, though an answer was lost");
    Ok(())
}

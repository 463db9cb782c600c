//! B6: the process is killed at each of its writes in turn, from the first sight of a Cascade until
//! a deletion is finished.
//!
//! What a process leaves behind is what it has written, so that a death between two writes is the
//! same wherever it comes; and each is either made or not, whoever hears of it.

use anyhow::{Result, ensure};
use futures::{StreamExt, stream};
use kube::api::PostParams;
use rewitness_controlplane::{Call, Fault, FaultProxy, Gate, Match, Rule, unique, until};
use rustix::process::Signal;
use serde_json::json;

use rewitness_e2e::lab::{SOON, operator_kubeconfig};
use rewitness_e2e::office::{OFFICE, Office, is_held, operator};

/// Cases under way at a time.
const AT_A_TIME: usize = 4;

/// When the process ends, seen from one write.
#[derive(Clone, Copy, Debug)]
enum Killed {
    Before,
    /// The write is made; its answer never arrives.
    After,
    /// The write is made, and instead of its answer comes the end of the connection. What the process
    /// writes then is its last word, and never arrives.
    AnswerLost,
}

/// A deletion of its own, with a Cascade that no other operator follows.
struct Case<'a> {
    office: &'a Office,
    name: String,
    cascade: String,
}

fn is_write(call: &Call) -> bool {
    call.method != "GET" && !call.path.ends_with("/selfsubjectaccessreviews")
}

impl<'a> Case<'a> {
    async fn new(office: &'a Office) -> Result<Self> {
        let (lab, name) = (&office.lab, unique("web"));
        let parent = json!({
            "apiVersion": format!("{}/v1", lab.group), "kind": "Project",
            "labelSelector": { "matchLabels": { "case": &name } },
        });
        let stages = [&[lab.dependents("Cluster")][..], &[lab.dependents("Disk")]];
        let mut cascade = lab.cascade_of("Project", &stages, json!({ "parent": parent }));
        cascade.metadata.labels = Some([(OFFICE.to_owned(), name.clone())].into());
        for kind in ["Cluster", "Disk"] {
            lab.create(kind, &name, Some(&name)).await?;
        }
        lab.create("Project", &name, None).await?;
        lab.patch("Project", &name, json!({ "labels": { "case": &name } })).await?;
        let cascade = office.cascades.create(&PostParams::default(), &cascade).await?;
        Ok(Self { office, cascade: cascade.metadata.name.unwrap_or_default(), name })
    }

    /// Asks for the deletion as soon as it will be witnessed, and waits until it is finished.
    async fn go_through(&self) -> Result<()> {
        let projects = self.office.lab.api("Project");
        let what = format!("{} is held, or has gone", self.name);
        let parent = until(&what, SOON, async || {
            let parent = projects.get_opt(&self.name).await?;
            let is_settled = parent.as_ref().is_none_or(|parent| is_held(parent, &self.cascade));
            Ok(is_settled.then_some(parent))
        });
        if parent.await?.is_some_and(|parent| parent.metadata.deletion_timestamp.is_none()) {
            self.office.lab.delete("Project", &self.name).await?;
        }
        self.office.lab.gone("Project", &self.name).await
    }

    /// Whether the status says that the deletion is finished, as its last write does.
    async fn recorded(&self) -> Result<()> {
        let finished = |status: &rewitness_crds::CascadeStatus| (status.finished.len() == 1).then_some(());
        self.office.status(&self.cascade, "it is recorded", finished).await
    }

    /// The process is killed at a write, if it comes to it; the next one finishes. Answers whether it
    /// came to it.
    async fn killed_at(&self, write: usize, killed: Killed) -> Result<bool> {
        let (lab, proxy) = (&self.office.lab, self.office.lab.proxy()?);
        let (lost, held) = faults(&proxy, write, killed);
        let first = operator(&proxy.kubeconfig_for(operator_kubeconfig().await?)?, &self.name, &[])?;
        let whole = async {
            self.go_through().await?;
            self.recorded().await
        };
        let is_killed = tokio::select! {
            // It ends sooner by the deadlines of the other.
            hit = held.wait_hits(1, 10 * SOON) => hit.map(|()| true),
            whole = whole => whole.map(|()| false),
        };
        let is_killed = is_killed? || lost.as_ref().is_some_and(|lost| lost.hits() > 0);
        first.signal(Signal::KILL)?;
        first.end().await?;
        // What was held back before the server never arrives there.
        drop(proxy);
        let _second = operator(operator_kubeconfig().await?, &self.name, &[])?;
        self.go_through().await?;
        for kind in ["Cluster", "Disk"] {
            ensure!(!lab.exists(kind, &self.name).await?, "a {kind} is left, {killed:?} write {write}");
            ensure!(lab.exists(kind, "api").await?, "what belongs to another went, {killed:?} write {write}");
        }
        Ok(is_killed)
    }
}

fn faults(proxy: &FaultProxy, write: usize, killed: Killed) -> (Option<Rule>, Rule) {
    let writes = Match::any().when(is_write);
    let fault = match killed {
        Killed::Before | Killed::AnswerLost => Fault::Hold(Gate::new()),
        Killed::After => Fault::HoldAnswer(Gate::new()),
    };
    let is_lost = matches!(killed, Killed::AnswerLost);
    let lost = is_lost.then(|| proxy.rule(writes.clone().skip(write).times(1), Fault::LoseAnswer));
    (lost, proxy.rule(writes.skip(write + usize::from(is_lost)).times(1), fault))
}

/// How many writes it takes when nothing is wrong.
async fn writes(office: &Office) -> Result<usize> {
    let (case, proxy) = (Case::new(office).await?, office.lab.proxy()?);
    let _operator = operator(&proxy.kubeconfig_for(operator_kubeconfig().await?)?, &case.name, &[])?;
    case.go_through().await?;
    case.recorded().await?;
    Ok(proxy.count(is_write))
}

#[tokio::test]
async fn fault_b6_a_process_that_is_killed_at_any_of_its_writes_is_followed_by_one_that_finishes()
-> Result<()> {
    let office = Office::new().await?;
    for kind in ["Cluster", "Disk"] {
        office.lab.create(kind, "api", Some("api")).await?;
    }
    let writes = writes(&office).await?;
    ensure!(writes >= 8, "there were only {writes} writes");
    let modes = [Killed::Before, Killed::After, Killed::AnswerLost];
    let cases = (0..writes).flat_map(|write| modes.map(|killed| (write, killed)));
    let ended = stream::iter(cases.map(|(write, killed)| {
        let office = &office;
        async move { Case::new(office).await?.killed_at(write, killed).await }
    }));
    let ended: Vec<Result<bool>> = ended.buffer_unordered(AT_A_TIME).collect().await;
    let killed = ended.into_iter().collect::<Result<Vec<bool>>>()?;
    // How many Events and statuses are written together is not the same each time.
    let times = killed.iter().filter(|is_killed| **is_killed).count();
    ensure!(times * 4 >= killed.len() * 3, "killed only {times} times of {}", killed.len());
    Ok(())
}

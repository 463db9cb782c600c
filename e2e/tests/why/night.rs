//! A night in which somebody is called who knows nothing of all this, and does what is printed.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use rewitness_controlplane::{Config, ControlPlane, until};
use rewitness_crds::CascadeStatus;
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::session::{Answer, Session, Step};
use rewitness_e2e::OnTerminal;
use rewitness_e2e::Running;
use rewitness_e2e::lab::SOON;

/// One incident at a time.
static TURN: Mutex<()> = Mutex::const_new(());

/// One incident, on a control plane that other tests stay away from: `rewitness run`, as it is typed when it is advised,
/// follows every Cascade that there is.
pub(crate) struct Night {
    pub(crate) session: Session,
    _turn: MutexGuard<'static, ()>,
}

/// What comes of asking.
enum Turn {
    Gone,
    Advised(Step),
}

impl Night {
    pub(crate) async fn begin() -> Result<Self> {
        static PLANE: OnceCell<ControlPlane> = OnceCell::const_new();
        let turn = TURN.lock().await;
        let plane = PLANE.get_or_try_init(|| ControlPlane::start(Config::default())).await?;
        let session = Session::on(plane).await?;
        forget_cascades(&session).await?;
        Ok(Self { session, _turn: turn })
    }

    /// A Cascade in force from Projects, as an object.
    pub(crate) async fn cascade(&mut self, stages: &[&[Value]], more: Value) -> Result<String> {
        let cascade = self.session.lab.cascade_of("Project", stages, more);
        self.session.write(&cascade, "CASCADE").await
    }

    /// The operator as a cluster's administrator starts it.
    pub(crate) fn operator(&self) -> Result<Running> {
        Running::start(self.session.rewitness(&["run"])?)
    }

    /// A project that the operator holds, and a cluster of its own.
    pub(crate) async fn family(&self, cascade: &str) -> Result<String> {
        let lab = &self.session.lab;
        lab.create("Project", "web", None).await?;
        lab.create("Cluster", "of-web", Some("web")).await?;
        self.held("Project", "web", cascade).await?;
        Ok(format!("{}/web", self.session.kind("projects")))
    }

    /// Waits until a Cascade holds an object.
    pub(crate) async fn held(&self, kind: &str, name: &str, cascade: &str) -> Result<()> {
        let (api, finalizer) = (self.session.lab.api(kind), rewitness_crds::cascade::finalizer(cascade));
        until(&format!("{name} is held"), SOON, async || {
            let finalizers = api.get(name).await?.metadata.finalizers.unwrap_or_default();
            Ok(finalizers.contains(&finalizer).then_some(()))
        })
        .await
    }

    /// Waits until the operator says this in the status of a Cascade as it is now.
    pub(crate) async fn said(&self, cascade: &str, says: impl Fn(&CascadeStatus) -> bool) -> Result<()> {
        until("the operator says so", SOON, async || {
            let cascade = self.session.cascades.get(cascade).await?;
            let status =
                cascade.status.filter(|status| status.observed_generation == cascade.metadata.generation);
            Ok(status.as_ref().is_some_and(&says).then_some(()))
        })
        .await
    }

    /// Waits until the answer has a finding of this reason.
    pub(crate) async fn told(&self, what: &str, reason: &str) -> Result<Answer> {
        until(&format!("{reason} is told"), SOON, async || {
            let answer = self.session.why(what).await?;
            Ok(answer.finding(reason).is_some().then_some(answer))
        })
        .await
    }

    /// Holds the answer against what is written down, once the operator has also told of it by an Event.
    pub(crate) async fn golden(&self, what: &str, name: &str) -> Result<Answer> {
        self.told(what, "Event").await?;
        self.session.golden_told(what, name).await
    }

    /// Asks, types the first command that was not typed yet, and asks again, until the object is gone. Answers what was
    /// typed, with whatever differs each time replaced.
    pub(crate) async fn solve(&self, what: &str) -> Result<Vec<String>> {
        let mut typed: Vec<String> = Vec::new();
        loop {
            let turn = until("it is gone, or something else is advised", SOON, async || {
                let answer = self.session.why(what).await?;
                if answer.state() == "NotFound" {
                    return Ok(Some(Turn::Gone));
                }
                let untyped = answer.steps().into_iter().find(|step| !typed.contains(&step.command));
                Ok(untyped.map(Turn::Advised))
            });
            match turn.await.with_context(|| format!("typed so far: {typed:#?}"))? {
                Turn::Gone => return Ok(typed.iter().map(|command| self.session.still(command)).collect()),
                Turn::Advised(step) => {
                    self.take(what, &step).await.with_context(|| format!("typed before: {typed:#?}"))?;
                    typed.push(step.command);
                }
            }
        }
    }

    /// Types one command, and waits until it is advised no more.
    async fn take(&self, what: &str, step: &Step) -> Result<()> {
        let command = &step.command;
        match &*step.rank {
            // What it shows may be that something is refused.
            "look" => return self.session.types(command).await.map(drop).or(Ok(())),
            _ if command.starts_with("rewitness confirm") => self.agrees_to(command).await?,
            _ => drop(self.session.types(command).await?),
        }
        until(&format!("`{command}` has done what it should"), SOON, async || {
            let answer = self.session.why(what).await?;
            Ok((!answer.commands().contains(command)).then_some(()))
        })
        .await
    }

    /// Types a command at a terminal, reads what it asks, and agrees.
    async fn agrees_to(&self, command: &str) -> Result<()> {
        let mut terminal = OnTerminal::start(self.session.shell(command)?)?;
        terminal.shows("[y/N]").await?;
        terminal.types("y\n")?;
        let status = terminal.end().await?;
        ensure!(status == Some(0), "`{command}` ended with {status:?}");
        Ok(())
    }
}

/// Removes the Cascades of the nights before, whatever became of them.
async fn forget_cascades(session: &Session) -> Result<()> {
    for cascade in session.cascades.list(&ListParams::default()).await? {
        let name = cascade.metadata.name.context("a name")?;
        let bare = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
        session.cascades.patch(&name, &PatchParams::default(), &bare).await?;
        session.cascades.delete(&name, &DeleteParams::default()).await?;
    }
    Ok(())
}

/// The operator by an account of its own.
pub(crate) fn operator_as(mut rewitness: Command, kubeconfig: &std::path::Path) -> Result<Running> {
    rewitness.env("KUBECONFIG", kubeconfig);
    Running::start(rewitness)
}

//! What the steps share.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use kube::ResourceExt;
use kube::api::DynamicObject;
use rewitness_controlplane::until;

use crate::cascades::{Cascades, finalizer};
use crate::cloud::{CALL, Cloud, Record};
use crate::line::{Delivery, Line};
use crate::place::Place;
use crate::platform::{Platform, PlatformKind, Thing};
use crate::running::Running;
use crate::screen::Screen;

/// How long anything may take that is expected to happen at once. Long, since it only ever passes on failure.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// The name after `--hold`.
pub(crate) const HOLD: &str = "demo";

/// The finalizer that it stands for.
pub(crate) const FINALIZER: &str = "hold.rewitness.dev/demo";

/// The API, the cloud, the program, and the screen on which they are shown.
pub(crate) struct Stage<'a> {
    pub(crate) screen: &'a Screen,
    pub(crate) place: &'a Place,
    pub(crate) platform: Platform,
    pub(crate) cascades: Cascades,
    pub(crate) cloud: Cloud,
    pub(crate) program: PathBuf,
    /// While the program runs.
    pub(crate) running: Option<Running>,
    /// When the first delivery's line was seen.
    pub(crate) first_line: Option<SystemTime>,
}

impl Stage<'_> {
    /// Starts `rewitness tail` with the consumer.
    pub(crate) fn tail(&mut self, kinds: &[PlatformKind], hold: bool) -> Result<()> {
        let types = self.place.types(kinds);
        let mut args = vec!["tail", &types, "-A"];
        if hold {
            args.extend(["--hold", HOLD, "--yes"]);
        }
        args.push("--");
        args.extend(CALL);
        self.start(&args)
    }

    /// Starts the operator, for the demo's Cascade alone.
    pub(crate) fn operate(&mut self) -> Result<()> {
        let selector = self.cascades.selector();
        self.start(&["run", "-l", &selector])
    }

    /// Starts the program, and shows how it would be typed.
    pub(crate) fn start(&mut self, args: &[&str]) -> Result<()> {
        let (command, typed) = self.place.command(&self.program, args);
        self.screen.command(&typed);
        self.running = Some(Running::start(command, self.cloud.dir(), self.screen)?);
        Ok(())
    }

    /// Types a command into a shell beside whatever runs; answers the lines that it wrote.
    pub(crate) async fn types(&self, line: &str) -> Result<Vec<String>> {
        self.screen.command(line);
        let shell = self.place.shell(&self.program, line)?;
        let mut typed = Running::start(shell, self.cloud.dir(), self.screen)?;
        let status = typed.end().await?;
        ensure!(status.success(), "`{line}` ended with {status}");
        Ok(typed.said())
    }

    pub(crate) fn running(&mut self) -> Result<&mut Running> {
        self.running.as_mut().context("the program does not run")
    }

    /// Takes the program, to end it.
    pub(crate) fn take_running(&mut self) -> Result<Running> {
        self.running.take().context("the program does not run")
    }

    /// Waits for the line of a delivery of this object.
    pub(crate) async fn delivered(
        &mut self,
        object: &DynamicObject,
        what: &str,
        wanted: impl Fn(&Delivery) -> bool,
    ) -> Result<Line> {
        let uid = object.uid().context("an object has a uid")?;
        let wanted = |line: &&Line| line.delivery.as_ref().is_some_and(|it| it.uid == uid && wanted(it));
        self.running()?.until(what, SOON, |lines| lines.iter().find(wanted).cloned()).await
    }

    /// Waits until the cloud's record of a resource is of exactly the state that the API has.
    pub(crate) async fn in_step(&self, thing: &Thing) -> Result<DynamicObject> {
        until(&format!("the cloud is in step with {}", thing.shown()), SOON, async || {
            let object = self.existing(thing).await?;
            Ok((self.cloud.record(thing) == Some(record_of(&object)?)).then_some(object))
        })
        .await
    }

    /// Reads a resource that must be there.
    pub(crate) async fn existing(&self, thing: &Thing) -> Result<DynamicObject> {
        let object = self.platform.read(thing).await?;
        object.with_context(|| format!("{} is gone", thing.shown()))
    }

    /// Waits until the demo's Cascade holds a project.
    pub(crate) async fn held(&self, project: &Thing) -> Result<DynamicObject> {
        until(&format!("{} is held", project.shown()), SOON, async || {
            let object = self.existing(project).await?;
            Ok(is_held_by_cascade(&object).then_some(object))
        })
        .await
    }

    /// Waits until the API does not have a project any more, and finds nothing that refers to it.
    pub(crate) async fn all_gone(&self, project: &Thing) -> Result<()> {
        until(&format!("{} is gone", project.shown()), SOON, async || {
            Ok(self.platform.read(project).await?.is_none().then_some(()))
        })
        .await?;
        for kind in [PlatformKind::Cluster, PlatformKind::Network] {
            let left = self.platform.dependents(kind, project.name).await?;
            ensure!(left.is_empty(), "{} is gone before its {}", project.shown(), kind.plural());
        }
        Ok(())
    }

    /// Waits until the API does not have a resource any more, and finds that the cloud has nothing left of it either.
    pub(crate) async fn gone(&self, thing: &Thing) -> Result<()> {
        until(&format!("{} is gone from the API", thing.shown()), SOON, async || {
            Ok(self.platform.read(thing).await?.is_none().then_some(()))
        })
        .await?;
        ensure!(!self.cloud.has(thing), "{} is gone before the cloud was cleaned", thing.shown());
        Ok(())
    }
}

/// What the consumer's record has to be for this state of an object.
pub(crate) fn record_of(object: &DynamicObject) -> Result<Record> {
    let uid = object.uid().context("an object has a uid")?;
    let resource_version = object.resource_version().context("an object has a version")?;
    Ok(Record { uid, resource_version })
}

/// Whether the demo's finalizer is on an object.
pub(crate) fn is_held(object: &DynamicObject) -> bool {
    object.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
}

/// Whether the finalizer of the demo's Cascade is on an object.
pub(crate) fn is_held_by_cascade(object: &DynamicObject) -> bool {
    object.finalizers().contains(&finalizer())
}

/// Whether an object is being deleted, and is there only because it is held.
pub(crate) fn waits_for_us(object: &DynamicObject) -> bool {
    object.metadata.deletion_timestamp.is_some() && is_held(object)
}

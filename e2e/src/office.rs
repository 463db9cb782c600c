//! A platform of its own for each test, and the program that follows its Cascades, and no others.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::rbac::v1::PolicyRule;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use rewitness_controlplane::{Config, ControlPlane, FaultProxy, shared, until};
use rewitness_crds::cascade::finalizer;
use rewitness_crds::{CASCADES, Cascade, CascadeStatus, RELEASED_ANNOTATION, UNINSTALL_ANNOTATION};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::lab::{FOREIGN, Lab, SOON, operator_kubeconfig};
use crate::{Ended, Running};

/// The label by which a test's operator knows the Cascades that are its own.
pub const OFFICE: &str = "office";

/// A lab with Cascades as objects.
pub struct Office {
    pub lab: Lab,
    pub cascades: Api<Cascade>,
    pub kubeconfig: PathBuf,
}

impl Office {
    pub async fn new() -> Result<Self> {
        static INSTALLED: OnceCell<()> = OnceCell::const_new();
        let plane = shared().await?;
        INSTALLED.get_or_try_init(|| install(plane)).await?;
        Self::with(Lab::new().await?, operator_kubeconfig().await?.clone())
    }

    /// On a control plane of its own, where Cascade is not installed yet.
    pub async fn apart() -> Result<Self> {
        // It ends with the process, as the shared one does.
        let plane: &ControlPlane = Box::leak(Box::new(ControlPlane::start(Config::default()).await?));
        Self::with(Lab::on(plane).await?, plane.kubeconfig())
    }

    fn with(lab: Lab, kubeconfig: PathBuf) -> Result<Self> {
        let cascades = Api::all(lab.client.clone());
        Ok(Self { lab, cascades, kubeconfig })
    }

    /// The operator's calls go through a proxy.
    pub fn proxied(&mut self) -> Result<FaultProxy> {
        let proxy = self.lab.proxy()?;
        self.kubeconfig = proxy.kubeconfig_for(&self.kubeconfig)?;
        Ok(proxy)
    }

    /// An operator whose calls go through a proxy, and a Cascade of Projects that is in force.
    pub async fn proxied_projects(&mut self) -> Result<(FaultProxy, Running, String)> {
        let proxy = self.proxied()?;
        let operator = self.operator(&[])?;
        let cascade = self.projects(json!({})).await?;
        self.enforced(&cascade).await?;
        Ok((proxy, operator, cascade))
    }

    /// The operator acts by an account that may do only this.
    pub async fn as_account(&mut self, rules: Vec<PolicyRule>) -> Result<()> {
        self.kubeconfig = self.lab.plane.service_account(&self.lab.ns, "operator", rules).await?;
        Ok(())
    }

    /// A Cascade in force from Projects to Clusters, with these further fields of the spec.
    pub async fn projects(&self, more: Value) -> Result<String> {
        self.write(self.lab.cascade_of("Project", &[&[self.lab.dependents("Cluster")]], more)).await
    }

    /// A parent whose deletion waits for a dependent that somebody else keeps.
    pub async fn stuck(&self, kind: &str, parent: &str, cascade: &str) -> Result<()> {
        self.parent(kind, parent, cascade).await?;
        self.lab.create("Cluster", &format!("of-{parent}"), Some(parent)).await?;
        self.lab.patch("Cluster", &format!("of-{parent}"), json!({ "finalizers": [FOREIGN] })).await?;
        self.lab.delete(kind, parent).await?;
        self.status(cascade, "it waits", |status| {
            let held = status.held_parents.iter().find(|held| held.name == parent)?;
            held.waits_for.iter().any(|wait| wait.cause == "Finalizers").then_some(())
        })
        .await
    }

    /// Somebody else lets the dependent of a stuck parent go.
    pub async fn unstick(&self, parent: &str) -> Result<()> {
        self.lab.patch("Cluster", &format!("of-{parent}"), json!({ "finalizers": null })).await
    }

    /// The operator of this office, with these further arguments.
    pub fn operator(&self, args: &[&str]) -> Result<Running> {
        operator(&self.kubeconfig, &self.lab.group, args)
    }

    /// How that is started.
    pub fn command(&self, args: &[&str]) -> Result<Command> {
        operator_command(&self.kubeconfig, &self.lab.group, args)
    }

    /// Writes a Cascade for this office's operator; answers its name.
    pub async fn write(&self, mut cascade: Cascade) -> Result<String> {
        cascade.metadata.labels = Some([(OFFICE.to_owned(), self.lab.group.clone())].into());
        let written = self.cascades.create(&PostParams::default(), &cascade).await?;
        written.metadata.name.context("a name")
    }

    /// Changes fields of the spec.
    pub async fn edit(&self, name: &str, spec: Value) -> Result<()> {
        let patch = Patch::Merge(json!({ "spec": spec }));
        self.cascades.patch(name, &PatchParams::default(), &patch).await?;
        Ok(())
    }

    /// Gives a Cascade to the operator of another office.
    pub async fn relabel(&self, name: &str, office: &str) -> Result<()> {
        let patch = Patch::Merge(json!({ "metadata": { "labels": { OFFICE: office } } }));
        self.cascades.patch(name, &PatchParams::default(), &patch).await?;
        Ok(())
    }

    pub async fn delete(&self, name: &str) -> Result<()> {
        self.cascades.delete(name, &DeleteParams::default()).await?;
        Ok(())
    }

    /// Waits until the status is as wanted.
    pub async fn status<T>(
        &self,
        name: &str,
        what: &str,
        wanted: impl Fn(&CascadeStatus) -> Option<T>,
    ) -> Result<T> {
        let mut last = None;
        let what = format!("{name}: {what}");
        let found = until(&what, SOON, async || {
            let cascade = self.cascades.get(name).await?;
            last = cascade.status.filter(|status| status.observed_generation == cascade.metadata.generation);
            Ok(last.as_ref().and_then(&wanted))
        })
        .await;
        found.with_context(|| format!("{last:#?}"))
    }

    /// Waits until a condition has this value and reason; answers its message.
    pub async fn condition(&self, name: &str, kind: &str, value: &str, reason: &str) -> Result<String> {
        let what = format!("{kind}={value}/{reason}");
        let is = |one: &&Condition| one.type_ == kind && one.status == value && one.reason == reason;
        self.status(name, &what, |status| status.conditions.iter().find(is).map(|one| one.message.clone()))
            .await
    }

    /// Waits until a Cascade is in force.
    pub async fn enforced(&self, name: &str) -> Result<()> {
        self.condition(name, "Ready", "True", "Enforced").await.map(drop)
    }

    /// Asks the operator to let go of everything, at a time; or not to, after all.
    pub async fn mark_uninstall(&self, at: Option<&str>) -> Result<()> {
        let mark = json!({ "metadata": { "annotations": { UNINSTALL_ANNOTATION: at } } });
        let definitions = self.definitions();
        definitions.patch(CASCADES, &PatchParams::default(), &Patch::Merge(mark)).await?;
        Ok(())
    }

    /// Whether the operator has answered to that mark.
    pub async fn is_released(&self, at: &str) -> Result<bool> {
        let annotations = self.definitions().get(CASCADES).await?.metadata.annotations.unwrap_or_default();
        Ok(annotations.get(RELEASED_ANNOTATION).is_some_and(|value| value == at))
    }

    pub async fn released(&self, at: &str) -> Result<()> {
        until("the uninstalling is acknowledged", SOON, async || {
            Ok(self.is_released(at).await?.then_some(()))
        })
        .await
    }

    fn definitions(&self) -> Api<CustomResourceDefinition> {
        Api::all(self.lab.client.clone())
    }

    /// Waits until a Cascade has gone.
    pub async fn left(&self, name: &str) -> Result<()> {
        until(&format!("{name} has gone"), SOON, async || {
            Ok(self.cascades.get_opt(name).await?.is_none().then_some(()))
        })
        .await
    }

    /// A parent that a Cascade holds.
    pub async fn parent(&self, kind: &str, parent: &str, cascade: &str) -> Result<DynamicObject> {
        self.lab.create(kind, parent, None).await?;
        self.held(kind, parent, cascade).await
    }

    /// Waits until a parent is held by a Cascade.
    pub async fn held(&self, kind: &str, parent: &str, cascade: &str) -> Result<DynamicObject> {
        let api = self.lab.api(kind);
        until(&format!("{parent} is held by {cascade}"), SOON, async || {
            let object = api.get(parent).await?;
            Ok(is_held(&object, cascade).then_some(object))
        })
        .await
    }

    /// Waits until a parent is not held by a Cascade, or has gone.
    pub async fn let_go(&self, kind: &str, parent: &str, cascade: &str) -> Result<()> {
        let api = self.lab.api(kind);
        until(&format!("{parent} is not held by {cascade}"), SOON, async || {
            let object = api.get_opt(parent).await?;
            Ok(object.is_none_or(|object| !is_held(&object, cascade)).then_some(()))
        })
        .await
    }

    /// Runs the program to its end, as a cluster's administrator.
    pub async fn types(&self, args: &[&str]) -> Result<Ended> {
        Running::start(command(&self.lab.plane.kubeconfig(), args)?)?.end().await
    }

    /// `projects.GROUP`: the plural alone would be whichever test's group comes first.
    pub fn kinds(&self, plural: &str) -> String {
        format!("{plural}.{}", self.lab.group)
    }

    /// Types a line into a shell in the root of the repository, with kubectl and the program at hand.
    pub async fn shell(&self, line: &str) -> Result<String> {
        let programs = [self.lab.plane.kubectl_program(), crate::program()?];
        let folders = programs.iter().filter_map(|program| program.parent()).map(Path::to_owned);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(folders.chain(std::env::split_paths(&path)))?;
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("a folder has a parent")?;
        let mut shell = tokio::process::Command::new("sh");
        shell.args(["-c", line]).current_dir(root).env("PATH", path);
        shell.env("KUBECONFIG", self.lab.plane.kubeconfig()).env("KUBERC", "off");
        shell.env("KUBECACHEDIR", self.lab.plane.dir().join("kubectl-cache"));
        let output = tokio::time::timeout(SOON, shell.kill_on_drop(true).output());
        let output = output.await.with_context(|| format!("`{line}` does not end"))??;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`{line}` ended with {}: {said}", output.status);
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// The program with these arguments, not started yet.
pub fn command(kubeconfig: &Path, args: &[&str]) -> Result<Command> {
    let mut command = Command::new(crate::program()?);
    command.args(args).env("KUBECONFIG", kubeconfig);
    for name in ["NO_COLOR", "RUST_LOG", "TERM"] {
        command.env_remove(name);
    }
    Ok(command)
}

/// An operator that follows the Cascades with this label, and no others.
pub fn operator(kubeconfig: &Path, office: &str, args: &[&str]) -> Result<Running> {
    Running::start(operator_command(kubeconfig, office, args)?)
}

fn operator_command(kubeconfig: &Path, office: &str, args: &[&str]) -> Result<Command> {
    let mut command = Command::new(crate::program()?);
    let selector = format!("{OFFICE}={office}");
    command.args(["run", "-l", &selector]).args(args).env("KUBECONFIG", kubeconfig);
    command.env("RUST_LOG", "warn,rewitness=debug,rewitness_cascade=debug,rewitness_kubernetes=info");
    Ok(command)
}

/// Whether a Cascade's finalizer is on a parent.
pub fn is_held(parent: &DynamicObject, cascade: &str) -> bool {
    parent.metadata.finalizers.iter().flatten().any(|one| *one == finalizer(cascade))
}

/// Installs the definition of Cascade.
pub async fn install(plane: &ControlPlane) -> Result<()> {
    let definition = rewitness_crds::definitions().into_iter().next().context("a definition")?;
    plane.apply_crd(serde_json::to_value(definition)?).await.map(drop)
}

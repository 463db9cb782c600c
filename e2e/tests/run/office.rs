//! A platform of its own for each test, and the program that follows its Cascades, and no others.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
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
use crate::running::Running;

/// The label by which a test's operator knows the Cascades that are its own.
pub(crate) const OFFICE: &str = "office";

/// A lab with Cascades as objects.
pub(crate) struct Office {
    pub(crate) lab: Lab,
    pub(crate) cascades: Api<Cascade>,
    pub(crate) kubeconfig: PathBuf,
}

impl Office {
    pub(crate) async fn new() -> Result<Self> {
        static INSTALLED: OnceCell<()> = OnceCell::const_new();
        let plane = shared().await?;
        INSTALLED.get_or_try_init(|| install(plane)).await?;
        Self::with(Lab::new().await?, operator_kubeconfig().await?.clone())
    }

    /// On a control plane of its own, where Cascade is not installed yet.
    pub(crate) async fn apart() -> Result<Self> {
        // It ends with the process, as the shared one does.
        let plane: &ControlPlane = Box::leak(Box::new(ControlPlane::start(Config::default()).await?));
        Self::with(Lab::on(plane).await?, plane.kubeconfig())
    }

    fn with(lab: Lab, kubeconfig: PathBuf) -> Result<Self> {
        let cascades = Api::all(lab.client.clone());
        Ok(Self { lab, cascades, kubeconfig })
    }

    /// The operator's calls go through a proxy.
    pub(crate) fn proxied(&mut self) -> Result<FaultProxy> {
        let proxy = self.lab.proxy()?;
        self.kubeconfig = proxy.kubeconfig_for(&self.kubeconfig)?;
        Ok(proxy)
    }

    /// The operator acts by an account that may do only this.
    pub(crate) async fn as_account(&mut self, rules: Vec<PolicyRule>) -> Result<()> {
        self.kubeconfig = self.lab.plane.service_account(&self.lab.ns, "operator", rules).await?;
        Ok(())
    }

    /// A Cascade in force from Projects to Clusters, with these further fields of the spec.
    pub(crate) async fn projects(&self, more: Value) -> Result<String> {
        self.write(self.lab.cascade_of("Project", &[&[self.lab.dependents("Cluster")]], more)).await
    }

    /// A parent whose deletion waits for a dependent that somebody else keeps.
    pub(crate) async fn stuck(&self, kind: &str, parent: &str, cascade: &str) -> Result<()> {
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
    pub(crate) async fn unstick(&self, parent: &str) -> Result<()> {
        self.lab.patch("Cluster", &format!("of-{parent}"), json!({ "finalizers": null })).await
    }

    /// The operator of this office, with these further arguments.
    pub(crate) fn operator(&self, args: &[&str]) -> Result<Running> {
        operator(&self.kubeconfig, &self.lab.group, args)
    }

    /// Writes a Cascade for this office's operator; answers its name.
    pub(crate) async fn write(&self, mut cascade: Cascade) -> Result<String> {
        cascade.metadata.labels = Some([(OFFICE.to_owned(), self.lab.group.clone())].into());
        let written = self.cascades.create(&PostParams::default(), &cascade).await?;
        written.metadata.name.context("a name")
    }

    /// Changes fields of the spec.
    pub(crate) async fn edit(&self, name: &str, spec: Value) -> Result<()> {
        let patch = Patch::Merge(json!({ "spec": spec }));
        self.cascades.patch(name, &PatchParams::default(), &patch).await?;
        Ok(())
    }

    /// Gives a Cascade to the operator of another office.
    pub(crate) async fn relabel(&self, name: &str, office: &str) -> Result<()> {
        let patch = Patch::Merge(json!({ "metadata": { "labels": { OFFICE: office } } }));
        self.cascades.patch(name, &PatchParams::default(), &patch).await?;
        Ok(())
    }

    pub(crate) async fn delete(&self, name: &str) -> Result<()> {
        self.cascades.delete(name, &DeleteParams::default()).await?;
        Ok(())
    }

    /// Waits until the status is as wanted.
    pub(crate) async fn status<T>(
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
    pub(crate) async fn condition(
        &self,
        name: &str,
        kind: &str,
        value: &str,
        reason: &str,
    ) -> Result<String> {
        let what = format!("{kind}={value}/{reason}");
        let is = |one: &&Condition| one.type_ == kind && one.status == value && one.reason == reason;
        self.status(name, &what, |status| status.conditions.iter().find(is).map(|one| one.message.clone()))
            .await
    }

    /// Waits until a Cascade is in force.
    pub(crate) async fn enforced(&self, name: &str) -> Result<()> {
        self.condition(name, "Ready", "True", "Enforced").await.map(drop)
    }

    /// Asks the operator to let go of everything, at a time; or not to, after all.
    pub(crate) async fn mark_uninstall(&self, at: Option<&str>) -> Result<()> {
        let mark = json!({ "metadata": { "annotations": { UNINSTALL_ANNOTATION: at } } });
        let definitions = self.definitions();
        definitions.patch(CASCADES, &PatchParams::default(), &Patch::Merge(mark)).await?;
        Ok(())
    }

    /// Whether the operator has answered to that mark.
    pub(crate) async fn is_released(&self, at: &str) -> Result<bool> {
        let annotations = self.definitions().get(CASCADES).await?.metadata.annotations.unwrap_or_default();
        Ok(annotations.get(RELEASED_ANNOTATION).is_some_and(|value| value == at))
    }

    pub(crate) async fn released(&self, at: &str) -> Result<()> {
        until("the uninstalling is acknowledged", SOON, async || {
            Ok(self.is_released(at).await?.then_some(()))
        })
        .await
    }

    fn definitions(&self) -> Api<CustomResourceDefinition> {
        Api::all(self.lab.client.clone())
    }

    /// Waits until a Cascade has gone.
    pub(crate) async fn left(&self, name: &str) -> Result<()> {
        until(&format!("{name} has gone"), SOON, async || {
            Ok(self.cascades.get_opt(name).await?.is_none().then_some(()))
        })
        .await
    }

    /// A parent that a Cascade holds.
    pub(crate) async fn parent(&self, kind: &str, parent: &str, cascade: &str) -> Result<DynamicObject> {
        self.lab.create(kind, parent, None).await?;
        self.held(kind, parent, cascade).await
    }

    /// Waits until a parent is held by a Cascade.
    pub(crate) async fn held(&self, kind: &str, parent: &str, cascade: &str) -> Result<DynamicObject> {
        let api = self.lab.api(kind);
        until(&format!("{parent} is held by {cascade}"), SOON, async || {
            let object = api.get(parent).await?;
            Ok(is_held(&object, cascade).then_some(object))
        })
        .await
    }

    /// Waits until a parent is not held by a Cascade, or has gone.
    pub(crate) async fn let_go(&self, kind: &str, parent: &str, cascade: &str) -> Result<()> {
        let api = self.lab.api(kind);
        until(&format!("{parent} is not held by {cascade}"), SOON, async || {
            let object = api.get_opt(parent).await?;
            Ok(object.is_none_or(|object| !is_held(&object, cascade)).then_some(()))
        })
        .await
    }
}

/// An operator that follows the Cascades with this label, and no others.
pub(crate) fn operator(kubeconfig: &Path, office: &str, args: &[&str]) -> Result<Running> {
    let mut command = std::process::Command::new(rewitness_e2e::program()?);
    let selector = format!("{OFFICE}={office}");
    command.args(["run", "-l", &selector]).args(args).env("KUBECONFIG", kubeconfig);
    command.env("RUST_LOG", "warn,rewitness=debug,rewitness_cascade=debug,rewitness_kubernetes=info");
    Running::start(command)
}

/// Whether a Cascade's finalizer is on a parent.
pub(crate) fn is_held(parent: &DynamicObject, cascade: &str) -> bool {
    parent.metadata.finalizers.iter().flatten().any(|one| *one == finalizer(cascade))
}

/// Installs the definition of Cascade.
pub(crate) async fn install(plane: &ControlPlane) -> Result<()> {
    let definition = rewitness_crds::definitions().into_iter().next().context("a definition")?;
    plane.apply_crd(serde_json::to_value(definition)?).await.map(drop)
}

//! What the tests of the program share: a place of its own for each, and the program as a person types it.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::Api;
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use rewitness_controlplane::{ControlPlane, FaultProxy, shared, unique, until};
use serde_json::{Value, json};

#[path = "running.rs"]
mod running;
pub(crate) use running::{Ended, Running};

/// Long enough for anything that is to happen at once, on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// A kind of its own in a namespace of its own, and the program pointed at it.
pub(crate) struct World {
    pub(crate) plane: &'static ControlPlane,
    pub(crate) namespace: String,
    pub(crate) group: String,
    pub(crate) resource: ApiResource,
    pub(crate) api: Api<DynamicObject>,
    /// Scripts and what they note.
    pub(crate) folder: tempfile::TempDir,
    kubeconfig: PathBuf,
}

impl World {
    pub(crate) async fn new() -> Result<Self> {
        let plane = shared().await?;
        let namespace = plane.namespace("program").await?;
        let group = format!("{}.test", unique("g"));
        let resource = plane.crd(&group, "widgets", "Widget", true, &["wd"]).await?;
        let api = Api::namespaced_with(plane.client().await?, &namespace, &resource);
        let folder = tempfile::tempdir()?;
        let kubeconfig = plane.kubeconfig();
        Ok(Self { plane, namespace, group, resource, api, folder, kubeconfig })
    }

    /// `widgets.GROUP`: the plural alone would be whichever test's group comes first.
    pub(crate) fn widgets(&self) -> String {
        format!("widgets.{}", self.group)
    }

    /// The program with these arguments, not started yet.
    pub(crate) fn rewitness(&self, args: &[&str]) -> Result<std::process::Command> {
        let mut command = std::process::Command::new(rewitness_e2e::program()?);
        command.args(args).env("KUBECONFIG", &self.kubeconfig).current_dir(self.folder.path());
        for name in ["NO_COLOR", "RUST_LOG", "TERM"] {
            command.env_remove(name);
        }
        Ok(command)
    }

    /// Runs the program to its end.
    pub(crate) async fn run(&self, args: &[&str]) -> Result<Ended> {
        Running::start(self.rewitness(args)?)?.end().await
    }

    /// Starts the program.
    pub(crate) fn start(&self, args: &[&str]) -> Result<Running> {
        Running::start(self.rewitness(args)?)
    }

    /// `tail` of the widgets of this namespace, with these further arguments.
    pub(crate) fn tail(&self, args: &[&str]) -> Result<Running> {
        let widgets = self.widgets();
        self.start(&[&["tail", &widgets, "-n", &self.namespace], args].concat())
    }

    /// The same as a ServiceAccount that may do only this in this namespace.
    pub(crate) async fn as_account(&mut self, rules: Vec<PolicyRule>) -> Result<()> {
        self.kubeconfig = self.plane.service_account(&self.namespace, &unique("account"), rules).await?;
        Ok(())
    }

    /// The same through a proxy; what the test itself does goes past it.
    pub(crate) fn through(&mut self, proxy: &FaultProxy) {
        self.kubeconfig = proxy.kubeconfig();
    }

    /// The same with a changed kubeconfig.
    pub(crate) fn change_kubeconfig(&mut self, change: impl FnOnce(&mut Value)) -> Result<()> {
        let mut config: Value = serde_json::from_slice(&std::fs::read(&self.kubeconfig)?)?;
        change(&mut config);
        self.kubeconfig = self.folder.path().join("kubeconfig");
        Ok(std::fs::write(&self.kubeconfig, serde_json::to_vec(&config)?)?)
    }

    /// These verbs on the widgets.
    pub(crate) fn rule(&self, verbs: &[&str]) -> PolicyRule {
        PolicyRule {
            api_groups: Some(vec![self.group.clone()]),
            resources: Some(vec!["widgets".to_owned()]),
            verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
            ..PolicyRule::default()
        }
    }

    pub(crate) async fn create(&self, name: &str) -> Result<DynamicObject> {
        self.create_with(name, json!({})).await
    }

    /// Creates a widget with this further metadata.
    pub(crate) async fn create_with(&self, name: &str, metadata: Value) -> Result<DynamicObject> {
        let mut object = DynamicObject::new(name, &self.resource).data(json!({"spec": {"n": 0}}));
        let mut merged = serde_json::to_value(&object.metadata)?;
        for (key, value) in metadata.as_object().context("metadata is an object")? {
            merged[key] = value.clone();
        }
        object.metadata = serde_json::from_value(merged)?;
        Ok(self.api.create(&PostParams::default(), &object).await?)
    }

    /// Changes the spec, and so the generation.
    pub(crate) async fn change(&self, name: &str) -> Result<()> {
        let patch = json!({"spec": {"n": unique("n")}});
        self.api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    pub(crate) async fn delete(&self, name: &str) -> Result<()> {
        self.api.delete(name, &DeleteParams::default()).await?;
        Ok(())
    }

    /// The finalizers of a widget; `None` if it has gone.
    pub(crate) async fn finalizers(&self, name: &str) -> Result<Option<Vec<String>>> {
        Ok(self.api.get_opt(name).await?.map(|object| object.metadata.finalizers.unwrap_or_default()))
    }

    pub(crate) async fn until_gone(&self, name: &str) -> Result<()> {
        let probe = async || Ok(self.finalizers(name).await?.is_none().then_some(()));
        until(&format!("{name} is gone"), SOON, probe).await
    }

    pub(crate) async fn until_held(&self, name: &str, hold: &str) -> Result<()> {
        let probe = async || {
            let finalizers = self.finalizers(name).await?.unwrap_or_default();
            Ok(finalizers.iter().any(|one| one == hold).then_some(()))
        };
        until(&format!("{name} is held"), SOON, probe).await
    }

    /// An executable script in the folder where the program runs; the path to type.
    pub(crate) fn script(&self, name: &str, text: &str) -> Result<String> {
        use std::os::unix::fs::PermissionsExt;
        let file = self.folder.path().join(name);
        std::fs::write(&file, format!("#!/bin/sh\n{text}\n"))?;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755))?;
        Ok(format!("./{name}"))
    }

    /// The lines that scripts wrote to a file in that folder.
    pub(crate) fn noted(&self, name: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

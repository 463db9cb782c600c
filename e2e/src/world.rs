//! What the tests of the program share: a place of its own for each, and the program as a person types it.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{Ended, Running, Widgets};
use anyhow::Result;
use k8s_openapi::api::rbac::v1::PolicyRule;
use rewitness_controlplane::{FaultProxy, policy_rule, shared, unique};
use serde_json::Value;

/// Long enough for anything that is to happen at once, on a busy machine.
pub const SOON: Duration = crate::SOON;

/// A kind of its own in a namespace of its own, and the program pointed at it.
pub struct World {
    own: Widgets<'static>,
    /// Scripts and what they note.
    pub folder: tempfile::TempDir,
    kubeconfig: PathBuf,
}

impl Deref for World {
    type Target = Widgets<'static>;

    fn deref(&self) -> &Widgets<'static> {
        &self.own
    }
}

impl World {
    pub async fn new() -> Result<Self> {
        let own = Widgets::new(shared().await?, "program").await?;
        let kubeconfig = own.plane.kubeconfig();
        Ok(Self { own, folder: tempfile::tempdir()?, kubeconfig })
    }

    /// `widgets.GROUP`: the plural alone would be whichever test's group comes first.
    pub fn widgets(&self) -> String {
        format!("widgets.{}", self.group)
    }

    /// The program with these arguments, not started yet.
    pub fn rewitness(&self, args: &[&str]) -> Result<std::process::Command> {
        let mut command = std::process::Command::new(crate::program()?);
        command.args(args).env("KUBECONFIG", &self.kubeconfig).current_dir(self.folder.path());
        for name in ["NO_COLOR", "RUST_LOG", "TERM"] {
            command.env_remove(name);
        }
        Ok(command)
    }

    /// Runs the program to its end.
    pub async fn run(&self, args: &[&str]) -> Result<Ended> {
        Running::start(self.rewitness(args)?)?.end().await
    }

    /// Starts the program.
    pub fn start(&self, args: &[&str]) -> Result<Running> {
        Running::start(self.rewitness(args)?)
    }

    /// `tail` of the widgets of this namespace, with these further arguments.
    pub fn tail(&self, args: &[&str]) -> Result<Running> {
        let widgets = self.widgets();
        self.start(&[&["tail", &widgets, "-n", &self.namespace], args].concat())
    }

    /// The same as a ServiceAccount that may do only this in this namespace.
    pub async fn as_account(&mut self, rules: Vec<PolicyRule>) -> Result<()> {
        self.kubeconfig = self.plane.service_account(&self.namespace, &unique("account"), rules).await?;
        Ok(())
    }

    /// The same through a proxy; what the test itself does goes past it.
    pub fn through(&mut self, proxy: &FaultProxy) {
        self.kubeconfig = proxy.kubeconfig();
    }

    /// That of whoever the program is.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The same with a changed kubeconfig.
    pub fn change_kubeconfig(&mut self, change: impl FnOnce(&mut Value)) -> Result<()> {
        let mut config: Value = serde_json::from_slice(&std::fs::read(&self.kubeconfig)?)?;
        change(&mut config);
        self.kubeconfig = self.folder.path().join("kubeconfig");
        Ok(std::fs::write(&self.kubeconfig, serde_json::to_vec(&config)?)?)
    }

    /// These verbs on the widgets.
    pub fn rule(&self, verbs: &[&str]) -> PolicyRule {
        policy_rule(&self.group, "widgets", verbs)
    }

    /// An executable script in the folder where the program runs; the path to type.
    pub fn script(&self, name: &str, text: &str) -> Result<String> {
        use std::os::unix::fs::PermissionsExt;
        let file = self.folder.path().join(name);
        std::fs::write(&file, format!("#!/bin/sh\n{text}\n"))?;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755))?;
        Ok(format!("./{name}"))
    }

    /// The lines that scripts wrote to a file in that folder.
    pub fn noted(&self, name: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

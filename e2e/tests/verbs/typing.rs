//! The program as a person types it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::lab::SOON;
use crate::office::Office;
use crate::running::{Ended, Running};

/// The program with these arguments, not started yet.
pub(crate) fn command(kubeconfig: &Path, args: &[&str]) -> Result<Command> {
    let mut command = Command::new(rewitness_e2e::program()?);
    command.args(args).env("KUBECONFIG", kubeconfig);
    for name in ["NO_COLOR", "RUST_LOG", "TERM"] {
        command.env_remove(name);
    }
    Ok(command)
}

impl Office {
    /// Runs the program to its end, as a cluster's administrator.
    pub(crate) async fn types(&self, args: &[&str]) -> Result<Ended> {
        Running::start(command(&self.lab.plane.kubeconfig(), args)?)?.end().await
    }

    /// `projects.GROUP`: the plural alone would be whichever test's group comes first.
    pub(crate) fn kinds(&self, plural: &str) -> String {
        format!("{plural}.{}", self.lab.group)
    }
}

impl Ended {
    /// What it printed, as JSON.
    pub(crate) fn json(&self) -> Result<Value> {
        let text = self.stdout.join("\n");
        serde_json::from_str(&text).with_context(|| format!("{self:?}"))
    }
}

impl Office {
    /// Types a line into a shell in the root of the repository, with kubectl and the program at hand.
    pub(crate) async fn shell(&self, line: &str) -> Result<String> {
        let programs = [self.lab.plane.kubectl_program(), rewitness_e2e::program()?];
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

//! The program as a person types it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

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

//! The runs: interleaved, so that a slow minute of the machine is nobody's alone.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rewitness_controlplane::{Config, ControlPlane};
use tokio::process::Command;

use crate::contender::Contender;
use crate::fill::fill;
use crate::measure::Usage;
use crate::report::{Report, Run};
use crate::tell;

/// Starts a control plane, fills it, runs everything, and prints the result.
pub(crate) async fn run(resources: usize, repeats: u32) -> Result<()> {
    for contender in Contender::ALL {
        // What is not built shall be told before minutes of work.
        contender.command(Path::new(""))?;
    }
    let plane = ControlPlane::start(Config::default()).await?;
    let bytes = fill(&plane, resources).await?;
    for contender in [Contender::Tail, Contender::Raw] {
        // Warms the server's caches and the file system's; not counted.
        measure(&plane, contender).await?;
    }
    let mut runs = Vec::new();
    for round in 0..repeats {
        for contender in order(round) {
            runs.push(measure(&plane, contender).await?);
        }
        tell(&format!("round {} of {repeats} done", round + 1));
    }
    Report::new(resources, bytes, &runs).publish()
}

/// A B B A: whoever comes first in one round comes last in the next.
fn order(round: u32) -> [Contender; 3] {
    let mut order = Contender::ALL;
    if !round.is_multiple_of(2) {
        order.reverse();
    }
    order
}

async fn measure(plane: &ControlPlane, contender: Contender) -> Result<Run> {
    let command = contender.command(&plane.kubeconfig())?;
    let mut wrapper = Command::new(std::env::current_exe().context("find this executable")?);
    wrapper.arg("measure");
    if contender.reads() {
        wrapper.arg("--first-line");
    }
    wrapper.arg("--").args(command).kill_on_drop(true);
    let before = plane.apiserver_cpu();
    let output = wrapper.output().await.context("run a contender")?;
    let after = plane.apiserver_cpu();
    let message = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} failed: {message}", contender.name());
    let usage: Usage = serde_json::from_slice(&output.stdout).context("read what a contender used")?;
    let server = before.zip(after).map(|(before, after)| after.saturating_sub(before));
    Ok(Run { contender, usage, server: server.as_ref().map(Duration::as_secs_f64) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_first_in_one_round_is_last_in_the_next() {
        let rounds: Vec<Contender> = (0..2).flat_map(order).collect();
        assert_eq!(rounds.first(), rounds.last());
        assert_eq!(rounds[2], rounds[3]);
    }
}

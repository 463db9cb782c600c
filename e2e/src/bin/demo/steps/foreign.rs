//! What somebody else keeps is waited for; `rewitness why` says so, and what it advises is typed.

use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use kube::ResourceExt;

use crate::platform::{BACKUP, PlatformKind, Thing};
use crate::stage::Stage;

/// More than is ever advised here.
const COMMANDS: usize = 8;

pub(crate) async fn perform(stage: &mut Stage<'_>) -> Result<String> {
    let screen = stage.screen;
    screen.action("apply the Cascade once more, in mode Enforce");
    stage.cascades.apply().await?;
    stage.cascades.enforce().await?;
    stage.operate()?;
    let trial = Thing::project("trial");
    let cluster = Thing::new(PlatformKind::Cluster, "demo-media", "trial");
    let network = Thing::new(PlatformKind::Network, "demo-shop", "trial");
    screen.line("");
    screen.action(format_args!(
        "create {}, {} and {}; a backup keeps the cluster",
        trial.shown(),
        cluster.shown(),
        network.shown()
    ));
    for thing in [&trial, &cluster, &network] {
        stage.platform.create(thing).await?;
    }
    stage.platform.keep(&cluster, Some(BACKUP)).await?;
    let uid = stage.held(&trial).await?.uid().context("an object has a uid")?;
    screen.action(format_args!("delete {}", trial.shown()));
    stage.platform.delete(&trial).await?;
    let says = stage.cascades.status("it says what it waits for", |status| {
        let held = status.held_parents.iter().find(|held| held.uid == uid)?;
        held.waits_for.iter().any(|wait| wait.cause == "Finalizers").then(|| held.message.clone())
    });
    let says = says.await?;
    ensure!(says.contains(BACKUP), "whose finalizer it is is not said: {says}");
    let kept = stage.existing(&cluster).await?;
    ensure!(kept.finalizers() == [BACKUP], "the cluster has the finalizers {:?}", kept.finalizers());
    let waits = stage.existing(&network).await?;
    ensure!(waits.metadata.deletion_timestamp.is_none(), "the network went before the cluster");
    screen.proof(
        "in the API the cluster has the backup's finalizer and no other, and the network of the next stage is \
         untouched",
    );

    let begun = Instant::now();
    let typed = follow_the_advice(stage, &trial, &cluster).await?;
    stage.all_gone(&trial).await?;
    let took = begun.elapsed();
    let story = ["DeletionHeld", "StageStarted", "StageStarted", "CascadeFinished"];
    stage.cascades.told(&uid, &story).await?;
    screen.line("");
    screen.proof("the network and the project are gone too, and the project's last Event is CascadeFinished");
    screen.action("Ctrl-C");
    let status = stage.take_running()?.stop().await?;
    ensure!(status.success(), "asked to stop, the operator ended with {status}");
    Ok(format!("asked, {typed} commands typed, gone after {:.1} s", took.as_secs_f64()))
}

/// Asks why the project is there, and types one command after the other until what keeps its cluster is gone. Answers
/// how many it took.
async fn follow_the_advice(stage: &Stage<'_>, project: &Thing, kept: &Thing) -> Result<usize> {
    let asked = format!("rewitness{} why {}/{}", stage.place.flags(), project.kind.full_name(), project.name);
    let advice = advised(&stage.types(&asked).await?);
    ensure!(!advice.is_empty(), "nothing was advised");
    for (at, command) in advice.iter().take(COMMANDS).enumerate() {
        if command.starts_with("kubectl") && !stage.place.has_kubectl() {
            stage.screen.command(command);
            stage.screen.prose("There is no kubectl on this machine, so the demo does the same by the API.");
            stage.platform.keep(kept, None).await?;
        } else {
            stage.types(command).await?;
        }
        let is_kept = stage.platform.read(kept).await?.is_some_and(|it| !it.finalizers().is_empty());
        if !is_kept {
            return Ok(at + 1);
        }
    }
    bail!("{} is still kept after what was advised: {advice:#?}", kept.shown())
}

/// The commands in an answer: below `Next:`, a line of its own each.
fn advised(answer: &[String]) -> Vec<String> {
    let next = answer.iter().skip_while(|line| *line != "Next:").skip(1);
    let indented = next.filter_map(|line| line.strip_prefix("  "));
    indented.filter(|line| !line.starts_with(' ')).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_from_what_is_said_of_them() {
        let answer =
            ["it is kept", "  by whom", "", "Next:", "", "  first x", "      does it", "", "  second"];
        assert_eq!(advised(&answer.map(String::from)), ["first x", "second"]);
    }
}

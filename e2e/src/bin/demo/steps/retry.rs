//! What failed comes back, ever later.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kube::ResourceExt;

use crate::line::Line;
use crate::platform::{PlatformKind, Thing};
use crate::stage::{SOON, Stage};

/// So many failures are at least shown.
const FAILURES: usize = 4;

/// What the consumer says when it fails.
const REFUSAL: &str = "the cable to the lab is not laid yet";

/// A pause that the first failure cannot have: after that it is at most 0.5 s, twice as much after each further one,
/// and evenly chosen below. Who sees a longer one has seen them grow.
const GROWN: Duration = Duration::from_secs(1);

pub(crate) async fn perform(stage: &mut Stage<'_>) -> Result<String> {
    let uplink = Thing::new(PlatformKind::Network, "demo-lab", "uplink");
    stage.screen.action(format_args!("the cloud refuses it; create {}", uplink.shown()));
    stage.cloud.refuse(&uplink, REFUSAL)?;
    let created = stage.platform.create(&uplink).await?;
    let uid = created.uid().context("an object has a uid")?;
    let tries = |lines: &[Line]| -> Vec<Line> {
        lines.iter().filter(|line| line.delivery.as_ref().is_some_and(|it| it.uid == uid)).cloned().collect()
    };
    let grown = stage.running()?.until("pauses that have grown", SOON, |lines| {
        let failures = lines.iter().filter(|line| line.text.ends_with(REFUSAL)).count();
        let grown = pauses(&tries(lines)).into_iter().any(|pause| pause > GROWN);
        (grown && failures >= FAILURES).then_some(failures)
    });
    let failures = grown.await?;
    ensure!(!stage.cloud.has(&uplink), "the refused network is in the cloud");

    stage.screen.action("the cable is laid: the cloud refuses it no longer");
    stage.cloud.relent(&uplink)?;
    let object = stage.in_step(&uplink).await?;
    let unchanged = object.resource_version() == created.resource_version() && object.uid() == created.uid();
    ensure!(unchanged, "the network was changed meanwhile, so that the tries prove nothing");
    let tries = stage.running()?.until("the last try", SOON, |lines| Some(tries(lines))).await?;
    ensure!(tries.len() > failures, "it succeeded without being tried again");
    for (line, attempt) in tries.iter().zip(1..) {
        let delivery = line.delivery.as_ref().context("a try is a delivery")?;
        ensure!(delivery.attempt == attempt, "try {} came where {attempt} was due", delivery.attempt);
        let cause = if attempt == 1 { "change" } else { "retry" };
        ensure!(delivery.cause == cause, "try {attempt} was a {}", delivery.cause);
    }
    let pauses: Vec<String> =
        pauses(&tries).iter().map(|pause| format!("{:.1}", pause.as_secs_f64())).collect();
    stage.screen.proof(format_args!(
        "in the API the network is as it was created, so that every further try was a retry, {} s apart",
        pauses.join(", ")
    ));
    Ok(format!("{} tries, {} s apart", tries.len(), pauses.join(" ")))
}

/// The times between tries, each of which takes the consumer 0.1 s.
fn pauses(tries: &[Line]) -> Vec<Duration> {
    tries.windows(2).map(|pair| pair[1].at.duration_since(pair[0].at)).collect()
}

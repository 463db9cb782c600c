//! The runs: interleaved, so that a slow minute of the machine is nobody's alone.

use anyhow::Result;
use rewitness_controlplane::{Config, ControlPlane};

use crate::contender::Contender;
use crate::objects::Objects;
use crate::report::Report;
use crate::{Args, tell};

/// What the garbage collector is given, so that its defaults (20 workers, 20 calls a second) do not limit it.
const RAISED: [&str; 3] = ["--concurrent-gc-syncs=32", "--kube-api-qps=5000", "--kube-api-burst=5000"];

/// Starts a control plane, runs everything, and prints the result.
pub(crate) async fn run(args: &Args) -> Result<()> {
    let config = Config { controller_manager_args: RAISED.map(String::from).to_vec(), ..Config::default() };
    let plane = ControlPlane::start(config).await?;
    let objects = Objects::new(&plane).await?;
    // Warms the server up; not counted.
    Contender::Loop.run(&plane, &objects, args).await?;
    let mut runs = Vec::new();
    for round in 0..args.repeats {
        for contender in order(round) {
            let run = contender.run(&plane, &objects, args).await?;
            tell(&format!("{}: {:.2} s, {} calls", contender.name(), run.seconds, run.calls));
            runs.push(run);
        }
        tell(&format!("round {} of {} done", round + 1, args.repeats));
    }
    Report::new(args, &runs).publish()
}

/// A B B A: whoever comes first in one round comes last in the next.
fn order(round: u32) -> [Contender; 3] {
    let mut order = Contender::ALL;
    if !round.is_multiple_of(2) {
        order.reverse();
    }
    order
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

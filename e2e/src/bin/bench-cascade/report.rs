//! The result: medians with their spread.

use anyhow::Result;
use rewitness_e2e::{Align, Spread, publish};
use serde::Serialize;

use crate::Args;
use crate::contender::{Contender, Run};

/// Everything that is known in the end.
#[derive(Serialize)]
pub(crate) struct Report {
    dependents: u32,
    concurrency: u16,
    repeats: u32,
    contenders: Vec<Summary>,
}

#[derive(Serialize)]
struct Summary {
    name: &'static str,
    seconds: Spread,
    deletes_per_second: Spread,
    calls_per_dependent: Spread,
}

impl Report {
    pub(crate) fn new(args: &Args, runs: &[Run]) -> Self {
        let dependents = f64::from(args.dependents);
        let contenders = Contender::ALL.map(|contender| {
            let of = |number: &dyn Fn(&Run) -> f64| {
                Spread::of(runs.iter().filter(|run| run.contender == contender).map(number).collect())
            };
            Summary {
                name: contender.name(),
                seconds: of(&|run| run.seconds),
                deletes_per_second: of(&|run| dependents / run.seconds),
                calls_per_dependent: of(&|run| run.calls as f64 / dependents),
            }
        });
        let &Args { dependents, concurrency, repeats } = args;
        Self { dependents, concurrency, repeats, contenders: contenders.into() }
    }

    /// Prints the table, and writes the JSON.
    pub(crate) fn publish(&self) -> Result<()> {
        let title = format!(
            "{} dependents over 10 namespaces, {} deletes in flight, {} runs each: median (least to greatest)",
            self.dependents, self.concurrency, self.repeats
        );
        let columns = [
            ("", Align::Left),
            ("deletes/s", Align::Right),
            ("seconds", Align::Right),
            ("calls per dependent", Align::Right),
        ];
        let rows: Vec<Vec<String>> = self.contenders.iter().map(Summary::cells).collect();
        publish("bench-cascade.json", self, &title, &columns, &rows)
    }
}

impl Summary {
    fn cells(&self) -> Vec<String> {
        vec![
            self.name.to_owned(),
            self.deletes_per_second.shown(0),
            self.seconds.shown(2),
            self.calls_per_dependent.shown(3),
        ]
    }
}

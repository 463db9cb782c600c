//! The result: medians with their spread.

use anyhow::Result;
use rewitness_e2e::{Align, Spread, publish};
use serde::Serialize;

use crate::contender::Contender;
use crate::measure::Usage;

/// A run that was measured.
pub(crate) struct Run {
    pub(crate) contender: Contender,
    pub(crate) usage: Usage,
    /// Processor seconds of the API server meanwhile.
    pub(crate) server: Option<f64>,
}

/// Everything that is known in the end.
#[derive(Serialize)]
pub(crate) struct Report {
    resources: usize,
    bytes_per_resource: usize,
    repeats: usize,
    contenders: Vec<Summary>,
}

/// Seconds, microseconds where the name says so, and bytes.
#[derive(Serialize)]
struct Summary {
    name: &'static str,
    wall: Spread,
    user: Spread,
    system: Spread,
    cpu: Spread,
    cpu_per_resource_us: Spread,
    peak_rss: Spread,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_line: Option<Spread>,
    #[serde(skip_serializing_if = "Option::is_none")]
    apiserver_cpu: Option<Spread>,
}

impl Report {
    pub(crate) fn new(resources: usize, bytes_per_resource: usize, runs: &[Run]) -> Self {
        let of = |contender| runs.iter().filter(|run| run.contender == contender).collect::<Vec<_>>();
        let contenders = Contender::ALL.map(|contender| Summary::new(contender, resources, &of(contender)));
        let repeats = of(Contender::Tail).len();
        Self { resources, bytes_per_resource, repeats, contenders: contenders.into() }
    }

    /// Prints the table, and writes the JSON.
    pub(crate) fn publish(&self) -> Result<()> {
        let title = format!(
            "{} resources of {} bytes, {} runs each: median (least to greatest)",
            self.resources, self.bytes_per_resource, self.repeats
        );
        let columns = [
            ("", Align::Left),
            ("wall s", Align::Right),
            ("user+sys s", Align::Right),
            ("µs/resource", Align::Right),
            ("peak MB", Align::Right),
            ("first line s", Align::Right),
            ("API server s", Align::Right),
        ];
        let rows: Vec<Vec<String>> = self.contenders.iter().map(Summary::cells).collect();
        publish("bench-tail.json", self, &title, &columns, &rows)
    }
}

impl Summary {
    fn new(contender: Contender, resources: usize, runs: &[&Run]) -> Self {
        let spread = |of: fn(&Usage) -> f64| Spread::of(runs.iter().map(|run| of(&run.usage)).collect());
        let cpu = spread(|usage| usage.user + usage.system);
        let some = |values: Vec<f64>| (!values.is_empty()).then(|| Spread::of(values));
        Self {
            name: contender.name(),
            wall: spread(|usage| usage.wall),
            user: spread(|usage| usage.user),
            system: spread(|usage| usage.system),
            cpu,
            cpu_per_resource_us: cpu.times(1e6 / resources.max(1) as f64),
            peak_rss: spread(|usage| usage.peak_rss as f64),
            first_line: some(runs.iter().filter_map(|run| run.usage.first_line).collect()),
            apiserver_cpu: some(runs.iter().filter_map(|run| run.server).collect()),
        }
    }

    fn cells(&self) -> Vec<String> {
        let dash = |spread: Option<Spread>| spread.map_or("-".to_owned(), |spread| spread.shown(2));
        vec![
            self.name.to_owned(),
            self.wall.shown(2),
            self.cpu.shown(2),
            self.cpu_per_resource_us.shown(1),
            self.peak_rss.times(1e-6).shown(1),
            dash(self.first_line),
            dash(self.apiserver_cpu),
        ]
    }
}

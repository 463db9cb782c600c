//! `make bench-cascade`: how fast a Cascade deletes 5,000 dependents, beside a plain loop of DELETE calls with as many
//! in flight, and beside Kubernetes' garbage collector with raised limits. A table, and the same as JSON in the target
//! folder.

use std::io::{Write, stderr};
use std::process::ExitCode;

use clap::Parser;

mod contender;
mod objects;
mod report;
mod rounds;

/// Measures a cascade on a real API server.
#[derive(Debug, Parser)]
#[command(name = "bench-cascade")]
struct Args {
    /// How many dependents there are.
    #[arg(long, default_value_t = 5_000)]
    dependents: u32,
    /// How often each contender runs.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    repeats: u32,
    /// How many deletes are in flight.
    #[arg(long, default_value_t = 32)]
    concurrency: u16,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let run = || tokio::runtime::Runtime::new()?.block_on(rounds::run(&args));
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(stderr(), "bench-cascade: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What goes on, for who waits; not part of the result.
fn tell(what: &str) {
    let _ = writeln!(stderr(), "bench-cascade: {what}");
}

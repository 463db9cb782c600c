//! `make bench`: what the replay of 20,000 resources by the program costs, beside the floor: the bytes of the same lists
//! read and thrown away. A table, and the same as JSON in the target folder.

use std::io::{IsTerminal, Write, stderr};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

mod contender;
mod fill;
mod measure;
mod raw;
mod report;
mod rounds;

/// Measures `rewitness tail --until-replayed` on a real API server.
#[derive(Debug, Parser)]
#[command(name = "bench-tail")]
struct Args {
    /// How many resources there are.
    #[arg(long, default_value_t = 20_000)]
    resources: usize,
    /// How often each contender runs.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    repeats: u32,
    #[command(subcommand)]
    part: Option<Part>,
}

/// What this program calls itself for, so that each run is measured in a process of its own.
#[derive(Debug, Subcommand)]
enum Part {
    /// Reads the pages of the list and throws them away.
    #[command(hide = true)]
    Raw {
        #[arg(long)]
        kubeconfig: PathBuf,
    },
    /// Runs a command and prints what it used, as JSON.
    #[command(hide = true)]
    Measure {
        /// Read the command's output and note when its first line came, instead of giving it /dev/null.
        #[arg(long)]
        first_line: bool,
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(stderr(), "bench-tail: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    match &args.part {
        Some(Part::Measure { first_line, command }) => measure::run(command, *first_line),
        // One thread, as the program has.
        Some(Part::Raw { kubeconfig }) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(raw::read_everything(kubeconfig))
        }
        None => tokio::runtime::Runtime::new()?.block_on(rounds::run(args.resources, args.repeats)),
    }
}

/// What goes on, for who waits; not part of the result.
fn tell(what: &str) {
    let _ = writeln!(stderr(), "bench-tail: {what}");
}

/// Whether a number that changes may be drawn over.
fn is_watched() -> bool {
    stderr().is_terminal()
}

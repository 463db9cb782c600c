//! The program `rewitness`: replays, follows, holds and releases Kubernetes resources.
//!
//! It alone reads the environment, owns tasks and ends the process. In reading order: [`args`] is
//! what can be typed, [`connect`] and [`types`] turn it into a client and kinds, [`tail`] and
//! [`unhold`] are the commands, [`exit`] is what is said and returned at the end.

mod args;
mod connect;
mod exit;
mod hold_name;
mod logging;
mod rights;
mod scope;
mod screen;
mod signals;
mod tail;
mod text;
mod types;
mod unhold;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::args::{Cli, Command, CompletionsArgs};
use crate::exit::Status;
use crate::screen::Screen;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Also what `--help` and `--version` are to clap; a reader that is gone is none of our worry.
        Err(said) => {
            let _ = said.print();
            return if said.use_stderr() { Status::WrongUse.into() } else { Status::Done.into() };
        }
    };
    let screen = Screen::stderr();
    let status = run(&cli, &screen).unwrap_or_else(|error| {
        screen.status("");
        screen.alarm("error", exit::describe(&error));
        exit::status_of(&error)
    });
    status.into()
}

fn run(cli: &Cli, screen: &Screen) -> anyhow::Result<Status> {
    if let Command::Completions(args) = &cli.command {
        return completions(args);
    }
    logging::start(cli.global.verbose, screen).map_err(exit::wrong_use)?;
    // One thread: the work of a queue is small and often, and handing it between threads costs more
    // than it gains (measured, see `docs/decisions/`).
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let status = runtime.block_on(async {
        match &cli.command {
            Command::Tail(args) => tail::run(args, &cli.global, screen).await,
            Command::Unhold(args) => unhold::run(args, &cli.global, screen).await,
            Command::Completions(args) => completions(args),
        }
    });
    // A thread may be stuck in a write to a pipe that nobody reads; nobody waits for it either.
    runtime.shutdown_background();
    status
}

fn completions(args: &CompletionsArgs) -> anyhow::Result<Status> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "rewitness", &mut script);
    match std::io::stdout().write_all(&script) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(Status::Done),
    }
}

//! The program `rewitness`: arguments, the connection to a cluster, the terminal, and the commands.
//!
//! It alone reads the environment, handles signals and ends the process. It does not decide what an answer
//! says, and does not follow Cascades: [`why`], [`plan`] and [`check`] show what `rewitness-verdict`
//! answers, and [`run`] runs the role of `rewitness-operator` until a signal comes.
//!
//! In reading order: [`args`] is the command line; [`connect`] and [`types`] turn it into a client and
//! kinds; [`tail`], [`unhold`], [`confirm`], [`suspend`] and [`rbac`] are commands of their own; [`answer`]
//! prints documents; [`exit`] is the exit status, and what is said with it; [`called`] is the name that the
//! program is called by, and [`complete`] offers what can be typed next.

mod answer;
mod args;
mod called;
mod check;
mod complete;
mod confirm;
mod connect;
mod exit;
mod hold_name;
mod logging;
mod plan;
mod rbac;
#[cfg(test)]
mod reference;
mod rights;
mod run;
mod scope;
mod screen;
mod signals;
mod suspend;
mod tail;
mod types;
mod unhold;
mod why;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::args::{Cli, Command, CompletionsArgs};
use crate::called::Name;
use crate::exit::Status;
use crate::screen::Screen;
use crate::signals::until_signalled;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    if let Some(status) = complete::answer(&words) {
        return status.into();
    }
    let cli = match Cli::read(&words) {
        Ok(cli) => cli,
        // Also what `--help` and `--version` are to clap; a reader that is gone is none of our worry.
        Err(said) => {
            let _ = said.print();
            return if said.use_stderr() { Status::WrongUse.into() } else { Status::Done.into() };
        }
    };
    let Ok(screen) = Screen::stderr() else { return Status::Failed.into() };
    let status = require_command(&words).and_then(|()| run(&cli, &screen));
    let status = status.unwrap_or_else(|error| {
        screen.status("");
        screen.alarm("error", exit::describe(&error));
        exit::status_of(&error)
    });
    screen.finish();
    status.into()
}

fn run(cli: &Cli, screen: &Screen) -> anyhow::Result<Status> {
    if let Command::Completions(args) = &cli.command {
        return completions(args);
    }
    let is_operator = matches!(cli.command, Command::Run(_));
    logging::start(cli.global.verbose, is_operator, screen).map_err(exit::wrong_use)?;
    // One thread: the work of a queue is small and often, and handing it from thread to thread costs
    // more than it gains. A replay of 20,000 resources took 0.29 s of CPU so, and 0.40 s with two.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let status = runtime.block_on(async {
        match &cli.command {
            Command::Tail(args) => tail::run(args, &cli.global, screen).await,
            Command::Run(args) => run::run(args, &cli.global, screen).await,
            Command::Unhold(args) => {
                let note = "stopped: what was printed is released, the rest is still held";
                until_signalled(unhold::run(args, &cli.global, screen), || screen.note(note)).await
            }
            Command::Why(args) => until_signalled(why::run(args, &cli.global, screen), || {}).await,
            Command::Suspend(args) => suspend::run(args, true, &cli.global, screen).await,
            Command::Resume(args) => suspend::run(args, false, &cli.global, screen).await,
            Command::Plan(args) => until_signalled(plan::run(args, &cli.global, screen), || {}).await,
            Command::Confirm(args) => {
                until_signalled(confirm::run(args, &cli.global, screen), || screen.note("stopped")).await
            }
            Command::Rbac(args) => rbac::run(args, &cli.global, screen).await,
            Command::Check(args) => until_signalled(check::run(args, &cli.global, screen), || {}).await,
            Command::Completions(args) => completions(args),
        }
    });
    // A thread may be stuck in a write to a pipe that nobody reads; nobody waits for it either.
    runtime.shutdown_background();
    status
}

/// `--` with nothing behind it is a command that got lost, `-- $CLEANER` with nothing in the variable,
/// say. To take it for no command would release every deletion that the command was to clean up for.
fn require_command(words: &[OsString]) -> anyhow::Result<()> {
    match words.last() {
        Some(word) if word == "--" => Err(exit::wrong_use(
            "there is no command after `--`: name one, or leave `--` out to print each delivery",
        )),
        _ => Ok(()),
    }
}

fn completions(args: &CompletionsArgs) -> anyhow::Result<Status> {
    answer::write(complete::script(args.shell, Name::of_this())?)?;
    Ok(Status::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_got_lost_is_wrong_use() {
        let typed = |words: &[&str]| require_command(&words.iter().map(OsString::from).collect::<Vec<_>>());
        for lost in [&["rewitness", "tail", "pods", "--hold", "x", "--"][..], &["rewitness", "tail", "--"]] {
            let error = typed(lost).unwrap_err();
            assert_eq!(exit::status_of(&error), Status::WrongUse, "{lost:?}");
        }
        for fine in [&["rewitness", "tail", "pods"][..], &["rewitness", "tail", "pods", "--", "true"]] {
            assert!(typed(fine).is_ok(), "{fine:?}");
        }
    }
}

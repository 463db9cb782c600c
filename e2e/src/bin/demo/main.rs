//! `make demo`: a small platform on a real API server, and what the program `rewitness` does for it, step by step. Each
//! step is checked by reading the state back through the API.

use std::process::ExitCode;

use clap::Parser;

mod args;
mod cascades;
mod cleanup;
mod cloud;
mod context;
mod guard;
mod line;
mod narrative;
mod place;
mod platform;
mod report;
mod running;
mod screen;
mod session;
mod signals;
mod stage;
mod steps;

fn main() -> ExitCode {
    let args = args::Args::parse();
    let screen = screen::Screen::stdout();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            screen.failure(&format!("cannot start a runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(narrative::tell(&args, &screen));
    // Without waiting for a build, or for an answer on the terminal, that nobody wants any more.
    runtime.shutdown_background();
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            screen.failure(&explain(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes. Many libraries repeat their cause in their own message; here it is told once.
fn explain(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| match told {
        told if told.is_empty() => cause,
        told if told.contains(&cause) => told,
        told => format!("{told}: {cause}"),
    })
}

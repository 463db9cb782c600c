//! `controlplane build` prints the folder with the programs and fills it first; `controlplane up` serves
//! until it is told to stop.

use std::fs::File;
use std::io::{Write, stdout};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::process::ExitCode;
use std::thread;

use anyhow::{Context, Result};
use rewitness_controlplane::{Assets, Config, ControlPlane};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

const USAGE: &str = "\
Usage: controlplane build   build the programs of a control plane, and print their folder
       controlplane up      start them, print the kubeconfig; stop at Ctrl-C, SIGTERM or EOF of a piped stdin";

fn main() -> Result<ExitCode> {
    let mut args = std::env::args().skip(1);
    match (args.next().as_deref(), args.next()) {
        (Some("build"), None) => say(&Assets::resolve()?.dir().display().to_string())?,
        (Some("up"), None) => {
            let runtime = tokio::runtime::Runtime::new()?;
            let served = runtime.block_on(up());
            // Without waiting for a build that is no longer wanted.
            runtime.shutdown_background();
            served?;
        }
        (Some("help" | "--help" | "-h"), None) => say(USAGE)?,
        _ => {
            writeln!(std::io::stderr(), "{USAGE}")?;
            return Ok(ExitCode::from(2));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn up() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let config = Config { controller_manager: true, ..Config::default() };
    let serve = async {
        let plane = ControlPlane::start(config).await?;
        say(&format!("export KUBECONFIG={}", plane.kubeconfig().display()))?;
        // Kept until this future is dropped, by one of the others.
        std::future::pending::<Result<()>>().await?;
        drop(plane);
        Ok(())
    };
    tokio::select! {
        served = serve => served,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        ended = end_of_input() => ended,
    }
}

/// Only a pipe ends by intention: in the background stdin is `/dev/null`, and reading a terminal would stop
/// us there.
async fn end_of_input() -> Result<()> {
    let mut input = File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    if !input.metadata()?.file_type().is_fifo() {
        return std::future::pending().await;
    }
    let (tell, ended) = oneshot::channel();
    // A thread instead of a task: the runtime would wait for its end.
    let read = move || tell.send(std::io::copy(&mut input, &mut std::io::sink()));
    thread::Builder::new().name("stdin".into()).spawn(read).context("start a thread")?;
    ended.await??;
    Ok(())
}

/// A line that is there at once, also in a pipe.
fn say(line: &str) -> Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{line}")?;
    out.flush().context("write to stdout")
}

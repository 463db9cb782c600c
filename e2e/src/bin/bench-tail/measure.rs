//! What one run used, by the operating system's account.
//!
//! A process of its own stands between the benchmark and the command: the peak memory that the kernel tells of is the
//! largest of all children that were waited for, and begins with that of the process which forked them.

use std::io::{BufRead, BufReader, Write, copy, sink};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};
use serde::{Deserialize, Serialize};

/// What a run used, in seconds and bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Usage {
    pub(crate) wall: f64,
    pub(crate) user: f64,
    pub(crate) system: f64,
    pub(crate) peak_rss: u64,
    /// From the start to the first line.
    pub(crate) first_line: Option<f64>,
}

/// Runs a command, and prints its [`Usage`] as JSON.
pub(crate) fn run(command: &[String], first_line: bool) -> Result<()> {
    let (program, args) = command.split_first().context("a command")?;
    let begun = Instant::now();
    let stdout = if first_line { Stdio::piped() } else { Stdio::null() };
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(stdout)
        .spawn()
        .with_context(|| format!("run {program}"))?;
    let mut first = None;
    if let Some(stdout) = child.stdout.take() {
        let mut stdout = BufReader::new(stdout);
        if stdout.skip_until(b'\n')? > 0 {
            first = Some(begun.elapsed().as_secs_f64());
        }
        copy(&mut stdout, &mut sink())?;
    }
    let status = child.wait().context("wait for the command")?;
    let wall = begun.elapsed().as_secs_f64();
    ensure!(status.success(), "{program} ended with {status}");
    let used = getrusage(UsageWho::RUSAGE_CHILDREN).context("read the resource usage")?;
    // Linux tells kilobytes, macOS bytes.
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    let usage = Usage {
        wall,
        user: seconds(used.user_time()),
        system: seconds(used.system_time()),
        peak_rss: u64::try_from(used.max_rss())? * unit,
        first_line: first,
    };
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&usage)?)?;
    Ok(())
}

fn seconds(time: TimeVal) -> f64 {
    Duration::from_micros(time.num_microseconds().unsigned_abs()).as_secs_f64()
}

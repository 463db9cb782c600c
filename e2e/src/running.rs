//! The program while it runs: its lines can be waited for, and signals sent to it.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long the program may take for anything a test waits for.
const PATIENCE: Duration = Duration::from_secs(120);

/// A started program. Dropping it kills it.
pub struct Running {
    child: Child,
    stdout: watch::Receiver<Vec<String>>,
    stderr: watch::Receiver<Vec<String>>,
    readers: JoinSet<()>,
}

/// A program that has ended.
#[derive(Debug)]
pub struct Ended {
    /// `None` if a signal ended it.
    pub status: Option<i32>,
    pub stdout: Vec<String>,
    pub stderr: Vec<String>,
}

impl Running {
    pub fn start(command: std::process::Command) -> Result<Self> {
        let mut command = Command::from(command);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().context("start the program")?;
        let mut readers = JoinSet::new();
        let stdout = read(&mut readers, child.stdout.take().context("stdout is piped")?);
        let stderr = read(&mut readers, child.stderr.take().context("stderr is piped")?);
        Ok(Self { child, stdout, stderr, readers })
    }

    /// Waits until one line of stdout has all of these words.
    pub async fn says(&mut self, words: &[&str]) -> Result<()> {
        self.says_times(words, 1).await
    }

    /// Waits until so many lines of stdout have all of these words.
    pub async fn says_times(&mut self, words: &[&str], times: usize) -> Result<()> {
        wait_for(&mut self.stdout, words, times).await
    }

    /// Waits until one line of stderr has all of these words.
    pub async fn warns(&mut self, words: &[&str]) -> Result<()> {
        wait_for(&mut self.stderr, words, 1).await
    }

    /// The lines of stdout so far.
    pub fn said(&self) -> Vec<String> {
        self.stdout.borrow().clone()
    }

    pub fn signal(&self, signal: Signal) -> Result<()> {
        let id = self.child.id().context("the program has ended already")?;
        Ok(kill_process(Pid::from_raw(id.cast_signed()).context("a process has an id")?, signal)?)
    }

    /// Ctrl-C, and the end.
    pub async fn interrupt(self) -> Result<Ended> {
        self.signal(Signal::INT)?;
        self.end().await
    }

    /// Waits for the end.
    pub async fn end(mut self) -> Result<Ended> {
        let ended = timeout(PATIENCE, async {
            let status = self.child.wait().await;
            while self.readers.join_next().await.is_some() {}
            status
        });
        let Ok(status) = ended.await else {
            bail!("the program does not end\n{}", self.so_far());
        };
        let status = status?;
        let status = status.code().or_else(|| status.signal().map(|_| -1)).filter(|code| *code >= 0);
        Ok(Ended { status, stdout: self.stdout.borrow().clone(), stderr: self.stderr.borrow().clone() })
    }

    fn so_far(&self) -> String {
        format!("{}\n{}", self.stdout.borrow().join("\n"), self.stderr.borrow().join("\n"))
    }
}

impl Ended {
    /// What it printed, as JSON.
    pub fn json(&self) -> Result<Value> {
        let text = self.stdout.join("\n");
        serde_json::from_str(&text).with_context(|| format!("{self:?}"))
    }

    /// The lines of stderr, as they were written.
    pub fn warnings(&self) -> String {
        self.stderr.join("\n")
    }
}

fn read(
    readers: &mut JoinSet<()>,
    from: impl AsyncRead + Unpin + Send + 'static,
) -> watch::Receiver<Vec<String>> {
    let (teller, lines) = watch::channel(Vec::new());
    readers.spawn(async move {
        let mut from = BufReader::new(from).lines();
        while let Ok(Some(line)) = from.next_line().await {
            teller.send_modify(|lines: &mut Vec<String>| lines.push(line));
        }
    });
    lines
}

async fn wait_for(lines: &mut watch::Receiver<Vec<String>>, words: &[&str], times: usize) -> Result<()> {
    let has = |line: &String| words.iter().all(|word| line.contains(word));
    let enough = |lines: &Vec<String>| lines.iter().filter(|line| has(line)).count() >= times;
    if let Ok(Ok(_)) = timeout(PATIENCE, lines.wait_for(enough)).await {
        return Ok(());
    }
    bail!("{words:?} was not said {times} times, but:\n{}", lines.borrow().join("\n"))
}

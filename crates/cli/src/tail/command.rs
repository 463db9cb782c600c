//! Running a command for a delivery: without a shell, in a process group of its own.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rewitness_messaging::{Delivery, Failure, Outcome};
use thiserror::Error;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;
use tokio::process::{ChildStdin, Command};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::line;
use crate::screen::Screen;

mod find;
mod group;
mod relay;

use group::Group;

/// What a command answers that is not finished and has not failed: sysexits' EX_TEMPFAIL.
const NOT_YET: i32 = 75;

/// When such a command is run again.
const REQUEUE_AFTER: Duration = Duration::from_secs(10);

/// How long the output of a command is still read after its end: whatever it left running in the
/// background holds the pipe open, maybe for ever.
const LINGER: Duration = Duration::from_millis(250);

/// A command that answers deliveries.
pub(crate) struct Program {
    path: PathBuf,
    /// As it was typed; what the command sees as its own name.
    name: OsString,
    args: Vec<OsString>,
    timeout: Duration,
    screen: Screen,
}

/// Why a command did not answer with success.
#[derive(Debug, Error)]
pub(crate) enum CommandError {
    #[error("cannot run {}", name.display())]
    Start { name: OsString, source: std::io::Error },
    #[error("cannot tell how it ended")]
    Wait(#[source] std::io::Error),
    #[error("exit status {0}")]
    Exit(i32),
    #[error("ended by signal {0}")]
    Signal(i32),
    #[error("ended because it took longer than {0:?}")]
    Timeout(Duration),
}

impl Program {
    /// The command as typed after `--`, found and known to be executable.
    pub(crate) fn find(
        command: &[OsString],
        path: Option<&OsStr>,
        timeout: Duration,
        screen: Screen,
    ) -> anyhow::Result<Option<Self>> {
        let Some((name, args)) = command.split_first() else { return Ok(None) };
        let path = find::executable(name, path)?;
        Ok(Some(Self { path, name: name.clone(), args: args.to_vec(), timeout, screen }))
    }

    /// Runs the command for a delivery, and reads its answer from its exit status.
    ///
    /// If this is dropped before it completes, the whole process group is killed.
    pub(crate) async fn run(&self, delivery: &Delivery) -> Result<Outcome, Failure> {
        let (mut group, output) = self.start(delivery)?;
        let stdin = group.leader.stdin.take();
        let ended = Notify::new();
        let answer = async {
            let ended_by_itself = async {
                feed(stdin, delivery).await;
                group.leader.wait().await
            };
            let answer = match timeout(self.timeout, ended_by_itself).await {
                Ok(status) => status.map_err(CommandError::Wait).and_then(read_answer),
                Err(_) => {
                    group.end().await;
                    Err(CommandError::Timeout(self.timeout))
                }
            };
            ended.notify_one();
            answer
        };
        let relay = async {
            let linger = async {
                ended.notified().await;
                sleep(LINGER).await;
            };
            let label = line::qualified_name(&delivery.envelope.resource);
            tokio::select! {
                () = relay::relay(output, &label, &self.screen) => {}
                () = linger => {}
            }
        };
        let (answer, ()) = tokio::join!(answer, relay);
        Ok(answer?)
    }

    fn start(&self, delivery: &Delivery) -> Result<(Group, pipe::Receiver), CommandError> {
        let start = || {
            // One pipe for both, so that what was printed first comes out first.
            let (output, stdout) = std::io::pipe()?;
            let stderr = stdout.try_clone()?;
            let output = pipe::Receiver::from_owned_fd(output.into())?;
            let mut command = Command::new(&self.path);
            command
                .arg0(&self.name)
                .args(&self.args)
                .envs(environment(delivery))
                .stdin(Stdio::piped())
                .stdout(stdout)
                .stderr(stderr)
                .process_group(0)
                .kill_on_drop(true);
            Ok((Group::new(command.spawn()?), output))
        };
        start().map_err(|source| CommandError::Start { name: self.name.clone(), source })
    }
}

/// The delivery, for commands that read no JSON. What there is nothing to say about is empty
/// rather than missing, for shells that run with `set -u`.
fn environment(delivery: &Delivery) -> [(&'static str, String); 9] {
    let resource = &delivery.envelope.resource;
    let deletion = delivery.envelope.deletion_timestamp;
    [
        ("REWITNESS_CAUSE", delivery.cause.to_string()),
        ("REWITNESS_STATE", delivery.state.to_string()),
        ("REWITNESS_ATTEMPT", delivery.attempt.to_string()),
        ("REWITNESS_KIND", resource.kind.kind.to_string()),
        ("REWITNESS_GROUP", resource.kind.group.to_string()),
        ("REWITNESS_NAMESPACE", resource.namespace.as_deref().unwrap_or_default().to_owned()),
        ("REWITNESS_NAME", resource.name.to_string()),
        ("REWITNESS_UID", resource.uid.to_string()),
        ("REWITNESS_DELETION_TIMESTAMP", deletion.map(|time| time.to_string()).unwrap_or_default()),
    ]
}

/// Writes the delivery to the command's stdin and closes it. A command need not read it, so that a
/// pipe it closed is no error.
async fn feed(stdin: Option<ChildStdin>, delivery: &Delivery) {
    let Some(mut stdin) = stdin else { return };
    let mut json = Vec::with_capacity(512);
    line::write_json(&mut json, delivery);
    json.push(b'\n');
    let _ = stdin.write_all(&json).await;
}

fn read_answer(status: ExitStatus) -> Result<Outcome, CommandError> {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(Outcome::Done),
        (Some(NOT_YET), _) => Ok(Outcome::requeue_after(REQUEUE_AFTER)),
        (Some(code), _) => Err(CommandError::Exit(code)),
        (None, signal) => Err(CommandError::Signal(signal.unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests;

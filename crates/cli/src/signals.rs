//! Ctrl-C and SIGTERM.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Status;

/// The signals that ask the program to end.
///
/// SIGHUP is none of them: its default ends the program like a crash, which a queue survives, and
/// catching it would undo `nohup`.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From now on the signals no longer end the process by themselves.
    pub(crate) fn catch() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Completes with each signal.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Runs a command until it ends, or until a signal comes: then it has failed, and `say` what that leaves.
pub(crate) async fn until_signalled(
    command: impl Future<Output = anyhow::Result<Status>>,
    say: impl FnOnce(),
) -> anyhow::Result<Status> {
    let mut signals = Signals::catch()?;
    tokio::select! {
        status = command => status,
        () = signals.next() => {
            say();
            Ok(Status::Failed)
        }
    }
}

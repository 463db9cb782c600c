//! stdout, by the batch.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags};
use thiserror::Error;
use tokio::sync::{Notify, watch};

/// Lines on their way to stdout.
///
/// A line is accepted, and its delivery answered, only once it was written: whoever pipes us into
/// a file finds every resource there that we called done. What comes meanwhile is written
/// together, so a burst costs a few large writes and a single line is out at once.
pub(crate) struct Output {
    pending: Mutex<Pending>,
    filled: Notify,
    written: watch::Sender<Written>,
}

#[derive(Default)]
struct Pending {
    bytes: Vec<u8>,
    /// The number of the batch that is being filled.
    batch: u64,
}

#[derive(Clone, Copy)]
enum Written {
    /// All batches before this one.
    Before(u64),
    /// And no more will be.
    Closed,
}

/// stdout takes nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the line could not be written")]
pub(crate) struct Closed;

impl Output {
    pub(crate) fn new() -> Self {
        Self {
            pending: Mutex::default(),
            filled: Notify::new(),
            written: watch::Sender::new(Written::Before(0)),
        }
    }

    /// Appends what `render` writes, and waits until it is out.
    pub(crate) async fn write(&self, render: impl FnOnce(&mut Vec<u8>)) -> Result<(), Closed> {
        let batch = {
            let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
            render(&mut pending.bytes);
            pending.batch
        };
        self.filled.notify_one();
        let is_out = |written: &Written| match written {
            Written::Before(next) => batch < *next,
            Written::Closed => true,
        };
        match self.written.subscribe().wait_for(is_out).await.as_deref() {
            Ok(Written::Before(_)) => Ok(()),
            _ => Err(Closed),
        }
    }

    /// Writes what comes, by `write`, on a thread of its own, because a pipe can block for as long
    /// as its reader likes. Returns the error that ended it.
    pub(crate) async fn pump<W>(&self, write: W) -> io::Error
    where
        W: Fn(&[u8]) -> io::Result<()> + Clone + Send + 'static,
    {
        let mut spare = Vec::new();
        loop {
            self.filled.notified().await;
            // Whoever else is ready appends first.
            tokio::task::yield_now().await;
            let (bytes, next) = {
                let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
                if pending.bytes.is_empty() {
                    continue;
                }
                pending.batch += 1;
                (std::mem::replace(&mut pending.bytes, std::mem::take(&mut spare)), pending.batch)
            };
            let write = write.clone();
            let written = tokio::task::spawn_blocking(move || (write(&bytes), bytes)).await;
            spare = match written {
                Ok((Ok(()), bytes)) => bytes,
                Ok((Err(error), _)) => return self.close(error),
                Err(error) => return self.close(error.into()),
            };
            spare.clear();
            self.written.send_replace(Written::Before(next));
        }
    }

    fn close(&self, error: io::Error) -> io::Error {
        self.written.send_replace(Written::Closed);
        error
    }
}

/// Writes to the process's stdout.
pub(crate) fn to_stdout(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

/// Completes when stdout is a pipe whose reader is gone, so that `rewitness tail … | head -1` ends
/// then and not with the next delivery. Never completes for anything else.
///
/// Until then it occupies a thread, which the program does not wait for at its end.
pub(crate) async fn reader_gone() {
    let watch = || {
        // POSIX has `poll` tell of an end unasked: Linux does, whatever is asked for. XNU looks at a
        // file only for the events that are asked for, and these are those that mean nothing else.
        let end = PollFlags::HUP | PollFlags::ERR;
        let mut stdout = [PollFd::from_borrowed_fd(rustix::stdio::stdout(), end)];
        let told = rustix::event::poll(&mut stdout, None);
        told.is_ok() && stdout[0].revents().intersects(end)
    };
    if let Ok(true) = tokio::task::spawn_blocking(watch).await {
        return;
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::future::join_all;

    use super::*;

    type Batches = Arc<Mutex<Vec<String>>>;

    fn recorder(batches: &Batches) -> impl Fn(&[u8]) -> io::Result<()> + Clone + Send + 'static {
        let batches = Arc::clone(batches);
        move |bytes| {
            batches.lock().unwrap().push(String::from_utf8_lossy(bytes).into_owned());
            Ok(())
        }
    }

    #[tokio::test]
    async fn lines_that_come_together_are_written_together() {
        let (output, batches) = (Output::new(), Batches::default());
        let lines = (0..100).map(|at| output.write(move |out| writeln!(out, "{at}").unwrap()));
        tokio::select! {
            results = join_all(lines) => assert!(results.iter().all(Result::is_ok)),
            error = output.pump(recorder(&batches)) => panic!("{error}"),
        }
        let batches = batches.lock().unwrap();
        assert_eq!(batches.concat(), (0..100).map(|at| format!("{at}\n")).collect::<String>());
        assert_eq!(batches.len(), 1);
    }

    #[tokio::test]
    async fn a_line_counts_only_once_it_is_out() {
        let (output, batches) = (Output::new(), Batches::default());
        let line = output.write(|out| out.extend_from_slice(b"x\n"));
        tokio::pin!(line);
        assert!(futures::poll!(&mut line).is_pending(), "nobody has written it");
        tokio::select! {
            result = &mut line => assert_eq!(result, Ok(())),
            error = output.pump(recorder(&batches)) => panic!("{error}"),
        }
        assert_eq!(*batches.lock().unwrap(), ["x\n"]);
    }

    #[tokio::test]
    async fn a_broken_pipe_fails_the_lines_that_are_not_out() {
        let output = Output::new();
        let broken = |_: &[u8]| Err(io::ErrorKind::BrokenPipe.into());
        let (line, error) = tokio::join!(output.write(|out| out.push(b'x')), output.pump(broken));
        assert_eq!(line, Err(Closed));
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(output.write(|out| out.push(b'y')).await, Err(Closed), "also those that come later");
    }
}

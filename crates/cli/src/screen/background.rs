//! A sink that never blocks: a thread of its own writes to it.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// How many writes may wait: a burst of log lines, and not a log that nobody reads.
const WAITING: usize = 1024;

/// How long the end waits for a reader that is slow.
const LAST: Duration = Duration::from_secs(1);

/// Hands each write to a thread. What does not fit is dropped and counted, and the count is written
/// once there is room again. Dropping it waits a second at most for what is left.
pub(super) struct Background {
    writes: Option<SyncSender<Vec<u8>>>,
    ended: Receiver<()>,
    dropped: u64,
}

impl Background {
    /// # Errors
    ///
    /// The thread could not be started.
    pub(super) fn new(mut sink: impl Write + Send + 'static) -> io::Result<Self> {
        let (writes, waiting) = sync_channel::<Vec<u8>>(WAITING);
        let (end, ended) = sync_channel::<()>(1);
        thread::Builder::new().name("stderr".to_owned()).spawn(move || {
            // Nothing can be said about a sink that is gone, so its errors are passed over.
            for bytes in waiting {
                let _ = sink.write_all(&bytes).and_then(|()| sink.flush());
            }
            drop(end);
        })?;
        Ok(Self { writes: Some(writes), ended, dropped: 0 })
    }

    fn try_send(&self, bytes: Vec<u8>) -> bool {
        self.writes
            .as_ref()
            .is_some_and(|writes| !matches!(writes.try_send(bytes), Err(TrySendError::Full(_))))
    }

    fn report_dropped(&mut self) {
        let dropped = self.dropped;
        let note = format!("warning: {dropped} messages were dropped: nobody read stderr\n");
        if dropped > 0 && self.try_send(note.into_bytes()) {
            self.dropped = 0;
        }
    }
}

impl Write for Background {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.report_dropped();
        if self.dropped > 0 || !self.try_send(bytes.to_vec()) {
            self.dropped += 1;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let until = Instant::now() + LAST;
        self.report_dropped();
        while self.dropped > 0 && Instant::now() < until {
            thread::sleep(Duration::from_millis(10));
            self.report_dropped();
        }
        self.writes = None;
        let _ = self.ended.recv_timeout(until.saturating_duration_since(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::super::tests::Written;
    use super::*;

    /// Blocks until the gate is dropped.
    struct Gated(Receiver<()>, Written);

    impl Write for Gated {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_does_not_fit_is_dropped_counted_and_said() {
        let ((gate, gated), written) = (channel(), Written::default());
        let mut sink = Background::new(Gated(gated, written.clone())).unwrap();
        // One of them may be with the thread already.
        let lines = WAITING + 100;
        (0..lines).for_each(|line| sink.write_all(format!("{line}\n").as_bytes()).unwrap());
        let dropped = sink.dropped;
        assert!((99..=100).contains(&dropped), "{dropped}");
        drop(gate);
        drop(sink);
        let text = written.text();
        let last = format!("warning: {dropped} messages were dropped: nobody read stderr");
        assert_eq!((text.lines().next(), text.lines().last()), (Some("0"), Some(&*last)));
        assert_eq!(text.lines().count() as u64 - 1 + dropped, lines as u64);
    }

    #[test]
    fn all_that_was_written_is_there_at_the_end() {
        let written = Written::default();
        let mut sink = Background::new(written.clone()).unwrap();
        (0..100).for_each(|line| writeln!(sink, "{line}").unwrap());
        drop(sink);
        assert_eq!(written.text().lines().count(), 100);
    }
}

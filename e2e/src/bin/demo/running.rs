//! The program while it runs: its lines are shown as they come, and can be waited for.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rewitness_e2e::Terminal;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::guard::Guard;
use crate::line::Line;
use crate::screen::Screen;

/// How the program marks a change of its status line.
const CLEAR_LINE: &str = "\r\x1b[2K";

/// How long the program may take to stop.
const STOP: Duration = Duration::from_secs(20);

/// A started program. Dropping it kills it.
pub(crate) struct Running {
    child: Child,
    guard: Guard,
    lines: watch::Receiver<Vec<Line>>,
}

impl Running {
    /// Starts the program in a terminal of its own and in the folder `dir`.
    pub(crate) fn start(command: std::process::Command, dir: &Path, screen: &Screen) -> Result<Self> {
        let Terminal { ours, theirs } = Terminal::open(screen.inner_columns())?;
        let mut command = Command::from(command);
        command
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(theirs.try_clone()?)
            .stderr(theirs)
            // A Ctrl-C is for the demo: it stops the program in its own time, and cleans up after it.
            .process_group(0)
            .kill_on_drop(true);
        if !screen.color() {
            command.env("NO_COLOR", "1");
        }
        let mut guard = Guard::start()?;
        let child = command.spawn().context("start rewitness")?;
        guard.watch(child.id().context("the program has ended")?)?;
        let (teller, lines) = watch::channel(Vec::new());
        let mut relay = Relay { screen: screen.clone(), teller, rest: String::new() };
        // A thread, since terminals can only be read blocking; it ends when the program has.
        thread::Builder::new().name("terminal".into()).spawn(move || relay.relay(ours))?;
        // With the command the other end of the terminal closes here, so that only the program holds it.
        Ok(Self { child, guard, lines })
    }

    /// The lines so far, without colours.
    pub(crate) fn said(&self) -> Vec<String> {
        self.lines.borrow().iter().map(|line| line.text.clone()).collect()
    }

    /// Waits until the lines so far have what `find` looks for.
    pub(crate) async fn until<T>(
        &mut self,
        what: &str,
        within: Duration,
        mut find: impl FnMut(&[Line]) -> Option<T>,
    ) -> Result<T> {
        let mut found = None;
        let wanted = self.lines.wait_for(|lines| {
            found = find(lines);
            found.is_some()
        });
        match timeout(within, wanted).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) => bail!("the program ended before this was seen: {what}"),
            Err(_) => bail!("not seen within {within:?}: {what}"),
        }
        found.context("what was found is there")
    }

    /// Does as Ctrl-C does, and waits until the program has stopped.
    pub(crate) async fn stop(mut self) -> Result<ExitStatus> {
        let pid = self.child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        kill_process(pid.context("the program has ended")?, Signal::INT).context("stop the program")?;
        self.end().await
    }

    /// Kills the program: no handler of its own runs.
    pub(crate) async fn kill(mut self) -> Result<()> {
        self.child.start_kill().context("kill the program")?;
        let status = self.end().await?;
        match status.signal() {
            Some(signal) if signal == Signal::KILL.as_raw() => Ok(()),
            _ => bail!("the program ended with {status} instead of by SIGKILL"),
        }
    }

    /// Waits for the end of the program, and for its last line.
    pub(crate) async fn end(&mut self) -> Result<ExitStatus> {
        let end = async {
            let status = self.child.wait().await.context("wait for the program")?;
            self.guard.dismiss();
            // The thread drops its end of the channel after the last line.
            while self.lines.changed().await.is_ok() {}
            Ok(status)
        };
        timeout(STOP, end).await.with_context(|| format!("the program does not end within {STOP:?}"))?
    }
}

/// Reads the terminal.
struct Relay {
    screen: Screen,
    teller: watch::Sender<Vec<Line>>,
    /// What is on the program's bottom line.
    rest: String,
}

impl Relay {
    fn relay(&mut self, mut terminal: impl Read) {
        let mut chunk = [0; 8192];
        let mut bytes = Vec::new();
        // At the program's end Linux answers with an error, macOS with nothing.
        while let Ok(length @ 1..) = terminal.read(&mut chunk) {
            bytes.extend_from_slice(&chunk[..length]);
            // A character may be cut by the end of a chunk.
            let whole = match std::str::from_utf8(&bytes) {
                Ok(text) => text.len(),
                Err(error) => error.error_len().map_or(error.valid_up_to(), |_| bytes.len()),
            };
            let text: Vec<u8> = bytes.drain(..whole).collect();
            self.take(&String::from_utf8_lossy(&text));
        }
        self.screen.status("");
    }

    fn take(&mut self, text: &str) {
        self.rest.push_str(text);
        while let Some(end) = self.rest.find('\n') {
            let line: String = self.rest.drain(..=end).collect();
            self.line(line.trim_end_matches(['\r', '\n']));
        }
        if let Some(clear) = self.rest.rfind(CLEAR_LINE) {
            self.rest.drain(..clear + CLEAR_LINE.len());
        }
        self.screen.status(&self.rest);
    }

    fn line(&mut self, line: &str) {
        let line = line.rfind(CLEAR_LINE).map_or(line, |clear| &line[clear + CLEAR_LINE.len()..]);
        let read = Line::new(Instant::now(), line);
        self.screen.output(line, read.delivery.is_some());
        self.teller.send_modify(|lines| lines.push(read));
    }
}

//! stderr: the one place where notes, log lines and what commands print come out.
//!
//! On a terminal one status line stays at the bottom. Whatever else is written, to stderr or to a
//! stdout that is the same terminal, goes above it; hence everything passes through here.

mod background;

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rewitness_crds::visible;
use rewitness_verdict::why::Canvas;

use crate::args::Color;
use crate::exit::wrong_use;
use background::Background;

/// Back to the first column, and clear the line.
const CLEAR_LINE: &[u8] = b"\r\x1b[2K";

/// A shared handle of stderr.
#[derive(Clone)]
pub(crate) struct Screen(Arc<Shared>);

struct Shared {
    terminal: bool,
    color: bool,
    state: Mutex<State>,
}

struct State {
    sink: Box<dyn Write + Send>,
    /// What stays at the bottom; empty for nothing.
    status: String,
}

impl Screen {
    /// The process's own stderr. A pipe or a file has a thread of its own, so that a reader that has stopped
    /// does not stop the program; on a terminal the order of stdout and stderr is what people see.
    ///
    /// # Errors
    ///
    /// The thread could not be started.
    pub(crate) fn stderr() -> io::Result<Self> {
        Ok(match io::stderr().is_terminal() {
            true => Self::with(io::stderr(), true, color_is_welcome()),
            false => Self::with(Background::new(io::stderr())?, false, false),
        })
    }

    /// Writes what is still to be written, as far as somebody reads it within a second. Nothing is
    /// written any more after that.
    pub(crate) fn finish(&self) {
        self.state().sink = Box::new(io::sink());
    }

    fn with(sink: impl Write + Send + 'static, terminal: bool, color: bool) -> Self {
        let state = State { sink: Box::new(sink), status: String::new() };
        Self(Arc::new(Shared { terminal, color, state: Mutex::new(state) }))
    }

    /// Whether somebody looks at it.
    pub(crate) fn is_terminal(&self) -> bool {
        self.0.terminal
    }

    /// Whether what is written to it may be coloured.
    pub(crate) fn color(&self) -> bool {
        self.0.color
    }

    /// How many columns it has.
    pub(crate) fn columns(&self) -> usize {
        columns(io::stderr())
    }

    /// Writes a line, whole.
    pub(crate) fn line(&self, line: impl Display) {
        self.lines(format!("{line}\n").as_bytes());
    }

    /// Writes lines, each with its end, in one go: nobody else's come between.
    pub(crate) fn lines(&self, lines: &[u8]) {
        let mut state = self.state();
        let mut bytes = Vec::with_capacity(lines.len() + 2 * state.status.len() + 8);
        if !state.status.is_empty() {
            bytes.extend_from_slice(CLEAR_LINE);
        }
        bytes.extend_from_slice(lines);
        bytes.extend_from_slice(state.status.as_bytes());
        state.write(&bytes);
    }

    /// Replaces the status line; an empty one takes it away. Does nothing unless it is a terminal.
    pub(crate) fn status(&self, text: &str) {
        let mut state = self.state();
        if self.0.terminal && state.status != text {
            state.status = text.to_owned();
            let bytes = [CLEAR_LINE, text.as_bytes()].concat();
            state.write(&bytes);
        }
    }

    /// Runs `write`, which may write to the same terminal by another way, above the status line.
    pub(crate) fn beside<T>(&self, write: impl FnOnce() -> T) -> T {
        let mut state = self.state();
        if state.status.is_empty() {
            return write();
        }
        state.write(CLEAR_LINE);
        let result = write();
        let status = state.status.clone();
        state.write(status.as_bytes());
        result
    }

    /// Writes a note of the program's own: dim where there is colour, for it is not the answer.
    pub(crate) fn note(&self, text: impl Display) {
        let text = visible_lines(&text.to_string());
        match self.0.color {
            true => self.line(format_args!("\x1b[2m{text}\x1b[0m")),
            false => self.line(text),
        }
    }

    /// Writes what failed or is amiss, after a word that says which.
    pub(crate) fn alarm(&self, word: &str, text: impl Display) {
        let text = visible_lines(&text.to_string());
        match (self.0.color, word) {
            (true, "error") => self.line(format_args!("\x1b[1;31m{word}:\x1b[0m {text}")),
            (true, _) => self.line(format_args!("\x1b[1;33m{word}:\x1b[0m {text}")),
            (false, _) => self.line(format_args!("{word}: {text}")),
        }
    }

    /// Asks a question and reads the answer; an end of input is a no.
    ///
    /// # Errors
    ///
    /// There is no terminal to ask on: a wrong use, with `why_asked`.
    pub(crate) async fn ask(&self, question: &str, why_asked: &str) -> anyhow::Result<bool> {
        if !self.is_terminal() || !io::stdin().is_terminal() {
            return Err(wrong_use(format!("{why_asked}, and there is no terminal to ask on\nadd --yes")));
        }
        self.lines(format!("{question} [y/N] ").as_bytes());
        let read = || {
            let mut answer = String::new();
            io::stdin().read_line(&mut answer).map(|_| answer)
        };
        let answer = tokio::task::spawn_blocking(read).await??;
        Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What others wrote, in names and messages, must not move the cursor.
fn visible_lines(text: &str) -> String {
    text.split('\n').map(visible).collect::<Vec<_>>().join("\n")
}

impl State {
    /// Nothing can be said about a stderr that is gone, so its errors are passed over.
    fn write(&mut self, bytes: &[u8]) {
        let _ = self.sink.write_all(bytes).and_then(|()| self.sink.flush());
    }
}

/// What can be drawn on the process's own stdout.
pub(crate) fn stdout_canvas(color: Color) -> Canvas {
    let is_terminal = io::stdout().is_terminal();
    let color = match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => is_terminal && color_is_welcome(),
    };
    Canvas { columns: is_terminal.then(|| columns(io::stdout())), color }
}

/// How many columns a terminal has; where nobody says, 80.
fn columns(terminal: impl AsFd) -> usize {
    match rustix::termios::tcgetwinsize(terminal) {
        Ok(size) if size.ws_col > 0 => size.ws_col.into(),
        _ => 80,
    }
}

/// Whether the user wants colour where there can be some: <https://no-color.org>, and terminals
/// that say they have none.
#[expect(clippy::disallowed_methods, reason = "the program reads the environment")]
fn color_is_welcome() -> bool {
    let set = |name: &str| std::env::var(name).is_ok_and(|value| !value.is_empty());
    !set("NO_COLOR") && std::env::var("TERM").as_deref() != Ok("dumb")
}

/// For the log: each event comes as one write of whole lines.
impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lines(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests;

//! What is seen of the demo: words of its own, and the lines of the program as they come.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// Everything is indented by this, so that it stands apart from the shell's own lines.
const INDENT: &str = "  ";

/// Before each line of the program.
const GUTTER: &str = "│ ";

/// Longer lines of prose are hard to read.
const WIDEST_PROSE: usize = 88;

/// What the API says may be as wide as this.
const WIDEST_ENTRY: usize = 110;

/// Back to the first column, and clear the line.
const CLEAR_LINE: &str = "\r\x1b[2K";

/// No colour from here on.
const RESET: &str = "\x1b[0m";

/// A shared handle of stdout. On a terminal a status line stays at the bottom, as the program's own does.
#[derive(Clone)]
pub(crate) struct Screen(Arc<Shared>);

struct Shared {
    terminal: bool,
    color: bool,
    state: Mutex<State>,
}

struct State {
    sink: Box<dyn Write + Send>,
    status: String,
}

/// How a word stands out. Only where there is colour.
#[derive(Clone, Copy)]
pub(crate) enum Style {
    Bold,
    Dim,
    Good,
    Bad,
}

impl Screen {
    pub(crate) fn stdout() -> Self {
        let terminal = io::stdout().is_terminal();
        Self::with(io::stdout(), terminal, terminal && color_is_welcome())
    }

    fn with(sink: impl Write + Send + 'static, terminal: bool, color: bool) -> Self {
        let state = State { sink: Box::new(sink), status: String::new() };
        Self(Arc::new(Shared { terminal, color, state: Mutex::new(state) }))
    }

    pub(crate) fn color(&self) -> bool {
        self.0.color
    }

    /// How many columns a line of the program has; where nothing is cut, as many as it likes.
    pub(crate) fn inner_columns(&self) -> usize {
        match self.width() {
            Some(columns) => columns - INDENT.len() - GUTTER.chars().count(),
            None => 500,
        }
    }

    fn width(&self) -> Option<usize> {
        let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
        self.0.terminal.then(|| usize::from(size.ws_col).max(40))
    }

    /// A word in its style.
    pub(crate) fn paint(&self, style: Style, text: impl Display) -> String {
        let code = match style {
            Style::Bold => "1",
            Style::Dim => "2",
            Style::Good => "1;32",
            Style::Bad => "1;31",
        };
        if self.0.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }

    /// A line of our own; an empty one separates.
    pub(crate) fn line(&self, text: impl Display) {
        let text = text.to_string();
        self.write(&if text.is_empty() { "\n".to_owned() } else { format!("{INDENT}{text}\n") });
    }

    /// The line above a step.
    pub(crate) fn heading(&self, number: usize, title: &str) {
        self.line("");
        self.line(self.paint(Style::Bold, format_args!("{number}  {title}")));
    }

    /// Sentences, broken into lines.
    pub(crate) fn prose(&self, text: &str) {
        wrap(text, self.prose_columns()).iter().for_each(|line| self.line(line));
    }

    /// A sentence behind a mark.
    fn marked(&self, mark: &str, text: impl Display) {
        for (at, line) in wrap(&text.to_string(), self.prose_columns() - 2).iter().enumerate() {
            self.line(format_args!("{} {line}", if at == 0 { mark } else { " " }));
        }
    }

    fn prose_columns(&self) -> usize {
        self.width().unwrap_or(WIDEST_PROSE).min(WIDEST_PROSE) - INDENT.len()
    }

    /// What the demo does to the cluster or to the cloud.
    pub(crate) fn action(&self, text: impl Display) {
        self.marked(&self.paint(Style::Dim, "→"), text);
    }

    /// A command as it would be typed.
    pub(crate) fn command(&self, words: &str) {
        self.line("");
        self.line(format_args!("{} {}", self.paint(Style::Dim, "$"), self.paint(Style::Bold, words)));
    }

    /// A line of the program. On a terminal that of a delivery is cut rather than wrapped: what is last in it, the uid,
    /// matters least. Other lines are sentences.
    pub(crate) fn output(&self, line: &str, is_delivery: bool) {
        let width = self.inner_columns();
        let lines = if is_delivery { vec![cut(line, width)] } else { wrap(line, width) };
        let gutter = self.paint(Style::Dim, GUTTER);
        lines.iter().for_each(|line| self.line(format_args!("{gutter}{line}")));
    }

    /// The program's status line; an empty one takes it away. Without a terminal each one is a line: what is not seen
    /// to move can at least be read.
    pub(crate) fn status(&self, text: &str) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let status = match text {
            "" => String::new(),
            text => {
                format!("{INDENT}{}{}", self.paint(Style::Dim, GUTTER), cut(text, self.inner_columns() - 1))
            }
        };
        match self.0.terminal {
            _ if state.status == status => return,
            true => state.write(&format!("{CLEAR_LINE}{status}")),
            false if status.is_empty() => return,
            false => state.write(&format!("{status}\n")),
        }
        state.status = status;
    }

    /// A text as it is in a file.
    pub(crate) fn text(&self, text: &str) {
        text.lines().for_each(|line| self.line(format_args!("  {}", self.paint(Style::Dim, line))));
    }

    /// A table of the API's, below its heading.
    pub(crate) fn columns(&self, lines: &[String]) {
        for (at, line) in lines.iter().enumerate() {
            let line = if at == 0 { self.paint(Style::Bold, line) } else { line.clone() };
            self.line(format_args!("  {line}"));
        }
    }

    /// What the API says, as words with sentences beside them.
    pub(crate) fn entries(&self, entries: &[(String, String)]) {
        let wide = entries.iter().map(|(word, _)| word.chars().count()).max().unwrap_or_default() + 2;
        let columns = self.width().unwrap_or(WIDEST_ENTRY).min(WIDEST_ENTRY) - 2 * INDENT.len();
        for (word, sentence) in entries {
            for (at, line) in wrap(sentence, columns.saturating_sub(wide)).iter().enumerate() {
                let word = format!("{:wide$}", if at == 0 { word } else { "" });
                self.line(format_args!("  {}{line}", self.paint(Style::Bold, word)));
            }
        }
    }

    /// What was found to be so by asking the API.
    pub(crate) fn proof(&self, text: impl Display) {
        self.marked(&self.paint(Style::Good, "✓"), text);
    }

    /// What did not go as it should.
    pub(crate) fn failure(&self, text: &str) {
        for (at, line) in text.lines().enumerate() {
            let mark = if at == 0 { self.paint(Style::Bad, "✗") } else { " ".to_owned() };
            self.line(format_args!("{mark} {line}"));
        }
    }

    /// A question, which stays open at the end of its line.
    pub(crate) fn ask(&self, question: &str) {
        self.write(&format!("{INDENT}{question} "));
    }

    /// Writes above the status line.
    fn write(&self, text: &str) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let below = if self.0.terminal { state.status.clone() } else { String::new() };
        let clear = if below.is_empty() { "" } else { CLEAR_LINE };
        state.write(&format!("{clear}{text}{below}"));
    }
}

impl State {
    /// A reader that is gone is no reason to leave the cluster half cleaned.
    fn write(&mut self, text: &str) {
        let _ = self.sink.write_all(text.as_bytes()).and_then(|()| self.sink.flush());
    }
}

/// Whether the user wants colour where there can be some: <https://no-color.org>, and terminals that have none.
#[expect(clippy::disallowed_methods, reason = "a binary, which looks at its terminal")]
fn color_is_welcome() -> bool {
    let set = |name: &str| std::env::var(name).is_ok_and(|value| !value.is_empty());
    !set("NO_COLOR") && std::env::var("TERM").as_deref() != Ok("dumb")
}

/// Breaks a text at its spaces into lines of at most `width` columns, if its words allow it. A colour that is on at the
/// end of a line goes on in the next one.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let (mut columns, mut color) = (0, String::new());
    for (nth, word) in text.split(' ').enumerate() {
        let wide = visible_width(word);
        if columns > 0 && columns + 1 + wide > width {
            if let Some(line) = lines.last_mut().filter(|_| !color.is_empty()) {
                line.push_str(RESET);
            }
            lines.push(format!("{color}{word}"));
            columns = wide;
        } else if let Some(line) = lines.last_mut() {
            if nth > 0 {
                line.push(' ');
                columns += 1;
            }
            line.push_str(word);
            columns += wide;
        }
        if let Some(start) = word.rfind("\x1b[") {
            let code = &word[start..=start + word[start..].find('m').unwrap_or(0)];
            color = if code == RESET { String::new() } else { code.to_owned() };
        }
    }
    lines
}

/// The beginning of a line that fits into `width` columns. Escape sequences take none, and are all kept, so that no
/// colour runs on.
fn cut(line: &str, width: usize) -> String {
    let (mut kept, mut columns, mut escape) = (String::new(), 0, false);
    let mut visible = visible_width(line);
    for char in line.chars() {
        escape |= char == '\x1b';
        if escape {
            kept.push(char);
            escape = !char.is_ascii_alphabetic();
        } else if columns + 1 < width || columns + visible <= width {
            kept.push(char);
            columns += 1;
            visible -= 1;
        } else if columns < width {
            kept.push('…');
            columns = width;
        }
    }
    kept
}

fn visible_width(line: &str) -> usize {
    crate::line::plain(line).chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_broken_at_its_spaces() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("unbreakable a b", 3), ["unbreakable", "a b"]);
        assert_eq!(wrap("  a   b", 80), ["  a   b"]);
        assert_eq!(wrap("\x1b[2mone two three\x1b[0m", 7), ["\x1b[2mone two\x1b[0m", "\x1b[2mthree\x1b[0m"]);
    }

    #[test]
    fn a_cut_line_keeps_its_colours() {
        for (line, expected) in [
            ("abc", "abc"),
            ("abcde", "abcde"),
            ("abcdef", "abcd…"),
            ("\x1b[1mabc\x1b[0mdef", "\x1b[1mabc\x1b[0md…"),
            ("abcd\x1b[2mefg\x1b[0m", "abcd\x1b[2m…\x1b[0m"),
            ("\x1b[1mabcde\x1b[0m", "\x1b[1mabcde\x1b[0m"),
        ] {
            assert_eq!(cut(line, 5), expected, "{line:?}");
        }
    }
}

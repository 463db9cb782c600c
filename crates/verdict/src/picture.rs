//! Text that is drawn: broken and coloured where there is a terminal, plain elsewhere.

use anstyle::{AnsiColor, Style};
use rewitness_crds::visible;

use crate::step::Step;

/// Narrower than this nothing can be read; then lines are left to the terminal to break.
const NARROWEST: usize = 30;

/// Wider than this nobody reads.
const WIDEST: usize = 120;

/// What is drawn on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Canvas {
    /// The terminal's columns; `None` where there is none.
    pub columns: Option<usize>,
    /// Whether there may be colours.
    pub color: bool,
}

/// Text that is being drawn.
pub(crate) struct Picture {
    pub(crate) canvas: Canvas,
    pub(crate) text: String,
}

impl Picture {
    /// The command is on a line of its own, unbroken, to be copied.
    pub(crate) fn step(&mut self, step: &Step, indent: &str) {
        let command = self.styled(&step.command, AnsiColor::Cyan.on_default());
        self.text += &format!("{indent}{command}\n");
        let under = format!("{indent}    ");
        self.line(&under, &under, &step.explanation(), Style::new().dimmed());
    }

    /// Some text, broken where the terminal ends: the first line after `first`, the others after
    /// `then`.
    pub(crate) fn line(&mut self, first: &str, then: &str, text: &str, style: Style) {
        self.stemmed((first, Style::new().dimmed()), then, text, style);
    }

    /// The same, where what the first line begins with has a style of its own.
    pub(crate) fn stemmed(
        &mut self,
        (first, stem_style): (&str, Style),
        then: &str,
        text: &str,
        style: Style,
    ) {
        let columns = self.canvas.columns.map_or(usize::MAX, |columns| columns.min(WIDEST));
        let stem = then.chars().count().max(first.chars().count());
        let width = columns.saturating_sub(stem);
        let width = if width < NARROWEST { usize::MAX } else { width };
        for (index, part) in wrapped(text, width).iter().enumerate() {
            let (stem, its) = if index == 0 { (first, stem_style) } else { (then, Style::new().dimmed()) };
            let (stem, part) = (self.styled(stem, its), self.styled(part, style));
            self.text += &format!("{stem}{part}\n");
        }
    }

    pub(crate) fn styled(&self, text: &str, style: Style) -> String {
        match !self.canvas.color || text.trim().is_empty() {
            true => text.to_owned(),
            false => format!("{style}{text}{style:#}"),
        }
    }
}

/// Broken at spaces. A word longer than a line stays whole: it is a name, to be copied. Line ends of
/// what others said become spaces.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            lines.push(String::new());
            used = 0;
        }
        if let Some(line) = lines.last_mut() {
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            line.push_str(&visible(word));
            used += length;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_words_and_names_stay_whole() {
        assert_eq!(wrapped("a bc def", 4), ["a bc", "def"]);
        assert_eq!(wrapped("a-name-longer-than-that x", 4), ["a-name-longer-than-that", "x"]);
        assert_eq!(wrapped("two\nlines\x1b[2J", 80), ["two lines\u{fffd}[2J"]);
        assert_eq!(wrapped("nothing \u{202e}keeps", 80), ["nothing \u{fffd}keeps"]);
    }
}

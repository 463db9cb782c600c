//! The report as text: with signs and colours on a terminal, with words elsewhere.

use anstyle::{AnsiColor, Style};

use super::report::{Check, Group, Report, Result};
use crate::picture::{Canvas, Picture};
use crate::text::counted;

/// The report as text, with the end of its last line.
pub fn draw(report: &Report, canvas: Canvas) -> String {
    let mut picture = Picture { canvas, text: String::new() };
    for group in &report.groups {
        picture.line("", "", group.title, Style::new().bold());
        shown(group).for_each(|check| draw_check(&mut picture, check));
        picture.text.push('\n');
    }
    let (_, _, style) = look(report.result);
    picture.line("", "", &summary(report), style);
    picture.text
}

/// Of a Cascade, the first line of its own and what is not well: many Cascades have many ticks.
fn shown(group: &Group) -> impl Iterator<Item = &Check> {
    let is_first = |at: usize, name: &str| {
        !group.checks[..at].iter().any(|before| before.cascade.as_deref() == Some(name))
    };
    let checks = group.checks.iter().enumerate();
    checks.filter_map(move |(at, check)| match &check.cascade {
        Some(name) if check.result == Result::Ok && !is_first(at, name) => None,
        _ => Some(check),
    })
}

fn draw_check(picture: &mut Picture, check: &Check) {
    let (sign, word, style) = look(check.result);
    let first = match picture.canvas.columns {
        Some(_) => format!("{sign} "),
        None => format!("- {word}: "),
    };
    // One tick among many is enough; what is amiss is coloured as a whole.
    let body = if check.result == Result::Ok { Style::new() } else { style };
    picture.stemmed((&first, style), "  ", &check.message, body);
    for detail in &check.details {
        picture.line("    ", "      ", detail, Style::new());
    }
    for step in &check.next {
        picture.step(step, "      ");
    }
}

/// The sign of a result where there are colours, the word for it where there are none, and its style.
fn look(result: Result) -> (&'static str, &'static str, Style) {
    match result {
        Result::Ok => ("✓", "ok", AnsiColor::Green.on_default()),
        Result::Note => ("·", "note", Style::new()),
        Result::Warning => ("!", "WARNING", AnsiColor::Yellow.on_default()),
        Result::Unknown => ("?", "UNKNOWN", AnsiColor::Yellow.on_default()),
        Result::Failed => ("✗", "FAILED", AnsiColor::Red.on_default()),
    }
}

fn summary(report: &Report) -> String {
    let of = |result: Result, one: &str, several: &str| {
        let count = report.totals[&result];
        (count > 0).then(|| counted(count, one, several))
    };
    let amiss = [
        of(Result::Failed, "failed", "failed"),
        of(Result::Unknown, "could not be made", "could not be made"),
        of(Result::Warning, "warns", "warn"),
    ];
    let amiss: Vec<String> = amiss.into_iter().flatten().collect();
    let checks = counted(report.totals.values().sum(), "check", "checks");
    match amiss.is_empty() {
        true => format!("{checks}: all is well"),
        false => format!("{checks}: {}", amiss.join(", ")),
    }
}

//! The report as text: with marks and colours on a terminal, with words elsewhere.

use super::report::{Check, Group, Report, Result};
use crate::picture::{Canvas, Picture, Style};
use crate::text::{counted, thousands};

/// The report as text, with the end of its last line.
pub fn draw(report: &Report, canvas: Canvas) -> String {
    let mut picture = Picture { canvas, text: String::new() };
    for group in &report.groups {
        picture.line("", "", group.title, Style::Bold);
        shown(group).for_each(|check| draw_check(&mut picture, check));
        picture.text.push('\n');
    }
    let (_, style) = mark(report.result);
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
    let (sign, style) = mark(check.result);
    let first = match picture.canvas.columns {
        Some(_) => format!("{sign} "),
        None => format!("- {}: ", word(check.result)),
    };
    // One tick among many is enough; what is amiss is coloured as a whole.
    let body = if check.result == Result::Ok { Style::Plain } else { style };
    picture.stemmed((&first, style), "  ", &check.message, body);
    for detail in &check.details {
        picture.line("    ", "      ", detail, Style::Plain);
    }
    for step in &check.next {
        picture.step(step, "      ");
    }
}

fn mark(result: Result) -> (&'static str, Style) {
    match result {
        Result::Ok => ("✓", Style::Green),
        Result::Note => ("·", Style::Plain),
        Result::Warning => ("!", Style::Yellow),
        Result::Unknown => ("?", Style::Yellow),
        Result::Failed => ("✗", Style::Red),
    }
}

/// What a mark means, where there are no marks.
fn word(result: Result) -> &'static str {
    match result {
        Result::Ok => "ok",
        Result::Note => "note",
        Result::Warning => "WARNING",
        Result::Unknown => "UNKNOWN",
        Result::Failed => "FAILED",
    }
}

fn summary(report: &Report) -> String {
    let totals = report.totals;
    let of = |count: u64, text: &str| (count > 0).then(|| format!("{} {text}", thousands(count)));
    let amiss = [
        of(totals.failed, "failed"),
        of(totals.unknown, "could not be made"),
        of(totals.warning, if totals.warning == 1 { "warns" } else { "warn" }),
    ];
    let amiss: Vec<String> = amiss.into_iter().flatten().collect();
    let checks =
        counted(totals.ok + totals.note + totals.warning + totals.unknown + totals.failed, "check", "checks");
    match amiss.is_empty() {
        true => format!("{checks}: all is well"),
        false => format!("{checks}: {}", amiss.join(", ")),
    }
}

//! The verdict as a tree: with lines and colours on a terminal, in plain lines elsewhere.

use super::verdict::{Finding, State, Verdict, Weight};
use crate::picture::{Canvas, Picture, Style};

/// The verdict as text, with the end of its last line.
pub fn draw(verdict: &Verdict, canvas: Canvas) -> String {
    let mut picture = Picture { canvas, text: String::new() };
    let style = match verdict.state {
        State::Terminating => Style::Bold,
        State::Live | State::NotFound => Style::Plain,
        State::Unknown => Style::Yellow,
    };
    picture.line("", "", &verdict.summary, style);
    picture.findings(&verdict.findings, "");
    if !verdict.next.is_empty() {
        picture.text.push('\n');
        picture.line("", "", "Next:", Style::Bold);
        for step in &verdict.next {
            picture.text.push('\n');
            picture.step(step, "  ");
        }
    }
    picture.text
}

impl Picture {
    fn findings(&mut self, findings: &[Finding], stem: &str) {
        for (index, finding) in findings.iter().enumerate() {
            self.finding(finding, stem, index + 1 == findings.len());
        }
    }

    fn finding(&mut self, finding: &Finding, stem: &str, is_last: bool) {
        let (mark, style) = match finding.weight {
            Weight::Blocks => ("✗", Style::Red),
            Weight::Waits => ("…", Style::Yellow),
            Weight::Unknown => ("?", Style::Yellow),
            Weight::Note => ("·", Style::Plain),
        };
        let (branch, below, mark) = match (self.canvas.columns, is_last) {
            (None, _) => ("- ", "  ", word(finding.weight).to_owned()),
            (Some(_), true) => ("└─ ", "   ", format!("{mark} ")),
            (Some(_), false) => ("├─ ", "│  ", format!("{mark} ")),
        };
        let inner = format!("{stem}{below}");
        let hang = if finding.findings.is_empty() || self.canvas.columns.is_none() { "  " } else { "│ " };
        let text = format!("{mark}{}", finding.message);
        self.line(&format!("{stem}{branch}"), &format!("{inner}{hang}"), &text, style);
        if !finding.examples.is_empty() {
            let of = finding.count.unwrap_or_default();
            let more = if of > finding.examples.len() as u64 { ", …" } else { "" };
            let examples = format!("{}{more}", finding.examples.join(", "));
            let under = format!("{inner}{hang}");
            self.line(&under, &under, &examples, Style::Dim);
        }
        self.findings(&finding.findings, &inner);
    }
}

/// What a mark means, where there are no marks; a note is only that.
fn word(weight: Weight) -> &'static str {
    match weight {
        Weight::Blocks => "BLOCKS: ",
        Weight::Waits => "waits: ",
        Weight::Unknown => "UNKNOWN: ",
        Weight::Note => "",
    }
}

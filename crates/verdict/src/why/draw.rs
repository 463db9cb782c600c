//! The verdict as a tree: with lines and colours on a terminal, in plain lines elsewhere.

use anstyle::{AnsiColor, Style};

use super::verdict::{Finding, State, Verdict, Weight};
use crate::picture::{Canvas, Picture};

/// The verdict as text, with the end of its last line.
pub fn draw(verdict: &Verdict, canvas: Canvas) -> String {
    let mut picture = Picture { canvas, text: String::new() };
    let style = match verdict.state {
        State::Terminating => Style::new().bold(),
        State::Live | State::NotFound => Style::new(),
        State::Unknown => AnsiColor::Yellow.on_default(),
    };
    picture.line("", "", &verdict.summary, style);
    picture.findings(&verdict.findings, "");
    if !verdict.next.is_empty() {
        picture.text.push('\n');
        picture.line("", "", "Next:", Style::new().bold());
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
        let (sign, word, style) = match finding.weight {
            Weight::Blocks => ("✗ ", "BLOCKS: ", AnsiColor::Red.on_default()),
            Weight::Waits => ("… ", "waits: ", AnsiColor::Yellow.on_default()),
            Weight::Unknown => ("? ", "UNKNOWN: ", AnsiColor::Yellow.on_default()),
            Weight::Note => ("· ", "", Style::new()),
        };
        let (branch, below, label) = match (self.canvas.columns, is_last) {
            (None, _) => ("- ", "  ", word),
            (Some(_), true) => ("└─ ", "   ", sign),
            (Some(_), false) => ("├─ ", "│  ", sign),
        };
        let inner = format!("{stem}{below}");
        let hang = if finding.findings.is_empty() || self.canvas.columns.is_none() { "  " } else { "│ " };
        let text = format!("{label}{}", finding.message);
        self.line(&format!("{stem}{branch}"), &format!("{inner}{hang}"), &text, style);
        if !finding.examples.is_empty() {
            let of = finding.count.unwrap_or_default();
            let more = if of > finding.examples.len() as u64 { ", …" } else { "" };
            let examples = format!("{}{more}", finding.examples.join(", "));
            let under = format!("{inner}{hang}");
            self.line(&under, &under, &examples, Style::new().dimmed());
        }
        self.findings(&finding.findings, &inner);
    }
}

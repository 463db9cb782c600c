//! What was shown, in a table.

use std::time::{Duration, SystemTime};

use rewitness_e2e::{Align, table};

use crate::screen::{Screen, Style};
use crate::steps::Step;

/// What became of each step.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

struct Row {
    title: &'static str,
    shown: Option<String>,
    took: Duration,
}

impl Report {
    pub(crate) fn add(&mut self, step: Step, shown: Option<String>, took: Duration) {
        self.rows.push(Row { title: step.title(), shown, took });
    }

    /// Whether every step was shown.
    pub(crate) fn is_complete(&self) -> bool {
        self.rows.len() == Step::ALL.len() && self.rows.iter().all(|row| row.shown.is_some())
    }

    /// Writes the table, and what was not reached.
    pub(crate) fn show(&self, screen: &Screen, started: SystemTime, first_line: Option<SystemTime>) {
        let reached = self.rows.iter().map(|row| {
            let shown = row.shown.clone().unwrap_or_else(|| "did not happen".to_owned());
            (row.title, shown, format!("{:.1}", row.took.as_secs_f64()), row.shown.is_some())
        });
        let missing = Step::ALL[self.rows.len()..].iter();
        let missing = missing.map(|step| (step.title(), "not reached".to_owned(), String::new(), false));
        let rows: Vec<_> = reached.chain(missing).collect();
        let cells: Vec<Vec<String>> = (1..)
            .zip(&rows)
            .map(|(number, (title, shown, took, _))| {
                vec![format!("{number:>2}  {title}"), shown.clone(), took.clone()]
            })
            .collect();
        let columns = [("step", Align::Left), ("what was shown", Align::Left), ("seconds", Align::Right)];
        let lines = table(&columns, &cells);
        screen.line("");
        screen.line("");
        for (at, line) in lines.iter().enumerate() {
            match at.checked_sub(1).map(|row| rows[row].3) {
                None => screen.line(screen.paint(Style::Bold, line)),
                Some(happened) => {
                    let width = lines.iter().map(|line| line.chars().count()).max().unwrap_or_default();
                    let mark = if happened { (Style::Good, "✓") } else { (Style::Bad, "✗") };
                    screen.line(format_args!("{line:width$}  {}", screen.paint(mark.0, mark.1)));
                }
            }
        }
        if let Some(took) = first_line.and_then(|line| line.duration_since(started).ok()) {
            screen.line("");
            screen.line(format_args!("From the start to the first replayed line: {}.", minutes(took)));
        }
    }
}

/// `7 s`, `4 min 5 s`.
fn minutes(time: Duration) -> String {
    match time.as_secs() {
        seconds @ ..60 => format!("{seconds} s"),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_at_a_glance() {
        assert_eq!(minutes(Duration::from_millis(7600)), "7 s");
        assert_eq!(minutes(Duration::from_secs(245)), "4 min 5 s");
    }
}

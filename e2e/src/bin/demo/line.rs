//! A line of the program, and the delivery that it tells of.

use std::time::Instant;

/// A line that the program wrote.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) at: Instant,
    /// Without colours.
    pub(crate) text: String,
    /// What it says, if it is the line of a delivery.
    pub(crate) delivery: Option<Delivery>,
}

/// What the line of a delivery says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) cause: String,
    pub(crate) attempt: u32,
    pub(crate) state: String,
    pub(crate) uid: String,
}

impl Line {
    pub(crate) fn new(at: Instant, line: &str) -> Self {
        let text = plain(line);
        Self { at, delivery: Delivery::read(&text), text }
    }
}

impl Delivery {
    /// Reads `CAUSE TRY STATE KIND NAME UID`; what else the program prints does not look like that.
    fn read(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let [cause, attempt, state, _kind, _name, uid, ..] = words[..] else { return None };
        let known = ["replay", "change", "retry", "requeue"].contains(&cause)
            && ["live", "deleting", "gone"].contains(&state);
        let attempt = attempt.parse().ok()?;
        known.then(|| Self { cause: cause.into(), attempt, state: state.into(), uid: uid.into() })
    }
}

/// A text without its escape sequences.
pub(crate) fn plain(text: &str) -> String {
    let mut escape = false;
    let visible = |char: &char| {
        escape |= *char == '\x1b';
        let visible = !escape;
        escape &= !char.is_ascii_alphabetic();
        visible
    };
    text.chars().filter(visible).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_delivery_is_read_also_in_colour() {
        let line = "\x1b[33mretry\x1b[0m     2  \x1b[32mlive\x1b[0m      network demo-lab/uplink   0e4e-01  not held";
        let line = Line::new(Instant::now(), line);
        let expected =
            Delivery { cause: "retry".into(), attempt: 2, state: "live".into(), uid: "0e4e-01".into() };
        assert_eq!(line.delivery, Some(expected));
    }

    #[test]
    fn other_lines_are_not_taken_for_deliveries() {
        for text in [
            "CAUSE    TRY  STATE     RESOURCE                         UID",
            "replayed 19 resources in 0.6 s; following, Ctrl-C ends",
            "failed: network demo-lab/uplink (attempt 1): exit status 1; comes back within 500 ms",
            "",
        ] {
            assert_eq!(Line::new(Instant::now(), text).delivery, None, "{text}");
        }
    }
}

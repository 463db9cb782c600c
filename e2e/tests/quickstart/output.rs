//! Whether an output is as a page shows it.
//!
//! `…` in a page stands for what is not the same each time, as an age or a uid: within a line for any text, also none;
//! on a line of its own for any number of lines, also none. What is at the end of a line and is not seen does not count,
//! nor whether a branch of a tree is the last one: that may change by such lines.

const ANYTHING: char = '…';

/// Whether this was printed as it is shown.
pub(crate) fn is_as_shown(shown: &str, printed: &str) -> bool {
    let (shown, printed) = (without_branches(shown), without_branches(printed));
    lines_are(&lines(&shown), &lines(&printed))
}

/// Whether what was printed so far begins as it is shown.
pub(crate) fn begins_as_shown(shown: &str, printed: &str) -> bool {
    let (shown, printed) = (without_branches(shown), without_branches(printed));
    let mut shown = lines(&shown);
    shown.push("…");
    lines_are(&shown, &lines(&printed))
}

/// Each branch as the last one of its tree.
fn without_branches(text: &str) -> String {
    text.replace('├', "└").replace('│', " ")
}

fn lines(text: &str) -> Vec<&str> {
    text.trim_end().lines().map(str::trim_end).collect()
}

fn lines_are(shown: &[&str], printed: &[&str]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((first, rest)) if first.chars().eq([ANYTHING]) => {
            (0..=printed.len()).any(|skipped| lines_are(rest, &printed[skipped..]))
        }
        Some((first, rest)) => match printed.split_first() {
            Some((line, others)) => line_is(first, line) && lines_are(rest, others),
            None => false,
        },
    }
}

fn line_is(shown: &str, printed: &str) -> bool {
    let Some((first, rest)) = shown.split_once(ANYTHING) else { return shown == printed };
    let Some(after) = printed.strip_prefix(first) else { return false };
    let ends = after.char_indices().map(|(place, _)| place).chain([after.len()]);
    ends.into_iter().any(|place| line_is(rest, &after[place..]))
}

#[test]
fn only_what_is_marked_may_differ() {
    for (shown, printed, expected) in [
        ("a\nb\n", "a\nb", true),
        ("a\nb\n", "a\nc\n", false),
        ("a\n", "a\nb\n", false),
        ("a\nb\n", "a\n", false),
        ("", "a\n", false),
        ("a  \nb", "a\nb  \n\n", true),
        ("web  …  3", "web  12s  3", true),
        ("web  …  3", "web  12s  4", false),
        ("…, …!", "a, b, c!", true),
        ("age…", "age", true),
        ("a\n…\nd", "a\nb\nc\nd", true),
        ("a\n…\nd", "a\nd", true),
        ("a\n…\nd", "a\nb\n", false),
        ("a\n…", "b\n", false),
        ("└─ a\n   └─ b\n…", "├─ a\n│  └─ b\n└─ c", true),
        ("└─ a\n   └─ b", "├─ a\n└─ b", false),
    ] {
        assert_eq!(is_as_shown(shown, printed), expected, "{shown:?} and {printed:?}");
    }
    assert!(begins_as_shown("a\nb", "a\nb\nc"));
    assert!(!begins_as_shown("a\nb", "a"));
}

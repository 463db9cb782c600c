//! Answers without what differs each time, held against what is written down.

use std::path::Path;

use anyhow::Result;

use super::{Report, check};
use rewitness_e2e::office::Office;

/// Holds an answer, as text and as JSON, against what is written down; `words` stand for names that
/// differ each time.
pub(super) async fn golden(
    office: &Office,
    args: &[&str],
    name: &str,
    words: &[(&str, &str)],
) -> Result<(Report, String)> {
    let text = office.types(&[&["check"], args].concat()).await?;
    let report = check(office, args).await?;
    let text = text.stdout.join("\n") + "\n";
    compare(&format!("check-{name}.txt"), &still(office, words, &text))?;
    let json = serde_json::to_string_pretty(&report.json)? + "\n";
    compare(&format!("check-{name}.json"), &still(office, words, &json))?;
    Ok((report, text))
}

/// `N` for numbers that differ, `AGE` for short ages; addresses and versions by their words.
fn still(office: &Office, words: &[(&str, &str)], text: &str) -> String {
    let (group, ns) = (&*office.lab.group, &*office.lab.ns);
    let words = words.iter().copied().chain([(group, "GROUP"), (ns, "NS")]);
    let text = words.fold(text.to_owned(), |text, (name, word)| text.replace(name, word));
    let mut parts = text.split_inclusive([' ', '\n']).peekable();
    let mut still = String::with_capacity(text.len());
    while let Some(part) = parts.next() {
        let is_number = part.ends_with(' ')
            && part.starts_with(|char: char| char.is_ascii_digit())
            && part.trim_end().bytes().all(|byte| byte.is_ascii_digit() || byte == b',');
        let unit = parts.peek().map(|next| next.trim_end_matches(|char: char| !char.is_alphabetic()));
        match unit {
            Some("objects" | "kinds") if is_number => still += "N ",
            Some(unit @ ("second" | "seconds" | "minute" | "minutes")) if is_number => {
                still += "AGE";
                still += parts.next().and_then(|next| next.strip_prefix(unit)).unwrap_or_default();
            }
            _ => still += &without_version(&without_address(part)),
        }
    }
    still
}

/// `https://127.0.0.1:6443` is SERVER.
fn without_address(part: &str) -> String {
    match part.split_once("https://127.0.0.1:") {
        Some((before, after)) => {
            format!("{before}SERVER{}", after.trim_start_matches(|char: char| char.is_ascii_digit()))
        }
        None => part.to_owned(),
    }
}

/// `v1.36.2` is VERSION.
fn without_version(part: &str) -> String {
    let is_version = part.starts_with("v1.") && part.contains(|char: char| char.is_ascii_digit());
    match is_version {
        true => {
            let rest = part.trim_start_matches(|char: char| char.is_ascii_alphanumeric() || char == '.');
            format!("VERSION{rest}")
        }
        false => part.to_owned(),
    }
}

fn compare(name: &str, found: &str) -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verbs/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, found)?;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "{} differs; UPDATE_GOLDEN=1 writes it anew", path.display());
    Ok(())
}

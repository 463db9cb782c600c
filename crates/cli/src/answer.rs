//! How a command answers on stdout: for people, or as a document for programs.

use std::io::{self, Write};

use anyhow::Context as _;
use serde::Serialize;

use crate::args::VerdictFormat;

/// Prints a document, or the text that says the same for people.
pub(crate) fn print(
    format: VerdictFormat,
    document: &impl Serialize,
    text: impl FnOnce() -> String,
) -> anyhow::Result<()> {
    let said = match format {
        VerdictFormat::Text => text(),
        VerdictFormat::Json => serde_json::to_string_pretty(document)? + "\n",
        VerdictFormat::Yaml => serde_saphyr::to_string(document).context("write YAML")?,
    };
    write(&said)
}

/// Writes to stdout. A reader that is gone is no failure: what was asked for is done.
pub(crate) fn write(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::from(error).context("cannot write to stdout"))
        }
        _ => Ok(()),
    }
}

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
    write(render(format, document, text)?)
}

/// What [`print`] writes.
pub(crate) fn render(
    format: VerdictFormat,
    document: &impl Serialize,
    text: impl FnOnce() -> String,
) -> anyhow::Result<String> {
    Ok(match format {
        VerdictFormat::Text => text(),
        VerdictFormat::Json => serde_json::to_string_pretty(document)? + "\n",
        VerdictFormat::Yaml => serde_saphyr::to_string(document).context("write YAML")?,
    })
}

/// Writes to stdout. A reader that is gone is no failure: what was asked for is done.
pub(crate) fn write(text: impl AsRef<[u8]>) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_ref()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::from(error).context("cannot write to stdout"))
        }
        _ => Ok(()),
    }
}

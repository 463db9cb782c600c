//! What a measurement found: a table for people, and the same as JSON.

use std::fs;
use std::io::{Write, stdout};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::{Align, table, target_dir};

/// Prints a table under its title, and writes the whole as JSON to a file of this name in cargo's target folder.
///
/// # Errors
/// Either could not be written.
pub fn publish(
    file: &str,
    report: &impl Serialize,
    title: &str,
    columns: &[(&str, Align)],
    rows: &[Vec<String>],
) -> Result<()> {
    let file = target_dir()?.join(file);
    fs::write(&file, serde_json::to_vec_pretty(report)?)
        .with_context(|| format!("write {}", file.display()))?;
    let table = table(columns, rows).join("\n");
    writeln!(stdout(), "\n{title}\n\n{table}\n\nWritten to {} too.", file.display())?;
    Ok(())
}

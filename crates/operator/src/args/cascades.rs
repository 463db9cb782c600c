//! The commands about Cascades: what can be typed.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use super::help;

/// How an answer is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum VerdictFormat {
    /// For people.
    #[default]
    Text,
    Json,
    Yaml,
}

/// Of `pause` and of `resume`.
#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    /// Which Cascades.
    #[arg(
        required_unless_present = "all",
        conflicts_with = "all",
        value_delimiter = ',',
        value_name = "CASCADE"
    )]
    pub(crate) cascades: Vec<String>,
    /// All Cascades.
    #[arg(long)]
    pub(crate) all: bool,
    /// Only deletions: parents are held as usual meanwhile.
    #[arg(long)]
    pub(crate) deletions: bool,
    /// How the answer is printed.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: VerdictFormat,
}

/// Print the roles that the operator needs for Cascades, or check who has what they grant.
///
/// Exactly that and nothing more: for the kinds that the Cascades name, as the server serves them,
/// and for what the operator does itself.
#[derive(Debug, Args)]
#[command(after_help = help::RBAC)]
pub(crate) struct RbacArgs {
    /// The Cascades in this file; several times for several, and - for stdin.
    #[arg(short = 'f', long = "file", value_name = "FILE", value_hint = ValueHint::FilePath, required_unless_present = "all", conflicts_with = "all")]
    pub(crate) files: Vec<PathBuf>,
    /// The Cascades of the cluster.
    #[arg(long)]
    pub(crate) all: bool,
    /// The name of the roles.
    #[arg(long, value_name = "NAME", default_value = "rewitness", value_parser = role_name)]
    pub(crate) name: String,
    /// Print no role, but a line per right: whether it is there.
    ///
    /// The status is 1 if any is missing.
    #[arg(long)]
    pub(crate) check: bool,
    /// Whose rights are checked, as system:serviceaccount:rewitness-system:rewitness [default: yours].
    #[arg(long = "as", value_name = "USER", requires = "check")]
    pub(crate) user: Option<String>,
    /// A group of that user; several times for several.
    #[arg(long = "as-group", value_name = "GROUP", requires = "user")]
    pub(crate) groups: Vec<String>,
    /// How the answer is printed.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: VerdictFormat,
}

/// The name of a role is a part of a path.
fn role_name(text: &str) -> Result<String, String> {
    let is_fine = |char: char| char.is_ascii_alphanumeric() || "-_.:".contains(char);
    match !text.is_empty() && text.chars().all(is_fine) {
        true => Ok(text.to_owned()),
        false => Err("the name of a role has letters, digits, `-`, `_`, `.` and `:`".to_owned()),
    }
}

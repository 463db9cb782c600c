//! The commands about Cascades: what can be typed.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use rewitness_verdict::Namespace;

use super::formats::VerdictFormat;
use super::help;

/// Say what the deletion of parents would take along by a Cascade.
///
/// The whole list, in the order in which it would go, with what would be refused, and the limits.
/// Reads with your own rights, and writes nothing; what you may not read is said to be unknown.
#[derive(Debug, Args)]
#[command(override_usage = help::PLAN_USAGE, after_help = help::plan())]
pub(crate) struct PlanArgs {
    /// Which Cascade, and which of its parents, as web or projects/web [default: each of them].
    #[arg(num_args = 0..=2, value_name = "CASCADE PARENT")]
    pub(crate) what: Vec<String>,
    /// A Cascade that is not applied yet, in this file; - for stdin.
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// The parent's namespace [default: the context's].
    #[arg(short, long, value_name = "NS")]
    pub(crate) namespace: Option<Namespace>,
    /// Name everything, however much it is.
    #[arg(long)]
    pub(crate) all: bool,
    /// How the answer is printed.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: VerdictFormat,
}

/// Confirm a deletion that is over a limit of its Cascade.
///
/// Shows what would be deleted, asks, and puts the annotation on the parent that confirms exactly
/// this list. Refuses when the list has changed meanwhile.
#[derive(Debug, Args)]
#[command(after_help = help::CONFIRM)]
pub(crate) struct ConfirmArgs {
    /// Which Cascade.
    #[arg(value_name = "CASCADE")]
    pub(crate) cascade: String,
    /// Which of its parents.
    #[arg(value_name = "TYPE/NAME")]
    pub(crate) parent: String,
    /// The parent's namespace [default: the context's].
    #[arg(short, long, value_name = "NS")]
    pub(crate) namespace: Option<Namespace>,
    /// Confirm without asking.
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Name everything, however much it is.
    #[arg(long)]
    pub(crate) all: bool,
    /// How the answer is printed.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: VerdictFormat,
}

/// Of `suspend` and of `resume`.
#[derive(Debug, Args)]
pub(crate) struct SuspendArgs {
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
    /// For an operator that is started with the same flag: what can be granted in these namespaces
    /// alone is.
    #[arg(long, value_delimiter = ',', value_name = "NS")]
    pub(crate) namespace_scope: Vec<Namespace>,
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

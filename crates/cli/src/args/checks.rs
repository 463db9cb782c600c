//! `rewitness check`: what can be typed.

use clap::Args;

use super::formats::{Color, VerdictFormat};
use super::help;

/// Check that all is well with Rewitness in a cluster, and say the way out where it is not.
///
/// Reads with your own rights, and writes nothing; what you may not read is said to be unknown.
#[derive(Debug, Args)]
#[command(after_help = help::CHECK, after_long_help = help::CHECK_LONG)]
pub(crate) struct CheckArgs {
    /// Before installing: whether the cluster has what is needed, and you may install it.
    #[arg(long)]
    pub(crate) pre: bool,
    /// How the answer is printed.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: VerdictFormat,
    /// When to colour.
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: Color,
}

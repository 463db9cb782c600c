//! The commands about Cascades: what can be typed.

use clap::{Args, ValueEnum};

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

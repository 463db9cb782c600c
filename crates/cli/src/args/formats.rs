//! How an answer is printed, and in which colours.

use clap::ValueEnum;

/// How an answer is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum VerdictFormat {
    /// For people.
    #[default]
    Text,
    Json,
    Yaml,
}

/// How a delivery is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns for people: cause, attempt, state, resource, uid.
    #[default]
    Text,
    /// A JSON object per line.
    Json,
    /// What `kubectl get -o name` prints: widget.example.com/web.
    Name,
}

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    Always,
    Never,
}

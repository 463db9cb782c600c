//! What is on the command line already.

use std::ffi::OsString;

use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};
use rewitness_verdict::Namespace;

use crate::args::{Cli, GlobalArgs};

/// The words before the one that is completed, as far as they say where to look, and for what.
#[derive(Clone, Debug, Default)]
pub(super) struct Typed {
    /// Which cluster.
    pub(super) global: GlobalArgs,
    pub(super) namespace: Option<Namespace>,
    pub(super) all_namespaces: bool,
    /// Whether a file is read instead of the cluster's Cascades.
    pub(super) from_file: bool,
    /// The first of the words that are no flags: a Cascade, or a type.
    pub(super) subject: Option<String>,
}

impl Typed {
    /// A command line is seldom right while it is typed: what cannot be understood is passed over.
    pub(super) fn of(line: &[OsString]) -> Self {
        let read = Cli::command().ignore_errors(true).try_get_matches_from(line);
        let Ok(matches) = read else { return Self::default() };
        let command = matches.subcommand().map_or(&matches, |(_, command)| command);
        let flag = |id: &str| [command, &matches].iter().any(|one| is_set(one, id));
        Self {
            global: GlobalArgs::from_arg_matches(command).unwrap_or_default(),
            namespace: first(command, "namespace").or_else(|| first(&matches, "namespace")),
            all_namespaces: flag("all_namespaces"),
            from_file: command.try_contains_id("file").unwrap_or_default(),
            subject: ["what", "cascade"].iter().find_map(|id| first(command, id)),
        }
    }
}

fn first<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, id: &str) -> Option<T> {
    matches.try_get_many(id).ok().flatten()?.next().cloned()
}

fn is_set(matches: &ArgMatches, id: &str) -> bool {
    matches.try_get_one::<bool>(id).ok().flatten().copied().unwrap_or_default()
}

//! Under which of its names the program was called.
//!
//! One executable goes by three names. Its own is `rewitness`. As `kubectl-rewitness` kubectl finds
//! it and runs it as `kubectl rewitness`; help and advice name it so then, because `rewitness` alone
//! may not be there. As `kubectl_complete-rewitness` kubectl asks it what could come next.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::Command;

/// A name of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Program,
    /// As kubectl's plugin.
    Plugin,
    /// As what kubectl asks for the plugin's completions.
    Completer,
}

/// How a person types the program: for commands that it suggests.
pub(crate) fn typed() -> &'static str {
    Name::of_this().typed()
}

impl Name {
    /// That of this process.
    pub(crate) fn of_this() -> Self {
        std::env::args_os().next().map_or(Self::Program, |path: OsString| Self::of(&path))
    }

    /// By the path that was called. Whatever the file is called otherwise, it is the program.
    pub(crate) fn of(path: &OsStr) -> Self {
        match Path::new(path).file_name().and_then(OsStr::to_str) {
            Some("kubectl-rewitness") => Self::Plugin,
            Some("kubectl_complete-rewitness") => Self::Completer,
            _ => Self::Program,
        }
    }

    fn typed(self) -> &'static str {
        match self {
            Self::Program => "rewitness",
            Self::Plugin | Self::Completer => "kubectl rewitness",
        }
    }

    /// The command line with its texts as they are typed under this name.
    pub(crate) fn dress(self, command: Command) -> Command {
        if self == Self::Program {
            return command;
        }
        let known: Vec<String> = command
            .get_subcommands()
            .flat_map(|one| std::iter::once(one.get_name()).chain(one.get_all_aliases()))
            .chain(["[OPTIONS]"])
            .map(str::to_owned)
            .collect();
        let dressed = texts_of_plugin(command.bin_name(self.typed()), &known);
        dressed.mut_subcommands(|one| texts_of_plugin(one, &known))
    }
}

/// The texts that are ours: in those that clap writes it names the program itself.
fn texts_of_plugin(mut command: Command, known: &[String]) -> Command {
    // clap does not tell whether a usage is written by hand; only then it begins with the program.
    let usage = command.clone().render_usage().to_string();
    if let Some(usage) = usage.strip_prefix("Usage: ").filter(|usage| usage.starts_with("rewitness ")) {
        command = command.override_usage(of_plugin(usage, known));
    }
    if let Some(text) = command.get_about().map(ToString::to_string) {
        command = command.about(of_plugin(&text, known));
    }
    if let Some(text) = command.get_after_help().map(ToString::to_string) {
        command = command.after_help(of_plugin(&text, known));
    }
    if let Some(text) = command.get_after_long_help().map(ToString::to_string) {
        command = command.after_long_help(of_plugin(&text, known));
    }
    command
}

/// A text in which `rewitness COMMAND` becomes `kubectl rewitness COMMAND`.
fn of_plugin(text: &str, known: &[String]) -> String {
    text.lines().map(|line| line_of_plugin(line, known)).collect::<Vec<_>>().join("\n")
}

fn line_of_plugin(line: &str, known: &[String]) -> String {
    let is_command = |rest: &str| {
        let end = rest.find(|char: char| !char.is_alphanumeric() && !"-[]".contains(char));
        known.iter().any(|one| *one == rest[..end.unwrap_or(rest.len())])
    };
    let (mut text, mut rest, mut is_first) = (String::new(), line, true);
    while let Some((before, after)) = rest.split_once("rewitness ") {
        text.push_str(before);
        let begins = !text.ends_with(|char: char| char.is_alphanumeric() || "-._/".contains(char));
        let named = begins && is_command(after);
        text.push_str(if named { "kubectl rewitness " } else { "rewitness " });
        rest = after;
        if named && is_first {
            is_first = false;
            // What stands in a column of its own on the right stays there, as far as there is room.
            if let Some(gap) = rest.find("  ") {
                let (command, column) = rest.split_at(gap);
                let spaces = column.len() - column.trim_start_matches(' ').len();
                text.push_str(command);
                rest = &column[spaces.saturating_sub(2).min("kubectl ".len())..];
            }
        }
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Cli;

    #[test]
    fn the_name_is_that_of_the_file() {
        for (path, name) in [
            ("rewitness", Name::Program),
            ("/usr/bin/kubectl-rewitness", Name::Plugin),
            ("./kubectl_complete-rewitness", Name::Completer),
            ("/opt/kubectl-rewitness/rewitness-0.1", Name::Program),
            ("", Name::Program),
        ] {
            assert_eq!(Name::of(OsStr::new(path)), name, "{path}");
        }
    }

    #[test]
    fn commands_are_named_as_they_are_typed_and_columns_stay_where_they_are() {
        let known = ["tail", "unhold", "[OPTIONS]"].map(str::to_owned);
        for (text, expected) in [
            ("  rewitness tail widgets            follow", "  kubectl rewitness tail widgets    follow"),
            ("  rewitness tail widgets   follow", "  kubectl rewitness tail widgets  follow"),
            ("what is held when rewitness ends stays", "what is held when rewitness ends stays"),
            (
                "hold.rewitness.dev/NAME; `rewitness unhold NAME`",
                "hold.rewitness.dev/NAME; `kubectl rewitness unhold NAME`",
            ),
            ("rewitness [OPTIONS] <COMMAND>", "kubectl rewitness [OPTIONS] <COMMAND>"),
            ("x-rewitness tail", "x-rewitness tail"),
            ("rewitness tails", "rewitness tails"),
        ] {
            assert_eq!(of_plugin(text, &known), expected);
        }
    }

    #[test]
    fn no_help_of_the_plugin_names_the_program_alone() {
        let plain = Cli::command();
        let commands: Vec<&str> = plain.get_subcommands().map(Command::get_name).collect();
        for command in &commands {
            for flag in ["-h", "--help"] {
                let words = ["/bin/kubectl-rewitness", command, flag];
                let help = Cli::read(words).unwrap_err().to_string();
                assert!(help.contains(&format!("Usage: kubectl rewitness {command}")), "{help}");
                let alone = commands.iter().map(|name| format!("rewitness {name} "));
                let mut left = help.replace("kubectl rewitness", "");
                left.retain(|char| char != '\n');
                for alone in alone {
                    assert!(!left.contains(&alone), "`{alone}` is in {help}");
                }
            }
        }
    }
}

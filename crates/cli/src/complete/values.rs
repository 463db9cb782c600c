//! Which arguments have values that a cluster or a kubeconfig knows.

use std::ffi::OsStr;
use std::sync::Arc;

use clap::{Arg, Command};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, ValueCompleter};

use super::cluster::{self, Lookup};
use super::typed::Typed;

/// What an argument takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Context,
    Namespace,
    Cascade,
    /// A Cascade, and one of its parents.
    CascadeAndParent,
    /// One of the parents of the Cascade that was typed, with its type.
    Parent,
    /// A hold: those of Cascades are known.
    Hold,
    Types,
    /// TYPE/NAME, or TYPE NAME.
    Object,
}

/// The completer of one argument.
struct Known {
    takes: Takes,
    typed: Arc<Typed>,
}

/// Adds to the arguments of a command, and of its commands, where their values are looked up.
pub(super) fn add(command: Command, typed: &Typed) -> Command {
    let typed = Arc::new(typed.clone());
    let each = |command: Command| {
        let typed = &typed;
        command.mut_args(move |arg| match Takes::of(&arg) {
            Some(takes) => arg.add(ArgValueCompleter::new(Known { takes, typed: Arc::clone(typed) })),
            None => arg,
        })
    };
    each(command).mut_subcommands(each)
}

impl Takes {
    /// By the name that help gives the value, so that a new argument is completed as those are that
    /// take the same.
    fn of(arg: &Arg) -> Option<Self> {
        let value = arg.get_value_names()?.first()?.as_str();
        Some(match (value, arg.get_id().as_str()) {
            ("NS", _) => Self::Namespace,
            ("NAME", "context") => Self::Context,
            ("NAME", "hold") if arg.is_positional() => Self::Hold,
            ("CASCADE", _) => Self::Cascade,
            ("CASCADE PARENT", _) => Self::CascadeAndParent,
            ("TYPE/NAME", "parent") => Self::Parent,
            ("TYPE/NAME", _) => Self::Object,
            ("TYPE", _) => Self::Types,
            _ => return None,
        })
    }

    /// What is looked up for a value of which this much is typed. Which of several values of one
    /// argument it is follows from what is typed before: the engine counts values anew behind a flag.
    fn lookup(self, current: &str, typed: &Typed) -> Option<Lookup> {
        let subject = typed.subject.clone();
        let of_type = |word: &str| word.split_once('/').map(|(of_type, _)| of_type.to_owned());
        Some(match (self, subject) {
            (Self::Context, _) => Lookup::Contexts,
            (Self::Namespace, _) => Lookup::Namespaces,
            (Self::Hold, _) => Lookup::Cascades { prefix: "cascade/" },
            (Self::CascadeAndParent, _) if typed.from_file => return None,
            (Self::Cascade, _) | (Self::CascadeAndParent, None) => Lookup::Cascades { prefix: "" },
            (Self::CascadeAndParent, Some(cascade)) => Lookup::Parents { cascade, with_type: false },
            (Self::Parent, cascade) => Lookup::Parents { cascade: cascade?, with_type: true },
            (Self::Object, Some(typed)) if of_type(&typed).is_some() => return None,
            (Self::Object, Some(of_type)) => Lookup::Objects { of_type, with_type: false },
            (Self::Object | Self::Types, _) => match of_type(current) {
                Some(of_type) => Lookup::Objects { of_type, with_type: true },
                None => Lookup::Types,
            },
        })
    }
}

impl ValueCompleter for Known {
    fn complete(&self, current: &OsStr) -> Vec<CompletionCandidate> {
        let Some(current) = current.to_str().filter(|current| !current.starts_with('-')) else {
            return Vec::new();
        };
        let Some(lookup) = self.takes.lookup(current, &self.typed) else { return Vec::new() };
        let mut found = cluster::ask(lookup, Arc::clone(&self.typed));
        found.retain(|value| value.text.starts_with(current));
        let candidate =
            |value: cluster::Value| CompletionCandidate::new(value.text).help(value.meaning.map(Into::into));
        found.into_iter().map(candidate).collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Cli;

    #[test]
    fn values_are_known_by_the_names_that_help_gives_them() {
        let plain = Cli::command();
        for (command, argument, takes) in [
            ("tail", "types", Takes::Types),
            ("tail", "namespace", Takes::Namespace),
            ("unhold", "hold", Takes::Hold),
            ("why", "what", Takes::Object),
            ("plan", "what", Takes::CascadeAndParent),
            ("confirm", "cascade", Takes::Cascade),
            ("confirm", "parent", Takes::Parent),
            ("resume", "cascades", Takes::Cascade),
            ("run", "namespace_scope", Takes::Namespace),
        ] {
            let command = plain.find_subcommand(command).unwrap();
            let arg = command.get_arguments().find(|arg| arg.get_id() == argument).unwrap();
            assert_eq!(Takes::of(arg), Some(takes), "{argument}");
        }
        let context = plain.get_arguments().find(|arg| arg.get_id() == "context").unwrap();
        assert_eq!(Takes::of(context), Some(Takes::Context));
        let hold = plain.find_subcommand("tail").unwrap().get_arguments().find(|arg| arg.get_id() == "hold");
        assert_eq!(Takes::of(hold.unwrap()), None, "a new hold is nothing that is known");
    }

    #[test]
    fn what_is_typed_says_what_is_looked_up() {
        let of = |subject: &str| Typed { subject: Some(subject.to_owned()), ..Typed::default() };
        let (none, project) = (Typed::default(), of("project"));
        let objects = |of_type: &str, with_type| Lookup::Objects { of_type: of_type.to_owned(), with_type };
        let parents = |with_type| Lookup::Parents { cascade: "project".to_owned(), with_type };
        for (takes, typed, current, lookup) in [
            (Takes::Object, &none, "pro", Lookup::Types),
            (Takes::Object, &none, "pods/a", objects("pods", true)),
            (Takes::Object, &project, "we", objects("project", false)),
            (Takes::Types, &none, "", Lookup::Types),
            (Takes::CascadeAndParent, &none, "", Lookup::Cascades { prefix: "" }),
            (Takes::CascadeAndParent, &project, "", parents(false)),
            (Takes::Parent, &project, "", parents(true)),
            (Takes::Hold, &none, "", Lookup::Cascades { prefix: "cascade/" }),
        ] {
            assert_eq!(takes.lookup(current, typed), Some(lookup), "{takes:?} {current}");
        }
        let from_file = Typed { from_file: true, ..none };
        assert_eq!(Takes::CascadeAndParent.lookup("", &from_file), None, "the file has the Cascade");
        assert_eq!(Takes::Parent.lookup("", &from_file), None, "no Cascade is typed");
        assert_eq!(Takes::Object.lookup("", &of("pods/web")), None, "the object is typed already");
    }
}

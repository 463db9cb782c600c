//! Which arguments have values that a cluster or a kubeconfig knows.

use std::ffi::OsStr;
use std::sync::Arc;

use clap::{Arg, Command};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};

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

/// Adds to the arguments of a command, and of its commands, where their values are looked up.
pub(super) fn add(command: Command, typed: &Typed) -> Command {
    let typed = Arc::new(typed.clone());
    let each = |command: Command| {
        command.mut_args(|arg| {
            let Some(takes) = Takes::of(&arg) else { return arg };
            let typed = Arc::clone(&typed);
            arg.add(ArgValueCompleter::new(move |current: &OsStr| takes.candidates(current, &typed)))
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

    fn candidates(self, current: &OsStr, typed: &Arc<Typed>) -> Vec<CompletionCandidate> {
        let current = current.to_str().filter(|current| !current.starts_with('-'));
        let lookup = current.and_then(|current| Some((current, self.lookup(current, typed)?)));
        let Some((current, lookup)) = lookup else { return Vec::new() };
        let mut found = cluster::ask(lookup, Arc::clone(typed));
        found.retain(|candidate| candidate.get_value().to_string_lossy().starts_with(current));
        found
    }
}

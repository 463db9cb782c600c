//! What could come next on a command line: for kubectl, which asks this program under the name
//! `kubectl_complete-rewitness`, and for shells, whose scripts ask it by a variable.
//!
//! # Guarantees
//!
//! - Nothing is written to stderr, and nothing is read from stdin: both belong to the line that
//!   somebody is typing.
//! - What is asked of a cluster takes no longer than [`PATIENCE`]; what is not known by then, or
//!   cannot be read, is left out.

use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_complete::engine::{CompletionCandidate, complete};
use clap_complete::env::Shells;

use crate::args::Cli;
use crate::called::Name;
use crate::exit::Status;

mod cluster;
mod typed;
mod values;

use typed::Typed;

/// The variable by which the script of a shell asks; its value is the shell's name.
const VARIABLE: &str = "REWITNESS_COMPLETE";

/// What kubectl hands on to the shell, as cobra numbers it (`ShellCompDirective`).
mod directive {
    /// No space behind the only candidate.
    pub(super) const NO_SPACE: u8 = 2;
    /// No files where there are no candidates.
    pub(super) const NO_FILES: u8 = 4;
}

/// Answers whoever asks for completions; `None` if this is a command line to be run.
pub(crate) fn answer(words: &[OsString]) -> Option<Status> {
    let shell = std::env::var_os(VARIABLE).filter(|shell| !shell.is_empty());
    let text = match (Name::of_this(), shell) {
        (Name::Completer, _) => {
            silence();
            for_kubectl(words.get(1..).unwrap_or_default())
        }
        // So the scripts ask. Otherwise the variable has got lost, and a command that says nothing
        // and succeeds would be worse than one that runs.
        (_, Some(shell)) if words.get(1).is_some_and(|word| word == "--") => {
            silence();
            for_shell(&shell, words)
        }
        _ => return None,
    };
    // Nobody is there to be told that this failed.
    let _ = std::io::stdout().write_all(&text.unwrap_or_default());
    Some(Status::Done)
}

/// What a shell has to run so that it asks this program.
pub(crate) fn script(shell: Shell, name: Name) -> anyhow::Result<Vec<u8>> {
    let program = match name {
        Name::Program => "rewitness",
        Name::Plugin | Name::Completer => "kubectl-rewitness",
    };
    let mut script = Vec::new();
    let shell = shell.to_string();
    let known = Shells::builtins()
        .completer(&shell)
        .map(|known| known.write_registration(VARIABLE, "rewitness", program, program, &mut script));
    known.ok_or_else(|| anyhow::anyhow!("there are no completions for {shell}"))??;
    Ok(script)
}

/// The words behind `kubectl rewitness`, of which the last is being typed, perhaps not begun.
fn for_kubectl(words: &[OsString]) -> Option<Vec<u8>> {
    let mut line = vec![OsString::from("rewitness")];
    line.extend_from_slice(words);
    if words.is_empty() {
        line.push(OsString::new());
    }
    let last = line.len() - 1;
    let is_foreign = line[..last].iter().any(|word| word == "--");
    let current = line[last].to_string_lossy().into_owned();
    let dressed = Name::Completer.dress(Cli::command());
    let mut command = values::add(dressed, &Typed::of(&line[..last]));
    let candidates = complete(&mut command, line, last, Some(Path::new("."))).unwrap_or_default();
    match is_foreign {
        // The words of another command: the shell's own completion is the best guess.
        true => Some(b":0\n".to_vec()),
        false => Some(lines(&candidates, &current).into_bytes()),
    }
}

/// A line per candidate and the directive, as kubectl reads them.
fn lines(candidates: &[CompletionCandidate], current: &str) -> String {
    // Flags are offered to who begins one, as kubectl does it.
    let wanted = |value: &str| current.starts_with('-') || !value.starts_with('-');
    let mut text = String::new();
    let (mut count, mut is_open) = (0_usize, false);
    for candidate in candidates {
        let Some(value) = candidate.get_value().to_str() else { continue };
        if !wanted(value) || value.contains(['\n', '\t']) {
            continue;
        }
        count += 1;
        is_open = value.ends_with(['/', '=']);
        text.push_str(value);
        let help = candidate.get_help().map(ToString::to_string).unwrap_or_default();
        if let Some(first) = help.lines().next() {
            text.push('\t');
            text.push_str(first);
        }
        text.push('\n');
    }
    let space = if count == 1 && is_open { directive::NO_SPACE } else { 0 };
    text + &format!(":{}\n", directive::NO_FILES | space)
}

/// The words behind the `--` of the script's call, in the form that this shell reads.
fn for_shell(shell: &OsStr, words: &[OsString]) -> Option<Vec<u8>> {
    let begin = words.iter().position(|word| word == "--")? + 1;
    let line = words.get(begin..)?.to_vec();
    let shells = Shells::builtins();
    let shell = shells.completer(shell.to_str()?)?;
    let mut command = values::add(Cli::command(), &Typed::of(&line));
    let mut text = Vec::new();
    shell.write_complete(&mut command, line, Some(Path::new(".")), &mut text).ok()?;
    Some(text)
}

/// A plugin for credentials, say, may write to stderr, and ask for a password on stdin.
fn silence() {
    if let Ok(nothing) = OpenOptions::new().read(true).write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdin(&nothing);
        let _ = rustix::stdio::dup2_stderr(&nothing);
    }
}

#[cfg(test)]
mod tests;

//! Every command line that the book and the README show can be typed.

use std::fs;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;

use super::Cli;

/// The verbs of kubectl that pages use. One that is not here is more often a typing error than a new one.
const VERBS: [&str; 11] =
    ["annotate", "apply", "create", "delete", "describe", "edit", "get", "krew", "patch", "replace", "wait"];

/// The README and the pages of the book.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut pages = vec![root.join("README.md")];
    let mut folders = vec![root.join("docs/src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension() {
                None => folders.push(path),
                Some(extension) if extension == "md" => pages.push(path),
                Some(_) => {}
            }
        }
    }
    pages
}

/// What of a page is typed, with its lines: blocks of shell, and code within the text.
struct Code {
    line: usize,
    text: String,
    is_block: bool,
}

fn code(page: &str) -> Vec<Code> {
    let mut found = Vec::new();
    let mut language: Option<&str> = None;
    for (line, text) in (1..).zip(page.lines()) {
        match (text.trim_start().strip_prefix("```"), language) {
            (Some(opened), None) => language = Some(opened),
            (Some(_), Some(_)) => language = None,
            (None, Some("sh")) => found.push(Code { line, text: text.to_owned(), is_block: true }),
            (None, Some(_)) => {}
            (None, None) => {
                let inline = text.split('`').skip(1).step_by(2).filter(|code| code.contains(' '));
                // A table has to write its own sign in another way.
                found.extend(inline.map(|code| Code {
                    line,
                    text: code.replace(r"\|", "|"),
                    is_block: false,
                }));
            }
        }
    }
    found
}

/// The commands of a line of shell, as words. Enough of a shell for what pages show: quotes, comments, and what stands
/// between commands.
fn commands(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote = None;
    for char in line.chars() {
        match (char, quote) {
            (_, Some(open)) if char == open => quote = None,
            (_, Some(_)) => word.get_or_insert_default().push(char),
            ('\'' | '"', None) => (quote, word) = (Some(char), Some(word.unwrap_or_default())),
            ('#', None) if word.is_none() => break,
            (' ' | '|' | '&' | ';' | '(' | ')' | '<' | '>', None) => {
                commands.last_mut().unwrap().extend(word.take());
                if char != ' ' {
                    commands.push(Vec::new());
                }
            }
            _ => word.get_or_insert_default().push(char),
        }
    }
    commands.last_mut().unwrap().extend(word);
    let starts = |command: &Vec<String>| {
        let is_before = |word: &String| ["until", "while", "do", "if", "then"].contains(&word.as_str());
        command.iter().take_while(|word| is_before(word)).count()
    };
    commands
        .into_iter()
        .map(|command| command[starts(&command)..].to_vec())
        .filter(|it| !it.is_empty())
        .collect()
}

/// What is wrong with a command, if it is one of ours or of kubectl. Words in capitals stand for others.
fn fault(command: &[String], is_block: bool) -> Option<String> {
    let is_placeholder = |word: &&String| word.bytes().all(|byte| byte.is_ascii_uppercase());
    let filled_in =
        |word: &String| Some(word).filter(is_placeholder).map_or(word.clone(), |it| it.to_lowercase());
    match command.first().map(String::as_str) {
        Some("rewitness") => {
            let error = Cli::read(command.iter().map(filled_in)).err()?;
            let is_fine = match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => true,
                // The text may speak of a command, or of a flag, without all that it takes.
                ErrorKind::MissingRequiredArgument | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                    !is_block
                }
                ErrorKind::InvalidValue => !is_block && error.to_string().contains("none was supplied"),
                _ => false,
            };
            (!is_fine).then(|| error.to_string())
        }
        // The program is a plugin of kubectl as well.
        Some("kubectl") if command.get(1)? == "rewitness" => fault(&command[1..], is_block),
        Some("kubectl") => {
            let verb = command[1..].iter().find(|word| !word.starts_with('-'))?;
            (!VERBS.contains(&verb.as_str())).then(|| format!("kubectl has no verb {verb}"))
        }
        _ => None,
    }
}

#[test]
fn every_command_line_of_the_pages_can_be_typed() {
    let (mut faults, mut checked) = (Vec::new(), 0);
    for page in pages() {
        for Code { line, text, is_block } in code(&fs::read_to_string(&page).unwrap()) {
            // In the program's help what a command does stands beside it, after a gap.
            let typed = text.trim_start().split("   ").next().unwrap_or_default();
            for command in commands(typed) {
                checked += usize::from(command.first().is_some_and(|word| word == "rewitness"));
                let fault = fault(&command, is_block);
                faults.extend(fault.map(|fault| format!("{}:{line}: {text}\n{fault}", page.display())));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(checked > 40, "only {checked} command lines were found");
}

#[test]
fn a_line_of_shell_is_taken_apart() {
    let line = "until rewitness why a/b -n 'c d' | grep -q \"x;y\"; do sleep 1; done   # wait; ls";
    let expected: [&[&str]; 4] =
        [&["rewitness", "why", "a/b", "-n", "c d"], &["grep", "-q", "x;y"], &["sleep", "1"], &["done"]];
    assert_eq!(commands(line), expected);
    let fault_of = |line: &str| fault(&commands(line)[0], true);
    assert_eq!(fault_of("rewitness tail widgets -- ./clean --all"), None);
    assert!(fault_of("rewitness tail widgets --everything").is_some());
    assert!(fault_of("rewitness why").is_some());
    assert!(fault_of("kubectl delet project").is_some());
    assert_eq!(fault_of("kubectl rewitness why project/web"), None);
    assert!(fault_of("kubectl rewitness why").is_some());
}

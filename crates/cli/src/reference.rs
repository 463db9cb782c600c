//! The pages of the book about the commands: from what `--help` says, so that there is no second
//! description. `make generate` has them written by the test that compares them.

use clap::{Arg, Command, CommandFactory as _};

use crate::args::Cli;

#[path = "../../crds/tests/generated/kept.rs"]
mod kept;
#[path = "../../crds/tests/generated/markdown.rs"]
mod markdown;
mod sections;

use markdown::prose;

/// The name of each page and its text: one of the program, and one of each command.
fn pages() -> Vec<(String, String)> {
    let mut program = Cli::command();
    program.build();
    let commands: Vec<&Command> =
        program.get_subcommands().filter(|command| command.get_name() != "help").collect();
    let mut listed = "\n## Commands\n\n".to_owned();
    for command in &commands {
        let (name, about) = (command.get_name(), text(command.get_about()));
        listed.push_str(&format!("- [{name}]({name}.md): {}\n", prose(&about)));
    }
    let of_commands = commands.iter().map(|command| {
        let name = command.get_name();
        (format!("{name}.md"), page(command, &format!("rewitness {name}"), ""))
    });
    std::iter::once(("rewitness.md".to_owned(), page(&program, "rewitness", &listed)))
        .chain(of_commands)
        .collect()
}

/// The page of a command; that of the program lists the commands after its usage.
fn page(command: &Command, title: &str, commands: &str) -> String {
    let mut page = format!(
        "<!-- Written by `make generate` from what `{title} --help` says: change that. -->\n# {title}\n"
    );
    let about = text(command.get_long_about().or(command.get_about()));
    for paragraph in about.split("\n\n") {
        page.push_str(&format!("\n{}\n", prose(paragraph)));
    }
    let usage = command.clone().render_usage().to_string();
    let usage: Vec<&str> = usage.trim_start_matches("Usage:").lines().map(str::trim).collect();
    page.push_str(&format!("\n```text\n{}\n```\n", usage.join("\n")));
    page.push_str(commands);
    for (heading, arguments) in groups(command) {
        page.push_str(&format!("\n## {heading}\n\n"));
        arguments.iter().for_each(|argument| page.push_str(&item(argument)));
    }
    let below = command.get_after_long_help().or(command.get_after_help());
    page + &sections::of_help(&text(below))
}

fn text(styled: Option<&clap::builder::StyledStr>) -> String {
    styled.map(ToString::to_string).unwrap_or_default()
}

/// The arguments under their headings, in the order of the help; what goes everywhere comes last.
fn groups(command: &Command) -> Vec<(String, Vec<&Arg>)> {
    let mut groups: Vec<(String, Vec<&Arg>)> = Vec::new();
    let told = |argument: &&Arg| !["help", "version"].contains(&argument.get_id().as_str());
    let (positional, options): (Vec<&Arg>, Vec<&Arg>) =
        command.get_arguments().filter(told).partition(|argument| argument.is_positional());
    for argument in positional.into_iter().chain(options) {
        let plain = if argument.is_positional() { "Arguments" } else { "Options" };
        let heading = argument.get_help_heading().unwrap_or(plain);
        match groups.iter_mut().find(|(known, _)| known == heading) {
            Some((_, arguments)) => arguments.push(argument),
            None => groups.push((heading.to_owned(), vec![argument])),
        }
    }
    let rank = |heading: &str| match heading {
        "Arguments" => 0,
        "Options" => 1,
        "Everywhere" => 3,
        _ => 2,
    };
    groups.sort_by_key(|(heading, _)| rank(heading));
    groups
}

fn item(argument: &Arg) -> String {
    let meaning = text(argument.get_long_help().or(argument.get_help()));
    // Where the default is worked out, the text says so, in the form that clap would give it.
    let (meaning, told) = meaning.split_once(" [default: ").unwrap_or((&meaning, ""));
    let mut item = format!("- {}: {}", name(argument), sentence(meaning));
    if let Some((default, rest)) = told.split_once(']') {
        item.push_str(&format!(" Default: {}{}", sentence(default), prose(rest.trim_start_matches('.'))));
    }
    let default: Vec<String> =
        argument.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
    let takes_values = argument.get_action().takes_values();
    if takes_values && !default.is_empty() {
        item.push_str(&format!(" Default: `{}`.", default.join(",")));
    }
    item.push('\n');
    for value in argument.get_possible_values().iter().filter(|_| takes_values) {
        let meaning =
            value.get_help().map_or_else(String::new, |help| format!(": {}", prose(&help.to_string())));
        item.push_str(&format!("  - `{}`{meaning}\n", value.get_name()));
    }
    item
}

/// clap takes the full stop off what is only one sentence.
fn sentence(text: &str) -> String {
    let text = prose(text);
    if text.ends_with(['.', '?', '!']) { text } else { format!("{text}.") }
}

/// `` `-n`, `--namespace NS` ``
fn name(argument: &Arg) -> String {
    let takes_values = argument.get_action().takes_values();
    let values: Vec<&str> =
        argument.get_value_names().iter().flat_map(|names| names.iter()).map(|name| name.as_str()).collect();
    let value = if takes_values { values.join(" ") } else { String::new() };
    let short = argument.get_short().map(|short| format!("-{short}"));
    let long = argument.get_long().map(|long| format!("--{long}"));
    let mut names: Vec<String> = short.into_iter().chain(long).collect();
    match names.last_mut() {
        Some(last) if !value.is_empty() => last.push_str(&format!(" {value}")),
        Some(_) => (),
        None => names.push(value),
    }
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[test]
fn the_pages_of_the_book_are_the_generated_ones() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/src/commands");
    let mut wanted = std::collections::BTreeSet::new();
    for (file, text) in pages() {
        kept::keep(&folder.join(&file), &text);
        wanted.insert(file);
    }
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        assert!(wanted.contains(&file), "there is no command for docs/src/commands/{file}: remove it");
    }
}

#[test]
fn every_page_has_examples_and_says_how_it_ends() {
    for (file, text) in pages() {
        for heading in ["## Examples", "## Exit status"] {
            assert!(text.contains(heading), "{file} has no {heading}");
        }
        assert!(!text.contains("More with --help"), "{file} is the longer help");
    }
}

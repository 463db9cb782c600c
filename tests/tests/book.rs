//! The book in `docs/`, the README and ARCHITECTURE.md: what they point to is there.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says so by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The workspace's folder.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the workspace is there")
}

fn read(page: &Path) -> String {
    fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()))
}

/// Every Markdown file below a folder.
fn markdown_below(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            found.extend(markdown_below(&path));
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.insert(path);
        }
    }
    found
}

/// The pages of the book, its summary among them.
fn pages() -> BTreeSet<PathBuf> {
    markdown_below(&root().join("docs").join("src"))
}

/// All that is read by people: the book, and what lies at the top.
fn documents() -> BTreeSet<PathBuf> {
    let mut documents = pages();
    documents.extend(["README.md", "ARCHITECTURE.md"].map(|name| root().join(name)));
    documents
}

/// What stands between `open` and `close`, each time.
fn between(text: &str, open: &str, close: &str) -> Vec<String> {
    let rest = text.split(open).skip(1);
    rest.filter_map(|rest| rest.split_once(close)).map(|(inner, _)| inner.to_owned()).collect()
}

/// The text outside of fenced blocks: what stands in them is code, and only looks like links.
fn prose(text: &str) -> String {
    let mut is_code = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    prose
}

/// The files that a page links to; not what is on the web, nor places in the page itself.
fn links(page: &Path) -> Vec<PathBuf> {
    let folder = page.parent().expect("a page lies in a folder");
    let targets = between(&prose(&read(page)), "](", ")");
    let files = targets.iter().filter(|target| !target.contains("://") && !target.starts_with('#'));
    files.filter_map(|target| target.split('#').next()).map(|file| folder.join(file)).collect()
}

#[test]
fn every_page_is_in_the_summary_and_there() {
    let summary = root().join("docs").join("src").join("SUMMARY.md");
    let listed: BTreeSet<PathBuf> = links(&summary).into_iter().collect();
    for page in &listed {
        assert!(page.is_file(), "SUMMARY.md lists {}, which is not there", page.display());
    }
    for page in pages().iter().filter(|page| **page != summary) {
        assert!(listed.contains(page), "{} is not in SUMMARY.md", page.display());
    }
}

#[test]
fn every_link_leads_to_a_file() {
    for page in documents() {
        for target in links(&page) {
            assert!(target.exists(), "{} links to {}", page.display(), target.display());
        }
    }
}

/// The book is read on paper and on the web as well, where only its own pages are.
#[test]
fn links_of_the_book_stay_in_the_book() {
    let book = root().join("docs").join("src");
    for page in pages() {
        for target in links(&page) {
            let target = target.canonicalize().unwrap_or(target);
            assert!(target.starts_with(&book), "{} links to {}", page.display(), target.display());
        }
    }
}

/// The place in a page that a heading makes, as mdBook and GitHub name it.
fn place(heading: &str) -> String {
    let shown = heading.trim().to_lowercase().replace(' ', "-");
    shown.chars().filter(|char| char.is_alphanumeric() || "-_".contains(*char)).collect()
}

#[test]
fn every_link_into_a_page_leads_to_a_heading() {
    for page in documents() {
        let text = prose(&read(&page));
        for target in between(&text, "](", ")").iter().filter(|target| !target.contains("://")) {
            let Some((file, name)) = target.split_once('#') else { continue };
            let folder = page.parent().expect("a page lies in a folder");
            let there = if file.is_empty() { page.clone() } else { folder.join(file) };
            let there = prose(&read(&there));
            let mut headings = there.lines().filter(|line| line.starts_with('#'));
            let is_there = headings.any(|heading| place(heading.trim_start_matches('#')) == name);
            assert!(is_there, "{} links to {target}, which is no heading", page.display());
        }
    }
}

/// Every file of Rust at or below a place, one after the other.
fn rust_below(place: &Path) -> String {
    if place.extension().is_some_and(|extension| extension == "rs") {
        return fs::read_to_string(place).unwrap_or_default();
    }
    let Ok(entries) = fs::read_dir(place) else { return String::new() };
    entries.map(|entry| rust_below(&entry.expect("the folder can be read").path())).collect()
}

/// What a page shows of a program, without the rest of it, is in an example word for word: examples are compiled and
/// run by tests.
#[test]
fn every_line_of_rust_is_one_of_an_example() {
    let plain = |text: &str| text.split_whitespace().collect::<String>();
    let examples = plain(&rust_below(&root().join("crates").join("rewitness").join("examples")));
    for page in documents() {
        for block in between(&read(&page), "\n```rust\n", "\n```") {
            for line in block.lines() {
                // A path may be written out where there is no `use`.
                let code =
                    line.split("// ").next().unwrap_or_default().replace("rewitness::kubernetes::", "");
                assert!(
                    examples.contains(&plain(&code)),
                    "{} shows what no example has: {line}",
                    page.display()
                );
            }
        }
    }
}

#[test]
fn every_example_that_is_included_is_there() {
    for page in documents() {
        let folder = page.parent().expect("a page lies in a folder");
        for included in between(&read(&page), "{{#include ", "}}") {
            let file = folder.join(included.split(':').next().unwrap_or_default());
            assert!(file.is_file(), "{} includes {}", page.display(), file.display());
        }
    }
}

/// A path in the text that begins with a folder of the workspace is one of its files.
#[test]
fn every_file_that_is_named_is_there() {
    let is_ours = |path: &str| {
        let folders = ["crates/", "deploy/", "docs/", "e2e/", "tests/"];
        let is_plain = |char: char| char.is_ascii_alphanumeric() || "_-./".contains(char);
        folders.iter().any(|folder| path.starts_with(folder)) && path.chars().all(is_plain)
    };
    for page in documents() {
        let text = prose(&read(&page));
        // Code is at the odd places of a line that is cut at its marks.
        let code = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
        for path in code.filter(|path| is_ours(path)) {
            assert!(root().join(path).exists(), "{} names {path}", page.display());
        }
    }
}

/// The sources of what `cargo test` runs with these arguments, and what it selects of them.
fn tests_of(command: &str) -> (String, String) {
    let words: Vec<&str> = command.split_whitespace().take_while(|word| *word != "#").collect();
    let value = |flag: &str| words.iter().position(|word| *word == flag).and_then(|at| words.get(at + 1));
    let package = value("-p").and_then(|name| name.strip_prefix("rewitness-")).unwrap_or("rewitness");
    let folder = match package {
        "e2e" => root().join("e2e"),
        _ => root().join("crates").join(package),
    };
    let mut sources = match value("--test") {
        None => rust_below(&folder.join("src")),
        Some(test) => [format!("{test}.rs"), (*test).to_owned()]
            .map(|name| rust_below(&folder.join("tests").join(name)))
            .concat(),
    };
    if value("--test").is_some_and(|test| *test == "conformance") {
        sources += &rust_below(&root().join("crates").join("conformance").join("src"));
    }
    let filter = words.last().filter(|word| word.contains('_') && !word.starts_with('-'));
    (sources, filter.copied().unwrap_or_default().to_owned())
}

#[test]
fn every_test_that_is_named_is_there() {
    let mut named = 0;
    for page in documents() {
        let text = read(&page);
        let at_once = text.lines().filter(|line| line.starts_with("cargo test")).map(str::to_owned);
        for command in at_once.chain(between(&text, "`cargo test", "`")) {
            let (sources, filter) = tests_of(&command);
            let mut functions = sources.lines().filter(|line| line.contains("fn "));
            assert!(functions.any(|line| line.contains(&filter)), "{}: {command}", page.display());
            named += 1;
        }
    }
    assert!(named > 20, "only {named} commands were found");
}

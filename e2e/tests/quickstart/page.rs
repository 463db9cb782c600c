//! A page of the book as a list of what its reader does.
//!
//! A block of `sh` is typed. A block of `text` that follows is what it prints. A comment, which no reader sees, says
//! what is not simply typed:
//!
//! ```text
//! <!-- test: built already -->                    the next block builds the program; its make target has to be there
//! <!-- test: second terminal -->                  the next block goes on in a terminal of its own
//! <!-- test: Ctrl-C in the second terminal -->    here that terminal is interrupted
//! <!-- test: typed -->                            the next block is typed, on a page of which the rest is not
//! ```

use anyhow::{Context, Result, bail, ensure};

/// A part of a page, and the line on which it begins.
#[derive(Debug, PartialEq)]
pub(crate) struct Block {
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// What is typed, and what is shown for it.
#[derive(Debug, PartialEq)]
pub(crate) struct Typed {
    pub(crate) code: Block,
    pub(crate) output: Option<Block>,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    Type(Typed),
    Build(Block),
    TypeInSecond(Typed),
    InterruptSecond { line: usize },
}

/// What a comment says of the next block.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mark {
    Built,
    Second,
    Typed,
}

/// Which blocks of a page are typed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reads {
    /// All of them: the page is a story.
    All,
    /// Those that are marked.
    Marked,
}

const MARK: &str = "<!-- test: ";

/// Reads a page.
///
/// # Errors
/// A mark or an output that belongs to nothing, or a block without an end: a page on which something would silently
/// not be tested.
pub(crate) fn steps(page: &str, reads: Reads) -> Result<Vec<Step>> {
    let mut steps: Vec<Step> = Vec::new();
    let mut mark: Option<Mark> = None;
    let mut lines = (1..).zip(page.lines());
    while let Some((line, text)) = lines.next() {
        if let Some(said) = text.strip_prefix(MARK) {
            ensure!(mark.is_none(), "line {line}: the mark before it has no block");
            match said.strip_suffix(" -->").with_context(|| format!("line {line}: a mark without an end"))? {
                "built already" => mark = Some(Mark::Built),
                "second terminal" => mark = Some(Mark::Second),
                "typed" => mark = Some(Mark::Typed),
                "Ctrl-C in the second terminal" => steps.push(Step::InterruptSecond { line }),
                other => bail!("line {line}: there is no mark `{other}`"),
            }
        } else if let Some(language) = text.strip_prefix("```") {
            let block = rest_of(line, &mut lines)?;
            match (language, mark.take()) {
                (_, None) if reads == Reads::Marked => {}
                ("sh", None | Some(Mark::Typed)) => {
                    steps.push(Step::Type(Typed { code: block, output: None }))
                }
                ("sh", Some(Mark::Built)) => steps.push(Step::Build(block)),
                ("sh", Some(Mark::Second)) => {
                    steps.push(Step::TypeInSecond(Typed { code: block, output: None }))
                }
                ("text", None) => show(steps.last_mut(), block)?,
                (_, None) => {}
                (_, Some(mark)) => bail!("line {line}: {mark:?} says nothing of a block of `{language}`"),
            }
        }
    }
    ensure!(mark.is_none(), "the last mark has no block");
    Ok(steps)
}

/// The lines up to the end of a block that was opened on this line.
fn rest_of<'a>(line: usize, lines: &mut impl Iterator<Item = (usize, &'a str)>) -> Result<Block> {
    let mut text = String::new();
    for (_, next) in lines {
        if next == "```" {
            return Ok(Block { line: line + 1, text });
        }
        text.push_str(next);
        text.push('\n');
    }
    bail!("line {line}: a block without an end")
}

/// Puts an output to what was typed before it.
fn show(step: Option<&mut Step>, output: Block) -> Result<()> {
    let line = output.line;
    match step {
        Some(Step::Type(typed) | Step::TypeInSecond(typed)) if typed.output.is_none() => {
            typed.output = Some(output);
            Ok(())
        }
        _ => bail!("line {line}: this is the output of nothing that is typed"),
    }
}

#[test]
fn a_page_is_read_as_what_its_reader_does() {
    let page = "Type:\n\n```sh\nls\n```\n\nYou see\n\n```text\na\nb\n```\n\n```yaml\nx: 1\n```\n\n\
                <!-- test: second terminal -->\n```sh\nfollow\n```\n<!-- test: Ctrl-C in the second terminal -->\n\
                <!-- test: built already -->\n\n```sh\nmake build\n```\n<!-- test: typed -->\n```sh\ntrue\n```\n";
    let block = |line, text: &str| Block { line, text: text.to_owned() };
    let expected = [
        Step::Type(Typed { code: block(4, "ls\n"), output: Some(block(10, "a\nb\n")) }),
        Step::TypeInSecond(Typed { code: block(20, "follow\n"), output: None }),
        Step::InterruptSecond { line: 22 },
        Step::Build(block(26, "make build\n")),
        Step::Type(Typed { code: block(30, "true\n"), output: None }),
    ];
    assert_eq!(steps(page, Reads::All).unwrap(), expected);
    assert_eq!(steps(page, Reads::Marked).unwrap(), expected[1..]);
}

#[test]
fn what_would_silently_not_be_tested_is_refused() {
    for (page, expected) in [
        ("```text\na\n```\n", "line 2: this is the output of nothing"),
        ("```sh\na\n```\n```text\na\n```\n```text\nb\n```\n", "line 8: this is the output of nothing"),
        ("<!-- test: third terminal -->\n", "line 1: there is no mark `third terminal`"),
        ("<!-- test: second terminal -->\n", "the last mark has no block"),
        ("<!-- test: built already -->\n<!-- test: second terminal -->\n", "line 2: the mark before it"),
        (
            "<!-- test: second terminal -->\n```text\na\n```\n",
            "line 2: Second says nothing of a block of `text`",
        ),
        ("x\n```sh\na\n", "line 2: a block without an end"),
    ] {
        let error = steps(page, Reads::All).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

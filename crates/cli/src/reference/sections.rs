//! What help says below the options, as Markdown.
//!
//! Help is plain text with few forms: a title with a colon above what is indented under it, a title
//! with a sentence behind its colon, and paragraphs. What is laid out in columns stays as it is.

use super::prose;

/// The sections of a help text, each under a heading.
pub(super) fn of_help(help: &str) -> String {
    let lines: Vec<&str> = help.lines().collect();
    let mut text = String::new();
    let mut at = 0;
    while at < lines.len() {
        let from = at;
        at += 1;
        if lines[from].is_empty() {
            continue;
        }
        let is_titled = lines[from].ends_with(':') && lines.get(at).is_some_and(|next| is_indented(next));
        // A section goes on over empty lines for as long as it is indented; a paragraph ends there.
        let goes_on = |at: usize| match is_titled {
            true => lines[at].is_empty() || is_indented(lines[at]),
            false => !lines[at].is_empty(),
        };
        while at < lines.len() && goes_on(at) {
            at += 1;
        }
        match is_titled {
            true => text.push_str(&section(lines[from].trim_end_matches(':'), &lines[from + 1..at])),
            false => text.push_str(&paragraph(&lines[from..at].join(" "))),
        }
    }
    text
}

fn is_indented(line: &str) -> bool {
    line.starts_with("  ")
}

/// A paragraph; `Exit status: 0 done` has a heading of its own.
fn paragraph(text: &str) -> String {
    match text.split_once(": ") {
        Some((title, rest)) if ["Exit status", "Output (-o)"].contains(&title) => {
            format!("\n## {title}\n\n{}\n", prose(rest))
        }
        _ => format!("\n{}\n", prose(text)),
    }
}

fn section(title: &str, lines: &[&str]) -> String {
    let mut text = format!("\n## {title}\n");
    for block in lines.split(|line| line.is_empty()).filter(|block| !block.is_empty()) {
        let runs = match title == "Examples" || block.iter().any(|line| is_laid_out(line)) {
            true => vec![block],
            false => block.chunk_by(|one, next| is_told(one) == is_told(next)).collect(),
        };
        for run in runs {
            text.push_str(&match is_sentence(run) && title != "Examples" {
                true => format!("\n{}\n", prose(&run.join(" "))),
                false => code(if title == "Examples" { "sh" } else { "text" }, run),
            });
        }
    }
    text
}

/// Whether a line has columns, or an indentation that means something.
fn is_laid_out(line: &str) -> bool {
    line.trim().contains("  ") || line.starts_with("     ")
}

/// Whether it is a line of what is told: a command is indented once more.
fn is_told(line: &str) -> bool {
    !line.starts_with("    ")
}

fn is_sentence(run: &[&str]) -> bool {
    let ends = run.last().is_some_and(|last| last.ends_with(['.', ':']) || run.len() > 1);
    ends && run.iter().all(|line| is_told(line) && !is_laid_out(line))
}

fn code(language: &str, lines: &[&str]) -> String {
    let spaces = |line: &&str| line.len() - line.trim_start().len();
    let least = lines.iter().map(spaces).min().unwrap_or_default();
    let lines: Vec<&str> = lines.iter().map(|line| &line[least..]).collect();
    format!("\n```{language}\n{}\n```\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_become_headings_columns_stay_and_sentences_flow() {
        let help = "\
Examples:
  rewitness x      do it

  rewitness y

Sets a_b; what stands
stays.

Output (-o):
  text   a tree
  json
         {\"a\":1}

  state  Live

Confirming:
  A deletion waits. Who may
  confirms it by
    kubectl annotate X
  and that is that.

Output of x:
  cascade/project ready=True

Exit status: 0 done, 1 failed,
2 wrong use.";
        let expected = "
## Examples

```sh
rewitness x      do it
```

```sh
rewitness y
```

Sets a\\_b; what stands stays.

## Output (-o)

```text
text   a tree
json
       {\"a\":1}
```

```text
state  Live
```

## Confirming

A deletion waits. Who may confirms it by

```text
kubectl annotate X
```

and that is that.

## Output of x

```text
cascade/project ready=True
```

## Exit status

0 done, 1 failed, 2 wrong use.
";
        assert_eq!(of_help(help), expected);
    }
}

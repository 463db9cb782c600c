//! Text as Markdown.

/// A description in one line, in which nothing outside of code is taken for markup.
pub(crate) fn prose(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let parts = line.split('`').enumerate().map(|(at, part)| {
        // Code is at the odd places of a line that is cut at its marks; a `|` ends a cell even there.
        let special = if at % 2 == 0 { "<>*_[]|" } else { "|" };
        let escaped = part.chars().flat_map(|char| {
            let escape = special.contains(char).then_some('\\');
            escape.into_iter().chain([char])
        });
        escaped.collect::<String>()
    });
    parts.collect::<Vec<_>>().join("`")
}

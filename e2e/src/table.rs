//! A table for people.

/// On which side the text of a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// The lines of a table, its heading first, without spaces at their ends.
///
/// # Examples
/// ```
/// use rewitness_e2e::{Align, table};
///
/// let rows = [["rewitness", "0.41"], ["raw", "10.3"]].map(|row| row.map(String::from).to_vec());
/// assert_eq!(
///     table(&[("what", Align::Left), ("wall s", Align::Right)], &rows),
///     [
///         "what       wall s",
///         "rewitness    0.41",
///         "raw          10.3",
///     ]
/// );
/// ```
pub fn table(columns: &[(&str, Align)], rows: &[Vec<String>]) -> Vec<String> {
    let heading: Vec<String> = columns.iter().map(|(title, _)| (*title).to_owned()).collect();
    let width = |column: usize| {
        let cells = std::iter::once(&heading).chain(rows).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(columns).enumerate().map(|(at, (cell, (_, align)))| match align {
            Align::Left => format!("{cell:width$}", width = width(at)),
            Align::Right => format!("{cell:>width$}", width = width(at)),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    std::iter::once(&heading).chain(rows).map(line).collect()
}

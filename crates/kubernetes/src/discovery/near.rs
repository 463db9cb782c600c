/// The names most similar to `wanted`, the most similar first: those that begin like it, and those
/// that a slip or two of the finger apart.
pub(super) fn nearest<'a>(wanted: &str, names: impl Iterator<Item = (&'a str, String)>) -> Vec<String> {
    const MOST: usize = 3;
    let tolerated = (wanted.len() / 3).clamp(1, 2);
    let mut near: Vec<(usize, String)> = names
        .filter_map(|(name, full)| {
            let apart = distance(wanted, name);
            let begins = wanted.len() >= 3
                && (name.starts_with(wanted) || wanted.starts_with(name) && name.len() >= 3);
            (apart <= tolerated || begins).then_some((apart, full))
        })
        .collect();
    near.sort();
    let mut names: Vec<String> = Vec::new();
    for (_, name) in near {
        if !names.contains(&name) && names.len() < MOST {
            names.push(name);
        }
    }
    names
}

/// The optimal string alignment distance: insertions, deletions, replacements and swaps of
/// neighbours.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, one) in left.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, other) in right.iter().enumerate() {
            let replaced = row[j] + usize::from(one != other);
            let mut best = replaced.min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && *one == right[j - 1] && left[i - 1] == *other {
                best = best.min(before[j - 1] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (left, right, expected) in [
            ("", "abc", 3),
            ("pods", "pods", 0),
            ("posd", "pods", 1),
            ("widget", "widgets", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(left, right), expected, "{left} {right}");
            assert_eq!(distance(right, left), expected, "{right} {left}");
        }
    }
}

/// The names most similar to `wanted`, the most similar first: those that begin like it, and those
/// that a slip or two of the finger apart.
pub(super) fn nearest<'a>(wanted: &str, names: impl Iterator<Item = (&'a str, String)>) -> Vec<String> {
    const MOST: usize = 3;
    let tolerated = (wanted.len() / 3).clamp(1, 2);
    let mut near: Vec<(usize, String)> = names
        .filter_map(|(name, full)| {
            let apart = strsim::osa_distance(wanted, name);
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

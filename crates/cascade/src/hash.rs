use std::fmt::Write;

use sha2::{Digest, Sha256};

/// The first 64 bits of the SHA-256 of some texts, each with its length before it, in hex.
///
/// Short enough to be typed. It tells a list that a person has read from any other that the cluster
/// happens to have; it withstands nobody who can choose uids, which only the API server can.
pub(crate) fn hash<'a>(texts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut sha = Sha256::new();
    for text in texts {
        sha.update((text.len() as u64).to_be_bytes());
        sha.update(text);
    }
    sha.finalize().iter().take(8).fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The hash of a plan: of the uids of what would be deleted, in whatever order they were listed.
pub(crate) fn plan_hash<'a>(uids: impl IntoIterator<Item = &'a rewitness_messaging::Uid>) -> String {
    let mut texts: Vec<String> = uids.into_iter().map(ToString::to_string).collect();
    texts.sort_unstable();
    hash(texts.iter().map(String::as_bytes))
}

#[cfg(test)]
mod tests {
    use rewitness_messaging::Uid;

    use super::*;

    #[test]
    fn a_plan_is_known_by_its_uids_alone() {
        let uids = |texts: &[&str]| texts.iter().map(|text| Uid::new(text)).collect::<Vec<_>>();
        let (one, same) = (uids(&["a", "b"]), uids(&["b", "a"]));
        assert_eq!(plan_hash(&one), plan_hash(&same));
        assert_eq!(plan_hash(&one).len(), 16);
        for other in [uids(&["a"]), uids(&["a", "b", "c"]), uids(&["ab"]), uids(&["a", "c"]), uids(&[])] {
            assert_ne!(plan_hash(&one), plan_hash(&other));
        }
    }
}

//! The name after `--hold`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use rewitness_crds::HOLD_PREFIX as PREFIX;
use thiserror::Error;

/// A name that can be the last part of a finalizer `hold.rewitness.dev/NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HoldName(Arc<str>);

/// A text that no finalizer can end in.
///
/// The rule is Kubernetes' for the name part of a qualified name (`IsQualifiedName` in
/// apimachinery's validation): at most 63 characters, letters and digits at both ends.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum InvalidHoldName {
    #[error("it is empty; a name is wanted, as in --hold demo")]
    Empty,
    #[error("it has {0} characters; a finalizer's name has at most 63")]
    TooLong(usize),
    #[error("`{0}` cannot be in a finalizer's name; letters, digits, `-`, `_` and `.` can")]
    Character(char),
    #[error("a finalizer's name begins and ends with a letter or a digit")]
    Edge,
}

impl HoldName {
    /// The finalizer as it is on the resources.
    pub(crate) fn finalizer(&self) -> Arc<str> {
        format!("{PREFIX}{}", self.0).into()
    }
}

impl FromStr for HoldName {
    type Err = InvalidHoldName;

    /// Also takes the whole finalizer, as one copies it out of `kubectl get -o yaml`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.strip_prefix(PREFIX).unwrap_or(text);
        if name.is_empty() {
            return Err(InvalidHoldName::Empty);
        }
        if let Some(odd) = name.chars().find(|char| !char.is_ascii_alphanumeric() && !"-_.".contains(*char)) {
            return Err(InvalidHoldName::Character(odd));
        }
        if name.len() > 63 {
            return Err(InvalidHoldName::TooLong(name.len()));
        }
        let edge = |char: &u8| char.is_ascii_alphanumeric();
        if !name.as_bytes().first().is_some_and(edge) || !name.as_bytes().last().is_some_and(edge) {
            return Err(InvalidHoldName::Edge);
        }
        Ok(Self(name.into()))
    }
}

impl fmt::Display for HoldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_finalizer_can_end_in() {
        for text in ["demo", "a", "A.b-c_9", &"x".repeat(63)] {
            let name: HoldName = text.parse().unwrap();
            assert_eq!(&*name.finalizer(), format!("hold.rewitness.dev/{text}"));
            assert_eq!(
                name.finalizer().parse::<HoldName>().unwrap(),
                name,
                "the whole finalizer is taken too"
            );
        }
    }

    #[test]
    fn names_that_no_finalizer_can_end_in() {
        for (text, expected) in [
            ("", InvalidHoldName::Empty),
            ("hold.rewitness.dev/", InvalidHoldName::Empty),
            ("a b", InvalidHoldName::Character(' ')),
            ("other.dev/demo", InvalidHoldName::Character('/')),
            ("dämo", InvalidHoldName::Character('ä')),
            ("-demo", InvalidHoldName::Edge),
            ("demo.", InvalidHoldName::Edge),
            (&"x".repeat(64), InvalidHoldName::TooLong(64)),
        ] {
            assert_eq!(text.parse::<HoldName>(), Err(expected), "{text}");
        }
    }
}

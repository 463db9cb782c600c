//! Whose finalizer is removed.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use rewitness_crds::cascade;
use rewitness_verdict::sources::cascade_name;

use crate::hold_name::{HoldName, InvalidHoldName};

/// A hold that can be given up by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HoldRef {
    /// That of `tail --hold NAME`.
    Hand(HoldName),
    /// That of a Cascade.
    Cascade(HoldName),
}

impl HoldRef {
    /// The finalizer as it is on the resources.
    pub(crate) fn finalizer(&self) -> Arc<str> {
        match self {
            Self::Hand(name) => name.finalizer(),
            Self::Cascade(name) => cascade::finalizer(&name.to_string()).into(),
        }
    }
}

impl FromStr for HoldRef {
    type Err = InvalidHoldName;

    /// Also takes the whole finalizer, as one copies it out of `kubectl get -o yaml`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match cascade_name(text) {
            Some(name) => name.parse().map(Self::Cascade),
            None => text.parse().map(Self::Hand),
        }
    }
}

/// As it is typed.
impl fmt::Display for HoldRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hand(name) => name.fmt(f),
            Self::Cascade(name) => write!(f, "cascade/{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cascade_is_told_from_a_hold_by_what_stands_before_its_name() {
        for (text, finalizer) in [
            ("demo", "hold.rewitness.dev/demo"),
            ("hold.rewitness.dev/demo", "hold.rewitness.dev/demo"),
            ("cascade", "hold.rewitness.dev/cascade"),
            ("cascade/project", "cascade.rewitness.dev/project"),
            ("casc/project", "cascade.rewitness.dev/project"),
            ("cascades.rewitness.dev/project", "cascade.rewitness.dev/project"),
            ("cascade.rewitness.dev/project", "cascade.rewitness.dev/project"),
        ] {
            assert_eq!(&*text.parse::<HoldRef>().unwrap().finalizer(), finalizer, "{text}");
        }
        for text in ["cascade/", "cascade/a/b", "cascade/hold.rewitness.dev", "other/demo"] {
            let is_valid = text.parse::<HoldRef>().is_ok();
            assert_eq!(is_valid, text == "cascade/hold.rewitness.dev", "{text}");
        }
    }
}

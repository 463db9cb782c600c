use std::ops::Deref;
use std::str::FromStr;

use rewitness_crds::is_dns_label;

/// The name of a namespace. It cannot be empty: in a path, an empty one is all namespaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace(String);

impl FromStr for Namespace {
    type Err = &'static str;

    /// A typing error is told here rather than as an empty list.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "" => Err("a namespace's name is not empty; -A is all of them"),
            text if is_dns_label(text) => Ok(Self(text.to_owned())),
            _ => Err(
                "a namespace's name has at most 63 lower-case letters, digits and inner `-`; -A is all of them",
            ),
        }
    }
}

impl Deref for Namespace {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

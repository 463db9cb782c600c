//! Where a command looks, and at what.

use std::ops::Deref;
use std::str::FromStr;

use rewitness_crds::is_dns_label;
use rewitness_kubernetes::ResolvedKind;
use rewitness_messaging::Selector;

use crate::args::ScopeArgs;
use crate::connect::Link;

/// The name of a namespace. It cannot be empty: in a path, an empty one is all namespaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Namespace(String);

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

/// In which namespaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Namespaces {
    All,
    One(Namespace),
}

/// The namespaces and the selector of a command.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub(crate) namespaces: Namespaces,
    pub(crate) selector: Selector,
}

impl Scope {
    /// What the flags say; where they name no namespace, the context's.
    pub(crate) fn new(args: &ScopeArgs, link: &Link) -> Self {
        let namespaces = match &args.place.namespace {
            _ if args.place.all_namespaces => Namespaces::All,
            Some(namespace) => Namespaces::One(namespace.clone()),
            None => Namespaces::One(link.namespace.clone()),
        };
        Self { namespaces, selector: args.selector.clone().unwrap_or_default() }
    }

    /// The namespace in which a kind is meant; none for all of them, and for a kind that lives in none.
    pub(crate) fn namespace_of(&self, kind: &ResolvedKind) -> Option<&str> {
        match &self.namespaces {
            Namespaces::One(namespace) if kind.namespaced => Some(namespace),
            _ => None,
        }
    }
}

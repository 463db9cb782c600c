//! Where a command looks, and at what.

use rewitness_kubernetes::ResolvedKind;
use rewitness_messaging::Selector;
use rewitness_verdict::{Link, Namespace};

use crate::args::ScopeArgs;

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

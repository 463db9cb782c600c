//! Where a command looks, and at what.

use rewitness_kubernetes::ResolvedKind;
use rewitness_messaging::Selector;
use rewitness_verdict::{Link, Namespace};

use crate::args::ScopeArgs;

/// The namespace and the selector of a command.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    /// All namespaces if `None`.
    pub(crate) namespace: Option<Namespace>,
    pub(crate) selector: Selector,
}

impl Scope {
    /// What the flags say; where they name no namespace, the context's.
    pub(crate) fn new(args: &ScopeArgs, link: &Link) -> Self {
        let one = args.place.namespace.as_ref().unwrap_or(&link.namespace);
        let namespace = (!args.place.all_namespaces).then(|| one.clone());
        Self { namespace, selector: args.selector.clone().unwrap_or_default() }
    }

    /// The namespace in which a kind is meant; none for all of them, and for a kind that lives in none.
    pub(crate) fn namespace_of(&self, kind: &ResolvedKind) -> Option<&str> {
        self.namespace.as_deref().filter(|_| kind.namespaced)
    }
}

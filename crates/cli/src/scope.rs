//! Where a command looks, and at what.

use rewitness_kubernetes::ResolvedKind;
use rewitness_messaging::Selector;
use rewitness_verdict::Link;

use crate::args::ScopeArgs;

/// The namespace and the selector of a command.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    /// `None` for all namespaces.
    pub(crate) namespace: Option<String>,
    pub(crate) selector: Selector,
}

impl Scope {
    /// What the flags say; where they name no namespace, the context's.
    pub(crate) fn new(args: &ScopeArgs, link: &Link) -> Self {
        let named = || args.place.namespace.clone().unwrap_or_else(|| link.namespace.clone());
        Self {
            namespace: (!args.place.all_namespaces).then(named),
            selector: args.selector.clone().unwrap_or_default(),
        }
    }

    /// The namespace in which a kind is meant; none for one that lives in none.
    pub(crate) fn namespace_of(&self, kind: &ResolvedKind) -> Option<&str> {
        self.namespace.as_deref().filter(|_| kind.namespaced)
    }
}

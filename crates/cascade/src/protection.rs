use std::collections::BTreeSet;

use rewitness_messaging::Kind;

/// What is never deleted, whatever a rule says.
///
/// ```
/// use rewitness_cascade::Protection;
/// use rewitness_messaging::Kind;
///
/// let protection = Protection::default().with_namespace("rewitness-system");
/// assert!(protection.covers_kind(&Kind::new("", "Namespace")));
/// assert!(protection.covers_namespace("kube-system"));
/// assert!(protection.covers_namespace("rewitness-system"));
/// assert!(!protection.covers_namespace("team-a"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Protection {
    namespaces: BTreeSet<String>,
    allowed: BTreeSet<Kind>,
}

/// Groups of which every kind is protected.
const GROUPS: [&str; 2] = ["rbac.authorization.k8s.io", "admissionregistration.k8s.io"];

/// Kinds that are protected by themselves.
const KINDS: [(&str, &str); 4] = [
    ("", "Namespace"),
    ("", "Node"),
    ("", "PersistentVolume"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
];

impl Protection {
    /// Nothing in this namespace either; for the operator's own.
    pub fn with_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespaces.insert(namespace.into());
        self
    }

    /// This kind may be deleted after all.
    pub fn allowing(mut self, kind: Kind) -> Self {
        self.allowed.insert(kind);
        self
    }

    /// Whether objects of a kind are never dependents: Namespaces, Nodes, PersistentVolumes,
    /// CustomResourceDefinitions, and everything of RBAC and of admission.
    pub fn covers_kind(&self, kind: &Kind) -> bool {
        let listed = KINDS.iter().any(|(group, name)| *group == &*kind.group && *name == &*kind.kind);
        (listed || GROUPS.contains(&&*kind.group)) && !self.allowed.contains(kind)
    }

    /// Whether nothing in a namespace is deleted: `kube-*`, and those that were named.
    pub fn covers_namespace(&self, namespace: &str) -> bool {
        namespace.starts_with("kube-") || self.namespaces.contains(namespace)
    }
}

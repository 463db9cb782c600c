use rewitness_messaging::Kind;

/// Why resources of this kind are not held unless the configuration allows it; `None` if they may.
///
/// A finalizer that nobody takes off stops a cluster's own machinery: a namespace that cannot go, a
/// node that cannot be replaced, a webhook that cannot be removed, a lease that cannot be cleaned
/// up. And some of these come and go by the thousand.
///
/// ```
/// use rewitness_kubernetes::finalizer::protected;
/// use rewitness_messaging::Kind;
///
/// assert!(protected(&Kind::new("", "Pod")).is_some());
/// assert!(protected(&Kind::new("apps", "Deployment")).is_none());
/// ```
pub fn protected(kind: &Kind) -> Option<&'static str> {
    match (&*kind.group, &*kind.kind) {
        ("", "Namespace" | "Node" | "PersistentVolume" | "Pod") => Some("the cluster itself depends on it"),
        ("" | "events.k8s.io", "Event")
        | ("coordination.k8s.io", "Lease")
        | ("discovery.k8s.io", "EndpointSlice") => Some("the cluster makes and removes it all the time"),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            Some("all resources of that kind depend on it")
        }
        ("rbac.authorization.k8s.io", _) => Some("rights depend on it"),
        (
            "admissionregistration.k8s.io",
            "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration",
        ) => Some("every write to the cluster may depend on it"),
        _ => None,
    }
}

/// Whether resources in this namespace are not held unless the configuration allows it: the
/// namespaces of the cluster's own machinery, `kube-*`.
pub fn is_protected_namespace(namespace: Option<&str>) -> bool {
    namespace.is_some_and(|namespace| namespace.starts_with("kube-"))
}

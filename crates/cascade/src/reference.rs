use std::sync::Arc;

use rewitness_crds::cascade::{DependentScope, ReferenceValue};
use rewitness_crds::is_label_value;
use rewitness_messaging::ResourceId;
use thiserror::Error;

use super::rule::{DependentKind, Rule};

/// Where the dependents of one parent are looked for, and by which label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lookup {
    /// `None` is everywhere.
    pub(crate) namespace: Option<Arc<str>>,
    pub(crate) value: String,
}

impl Lookup {
    /// The selector: one key that is not empty and one value that is not empty, so that it can
    /// never select everything.
    pub(crate) fn selector(&self, dependent: &DependentKind) -> String {
        format!("{}={}", dependent.label, self.value)
    }
}

/// Why a rule's references do not say which parent is meant. Nothing is enforced then.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unclear {
    /// A name is looked for in more than the parent's own namespace.
    #[error(
        "{kind} refers to its parent by name alone, and parents of different namespaces can have one name: \
         set reference.value to UID or NamespacedName, or scope to SameNamespace"
    )]
    Ambiguous {
        /// Of what kind the dependents are.
        kind: String,
    },
    /// What needs a namespaced parent has a cluster-scoped one.
    #[error("{kind} is declared with {what}, which needs a parent that lives in a namespace")]
    NeedsNamespacedParent {
        /// Of what kind the dependents are.
        kind: String,
        /// What was declared.
        what: &'static str,
    },
    /// What lives in no namespace cannot live in the parent's.
    #[error("{kind} is declared with scope: SameNamespace, and lives in no namespace")]
    NeedsNamespacedDependents {
        /// Of what kind the dependents are.
        kind: String,
    },
}

/// Whether a reference names its parent without doubt, given where both kinds live.
///
/// The scopes come from what the server says of the kinds, never from the rule.
pub(crate) fn check(dependent: &DependentKind, parent: Scope, dependents: Scope) -> Result<(), Unclear> {
    let kind = || dependent.kind.kind.to_string();
    match (parent, dependent.scope, dependent.value) {
        (Scope::Cluster, Some(DependentScope::SameNamespace), _) => {
            Err(Unclear::NeedsNamespacedParent { kind: kind(), what: "scope: SameNamespace" })
        }
        (Scope::Cluster, _, ReferenceValue::NamespacedName) => {
            Err(Unclear::NeedsNamespacedParent { kind: kind(), what: "reference.value: NamespacedName" })
        }
        (Scope::Namespaced, Some(DependentScope::SameNamespace), _) if dependents == Scope::Cluster => {
            Err(Unclear::NeedsNamespacedDependents { kind: kind() })
        }
        (Scope::Namespaced, scope, ReferenceValue::Name)
            if dependents == Scope::Cluster || scope == Some(DependentScope::AllNamespaces) =>
        {
            Err(Unclear::Ambiguous { kind: kind() })
        }
        _ => Ok(()),
    }
}

/// Whether objects of a kind live in namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Cluster,
    Namespaced,
}

impl Scope {
    pub(crate) fn of(namespaced: bool) -> Self {
        if namespaced { Self::Namespaced } else { Self::Cluster }
    }
}

/// How to find what refers to this parent. `None`: nothing can, because the reference to this
/// parent is no value that a label can have.
///
/// # Errors
///
/// [`Unclear`] if what was found could belong to another parent.
pub(crate) fn lookup(
    dependent: &DependentKind,
    parent: &ResourceId,
    dependents: Scope,
) -> Result<Option<Lookup>, Unclear> {
    check(dependent, Scope::of(parent.namespace.is_some()), dependents)?;
    let everywhere = dependent.scope == Some(DependentScope::AllNamespaces) || dependents == Scope::Cluster;
    let namespace = if everywhere { None } else { parent.namespace.clone() };
    Ok(reference_to(parent, dependent.value).map(|value| Lookup { namespace, value }))
}

/// The value of a label that refers to this parent; `None` if it is none that a label can have.
fn reference_to(parent: &ResourceId, value: ReferenceValue) -> Option<String> {
    let value = match (value, &parent.namespace) {
        (ReferenceValue::UID, _) => parent.uid.to_string(),
        (ReferenceValue::NamespacedName, Some(namespace)) => format!("{namespace}.{}", parent.name),
        (ReferenceValue::Name | ReferenceValue::NamespacedName, _) => parent.name.to_string(),
    };
    // To look for an empty value would find each object that has the label without one.
    (!value.is_empty() && is_label_value(&value)).then_some(value)
}

impl Rule {
    /// How many of these parents can have no dependents, because no label can refer to them by any
    /// of the rule's stages. They are held like others, and let go at once.
    pub fn unreferable<'a>(&self, parents: impl IntoIterator<Item = &'a ResourceId>) -> u64 {
        let dependents = || self.current.stages.iter().flat_map(|stage| &stage.dependents);
        let is_unreferable = |parent: &&ResourceId| {
            dependents().all(|declared| reference_to(parent, declared.value).is_none())
        };
        parents.into_iter().filter(is_unreferable).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use DependentScope::{AllNamespaces as All, SameNamespace as Same};
    use ReferenceValue::{Name, NamespacedName, UID};
    use Scope::{Cluster, Namespaced};
    use rewitness_crds::cascade::{Action, Propagation};
    use rewitness_messaging::Kind;

    use super::*;
    use crate::api::KindRef;

    fn dependent(value: ReferenceValue, scope: Option<DependentScope>) -> DependentKind {
        DependentKind {
            kind: KindRef { kind: Kind::new("compute.example.com", "Cluster"), version: "v1".to_owned() },
            label: "example.com/project".parse().unwrap(),
            value,
            action: Action::Delete,
            propagation: Propagation::Background,
            scope,
        }
    }

    fn parent(namespace: Option<&str>, name: &str) -> ResourceId {
        ResourceId {
            kind: Kind::new("identity.example.com", "Project"),
            namespace: namespace.map(Into::into),
            name: name.into(),
            uid: "0e4e3b1c-8f4f-4c55-9f0a-0123456789ab".into(),
        }
    }

    /// Two tenants whose projects have the same name.
    #[test]
    fn a_name_alone_never_reaches_out_of_the_parents_namespace() {
        for (holds, namespaces, dependents, expected) in [
            (Name, None, Namespaced, Some((Some("team-a"), "web"))),
            (Name, Some(Same), Namespaced, Some((Some("team-a"), "web"))),
            (Name, Some(All), Namespaced, None),
            (Name, None, Cluster, None),
            (Name, Some(All), Cluster, None),
            (Name, Some(Same), Cluster, None),
            (UID, None, Namespaced, Some((Some("team-a"), "0e4e3b1c-8f4f-4c55-9f0a-0123456789ab"))),
            (UID, Some(All), Namespaced, Some((None, "0e4e3b1c-8f4f-4c55-9f0a-0123456789ab"))),
            (UID, None, Cluster, Some((None, "0e4e3b1c-8f4f-4c55-9f0a-0123456789ab"))),
            (UID, Some(Same), Cluster, None),
            (NamespacedName, Some(All), Namespaced, Some((None, "team-a.web"))),
            (NamespacedName, Some(Same), Namespaced, Some((Some("team-a"), "team-a.web"))),
            (NamespacedName, None, Cluster, Some((None, "team-a.web"))),
        ] {
            let found =
                lookup(&dependent(holds, namespaces), &parent(Some("team-a"), "web"), dependents).ok();
            let found = found.flatten().map(|lookup| (lookup.namespace, lookup.value));
            let expected = expected.map(|(namespace, value)| (namespace.map(Into::into), value.to_owned()));
            assert_eq!(found, expected, "{holds:?} {namespaces:?} {dependents:?}");
        }
    }

    #[test]
    fn a_cluster_scoped_parent_is_known_by_its_name_everywhere() {
        for (holds, namespaces, dependents, clear) in [
            (Name, None, Namespaced, true),
            (Name, Some(All), Namespaced, true),
            (Name, None, Cluster, true),
            (UID, None, Cluster, true),
            (Name, Some(Same), Namespaced, false),
            (NamespacedName, None, Namespaced, false),
        ] {
            let found = lookup(&dependent(holds, namespaces), &parent(None, "web"), dependents);
            assert_eq!(found.is_ok(), clear, "{holds:?} {namespaces:?} {dependents:?}");
            assert!(found.is_err() || found.unwrap().unwrap().namespace.is_none());
        }
    }

    #[test]
    fn a_parent_whose_reference_is_no_label_value_has_no_dependents() {
        let long = "x".repeat(200);
        for (namespace, name, holds, possible) in [
            (None, &*long, Name, false),
            (None, &*long, UID, true),
            (None, &*"x".repeat(63), Name, true),
            (Some("team"), &*"x".repeat(58), NamespacedName, true),
            (Some("team"), &*"x".repeat(59), NamespacedName, false),
            (None, "system:node", Name, false),
        ] {
            let found = lookup(&dependent(holds, None), &parent(namespace, name), Namespaced).unwrap();
            assert_eq!(found.is_some(), possible, "{name} {holds:?}");
        }
    }

    #[test]
    fn parents_that_no_stage_can_refer_to_are_counted() {
        let rule = |holds: [&str; 2]| {
            let stage = |(index, holds): (usize, &str)| {
                serde_json::json!({ "name": format!("s{index}"), "dependents": [{
                    "apiVersion": "v1", "kind": "ConfigMap", "reference": { "label": "project", "value": holds },
                }] })
            };
            let stages: Vec<_> = holds.into_iter().enumerate().map(stage).collect();
            let cascade = serde_json::json!({
                "apiVersion": "rewitness.dev/v1alpha1", "kind": "Cascade", "metadata": { "name": "project" },
                "spec": { "parent": { "apiVersion": "example.com/v1", "kind": "Project" }, "stages": stages },
            });
            Rule::new(&serde_json::from_value(cascade).unwrap()).unwrap()
        };
        let parents = [parent(None, "web"), parent(None, &"x".repeat(64)), parent(None, "system:node")];
        assert_eq!(rule(["Name", "Name"]).unreferable(&parents), 2);
        assert_eq!(rule(["Name", "UID"]).unreferable(&parents), 0, "its uid can be referred to");
    }

    /// B22.
    #[test]
    fn fault_b22_no_selector_is_empty_or_selects_by_an_empty_value() {
        for name in ["web", "", "-", ".", "a b", "a,b", "a=b"] {
            for holds in [Name, UID] {
                let Some(found) = lookup(&dependent(holds, None), &parent(None, name), Namespaced).unwrap()
                else {
                    continue;
                };
                let selector = found.selector(&dependent(holds, None));
                let (key, value) = selector.split_once('=').unwrap();
                assert!(
                    !key.is_empty() && !value.is_empty() && !value.contains([',', '=', ' ']),
                    "{selector}"
                );
            }
        }
    }
}

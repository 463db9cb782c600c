use rewitness_crds::cascade::{Action, ReferenceValue};
use rewitness_messaging::{Kind, ResourceId, Uid};

use super::rule::Rule;

/// A parent that a dependent refers to by a rule: with whom it would be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParentReference {
    /// The stage in which it would go.
    pub stage: String,
    /// What would be done with it.
    pub action: Action,
    /// The label that refers to the parent.
    pub label: String,
    /// The label's value.
    pub value: String,
    /// What the value is.
    pub referred: ReferenceValue,
    /// Whether the parent has to be in the dependent's namespace, if it lives in any.
    namespace: Option<String>,
}

impl ParentReference {
    /// The name by which the parent can be read, with its namespace if parents have one. `None` if
    /// only its uid is known, or the value is no reference.
    ///
    /// ```
    /// # let cascade: rewitness_crds::Cascade = serde_json::from_value(serde_json::json!({
    /// #     "apiVersion": "rewitness.dev/v1alpha1", "kind": "Cascade", "metadata": { "name": "project" },
    /// #     "spec": {
    /// #         "parent": { "apiVersion": "example.com/v1", "kind": "Project" },
    /// #         "stages": [{ "name": "all", "dependents": [{
    /// #             "apiVersion": "v1", "kind": "ConfigMap", "reference": { "label": "project", "value": "Name" },
    /// #         }] }],
    /// #     },
    /// # }))?;
    /// use rewitness_cascade::Rule;
    /// use rewitness_messaging::Kind;
    ///
    /// let rule = Rule::new(&cascade)?;
    /// let labels = |key: &str| (key == "project").then_some("web");
    /// let references = rule.parents_of(&Kind::new("", "ConfigMap"), Some("team-a"), labels);
    /// assert_eq!(references[0].parent_name(false), Some((None, "web".to_owned())));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn parent_name(&self, parents_have_namespaces: bool) -> Option<(Option<String>, String)> {
        match (self.referred, parents_have_namespaces) {
            (ReferenceValue::UID, _) => None,
            (ReferenceValue::Name, false) => Some((None, self.value.clone())),
            (ReferenceValue::Name, true) => Some((Some(self.namespace.clone()?), self.value.clone())),
            (ReferenceValue::NamespacedName, _) => {
                let (namespace, name) = self.value.split_once('.')?;
                Some((Some(namespace.to_owned()), name.to_owned()))
            }
        }
    }

    /// Whether this is the parent that is referred to.
    pub fn is(&self, parent: &ResourceId) -> bool {
        match self.parent_name(parent.namespace.is_some()) {
            Some((namespace, name)) => {
                parent.namespace.as_deref() == namespace.as_deref() && *parent.name == *name
            }
            None => self.referred == ReferenceValue::UID && parent.uid == Uid::new(&self.value),
        }
    }
}

impl Rule {
    /// The parents that an object would be deleted with, as the rule says it now: in the order of
    /// its stages.
    pub fn parents_of<'a>(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        label: impl Fn(&str) -> Option<&'a str>,
    ) -> Vec<ParentReference> {
        let stages = self.current.stages.iter();
        let declared = stages.flat_map(|stage| stage.dependents.iter().map(move |one| (stage, one)));
        let of_kind = declared.filter(|(_, declared)| declared.kind.kind == *kind);
        let found = of_kind.filter_map(|(stage, declared)| {
            let value = label(declared.label.as_str()).filter(|value| !value.is_empty())?;
            Some(ParentReference {
                stage: stage.name.clone(),
                action: declared.action,
                label: declared.label.to_string(),
                value: value.to_owned(),
                referred: declared.value,
                namespace: namespace.map(str::to_owned),
            })
        });
        found.collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(holds: &str) -> Rule {
        let cascade = serde_json::from_value(json!({
            "apiVersion": "rewitness.dev/v1alpha1", "kind": "Cascade", "metadata": { "name": "project" },
            "spec": {
                "parent": { "apiVersion": "example.com/v1", "kind": "Project" },
                "stages": [{ "name": "all", "dependents": [{
                    "apiVersion": "v1", "kind": "ConfigMap", "reference": { "label": "project", "value": holds },
                }] }],
            },
        }));
        Rule::new(&cascade.unwrap()).unwrap()
    }

    #[test]
    fn a_label_leads_back_to_the_parent() {
        for (holds, value, namespaced, expected) in [
            ("Name", "web", false, Some((None, "web"))),
            ("Name", "web", true, Some((Some("team-a"), "web"))),
            ("NamespacedName", "team-b.web.x", true, Some((Some("team-b"), "web.x"))),
            ("NamespacedName", "web", true, None),
            ("UID", "u1", true, None),
        ] {
            let label = |key: &str| (key == "project").then_some(value);
            let found = rule(holds).parents_of(&Kind::new("", "ConfigMap"), Some("team-a"), label);
            let expected = expected.map(|(ns, name)| (ns.map(str::to_owned), name.to_owned()));
            assert_eq!(found[0].parent_name(namespaced), expected, "{holds} {value}");
        }
    }

    #[test]
    fn what_has_no_such_label_or_is_of_another_kind_has_no_parent() {
        let rule = rule("Name");
        for (kind, key, value) in
            [("ConfigMap", "other", "web"), ("Secret", "project", "web"), ("ConfigMap", "project", "")]
        {
            let label = |asked: &str| (asked == key).then_some(value);
            assert_eq!(rule.parents_of(&Kind::new("", kind), None, label), [], "{kind} {key} {value}");
        }
    }

    #[test]
    fn a_uid_is_compared_with_the_uid() {
        let found = rule("UID").parents_of(&Kind::new("", "ConfigMap"), Some("a"), |_| Some("u1"));
        let mut parent = crate::testing::parent("u1").id;
        assert!(found[0].is(&parent));
        parent.uid = "u2".into();
        assert!(!found[0].is(&parent));
    }
}

//! What the policy and its binding say: values, from values.

use rewitness_crds::cascade::{finalizer, warning_policy};
use serde_json::{Value, json};

use super::desired::{Parents, Tone};

pub(super) const POLICIES: &str = "validatingadmissionpolicies";

pub(super) const BINDINGS: &str = "validatingadmissionpolicybindings";

/// Whose label it is that says who made an object.
pub(super) const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// The Cascade that warns, and how the server names the kind of its parents.
pub(super) struct Subject<'a> {
    pub(super) cascade: &'a str,
    pub(super) uid: &'a str,
    pub(super) parents: &'a Parents,
    pub(super) plural: &'a str,
    pub(super) namespaced: bool,
}

impl Subject<'_> {
    /// The policy. It warns of each deletion of what carries the Cascade's finalizer, but for those that
    /// name a uid: these are made by controllers, ours among them, and no person reads their warnings.
    ///
    /// What the server would fill in is written out, so that what it has can be compared.
    pub(super) fn policy(&self) -> Value {
        let namespaces = match &self.parents.namespaces {
            Some(names) => json!({ "matchExpressions": [{
                "key": "kubernetes.io/metadata.name", "operator": "In", "values": names,
            }] }),
            None => json!({}),
        };
        let finalizers = "oldObject.metadata.finalizers";
        let is_held = format!("has({finalizers}) && {} in {finalizers}", literal(&finalizer(self.cascade)));
        let spec = json!({
            // It is a courtesy: nothing that goes wrong with it may stop a deletion.
            "failurePolicy": "Ignore",
            "matchConstraints": {
                "matchPolicy": "Equivalent", "namespaceSelector": namespaces, "objectSelector": {},
                "resourceRules": [{
                    "apiGroups": [&*self.parents.kind.group], "apiVersions": ["*"], "operations": ["DELETE"],
                    "resources": [self.plural], "scope": if self.namespaced { "Namespaced" } else { "Cluster" },
                }],
            },
            "matchConditions": [
                { "name": "is-held", "expression": is_held },
                { "name": "names-no-uid", "expression":
                    "!(has(request.options) && has(request.options.preconditions))" },
            ],
            "variables": [
                { "name": "stays", "expression":
                    "has(request.dryRun) && request.dryRun ? 'would stay' : 'stays'" },
                // The message has a command that is pasted into a shell, as `Command` would write it. A name
                // with anything that cannot be seen is left out.
                { "name": "word", "expression":
                    "oldObject.metadata.name.matches('^[A-Za-z0-9._:@-]+$') ? oldObject.metadata.name \
                     : oldObject.metadata.name.matches('^[ -~]+$') \
                     ? \"'\" + oldObject.metadata.name.replace(\"'\", \"'\\\\''\") + \"'\" : 'NAME'" },
            ],
            "validations": [{
                "expression": "false",
                "message": format!("not an error: it is held by the Cascade {}", self.cascade),
                "messageExpression": self.message(),
            }],
        });
        self.object("ValidatingAdmissionPolicy", spec)
    }

    /// The binding, which says that the policy only warns.
    pub(super) fn binding(&self) -> Value {
        let spec = json!({ "policyName": warning_policy(self.cascade), "validationActions": ["Warn"] });
        self.object("ValidatingAdmissionPolicyBinding", spec)
    }

    fn object(&self, kind: &str, spec: Value) -> Value {
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind,
            "metadata": {
                "name": warning_policy(self.cascade),
                "labels": { MANAGED_BY: "rewitness" },
                "ownerReferences": [{
                    "apiVersion": "rewitness.dev/v1alpha1", "kind": "Cascade",
                    "name": self.cascade, "uid": self.uid,
                }],
            },
            "spec": spec,
        })
    }

    /// The words, as an expression. kubectl writes before them that a validation has failed.
    fn message(&self) -> String {
        let (kind, cascade) = (&self.parents.kind, self.cascade);
        let (does, first) = match self.parents.tone {
            Tone::Working => ("", ""),
            Tone::DeletionsHeld => (", which is suspended", "that is resumed, and "),
        };
        let dot = if kind.group.is_empty() { "" } else { "." };
        let held = literal(&format!(" is held by the Cascade {cascade}{does}. It "));
        let until = format!(
            " Terminating until {first}what refers to it is gone. To see what is left: rewitness why "
        );
        let typed = format!("{}{dot}{}/", self.plural, kind.group);
        let namespace = "oldObject.metadata.namespace";
        let (place, command) = match self.namespaced {
            true => {
                let (until, typed) = (literal(&format!("{until}-n ")), literal(&format!(" {typed}")));
                (format!("{namespace} + '/' + "), format!("{until} + {namespace} + {typed}"))
            }
            false => (String::new(), literal(&format!("{until}{typed}"))),
        };
        format!(
            "{} + {place}oldObject.metadata.name + {held} + variables.stays + {command} + variables.word",
            literal(&format!("not an error: {} ", kind.kind)),
        )
    }
}

/// A string of CEL.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

#[cfg(test)]
mod tests {
    use rewitness_messaging::Kind;

    use super::*;

    fn parents(kind: Kind, namespaces: Option<Vec<String>>, tone: Tone) -> Parents {
        Parents { kind, version: "v1".to_owned(), namespaces, tone }
    }

    #[test]
    fn the_policy_and_its_binding_are_these() {
        let parents = parents(Kind::new("identity.example.com", "Project"), None, Tone::Working);
        let subject = Subject {
            cascade: "project",
            uid: "u1",
            parents: &parents,
            plural: "projects",
            namespaced: false,
        };
        let golden: Vec<Value> = serde_saphyr::from_multiple(include_str!("golden.yaml")).unwrap();
        assert_eq!(golden, [subject.policy(), subject.binding()]);
    }

    #[test]
    fn what_lives_in_namespaces_is_named_with_its_own_and_only_those_of_the_rule_are_looked_at() {
        let named = Some(vec!["a".to_owned(), "b".to_owned()]);
        let parents = parents(Kind::new("", "ConfigMap"), named, Tone::DeletionsHeld);
        let subject =
            Subject { cascade: "cm", uid: "u1", parents: &parents, plural: "configmaps", namespaced: true };
        let policy = subject.policy();
        let constraints = &policy["spec"]["matchConstraints"];
        assert_eq!(
            constraints["namespaceSelector"]["matchExpressions"],
            json!([{ "key": "kubernetes.io/metadata.name", "operator": "In", "values": ["a", "b"] }])
        );
        let rule = &constraints["resourceRules"][0];
        assert_eq!((&rule["apiGroups"], &rule["scope"]), (&json!([""]), &json!("Namespaced")));
        assert_eq!(
            policy["spec"]["validations"][0]["messageExpression"],
            "'not an error: ConfigMap ' + oldObject.metadata.namespace + '/' + oldObject.metadata.name + \
             ' is held by the Cascade cm, which is suspended. It ' + variables.stays + \
             ' Terminating until that is resumed, and what refers to it is gone. \
             To see what is left: rewitness why -n ' + oldObject.metadata.namespace + ' configmaps/' + \
             variables.word"
        );
    }

    #[test]
    fn a_string_of_cel_ends_where_it_should() {
        assert_eq!(literal(r"it's \ here"), r"'it\'s \\ here'");
    }
}

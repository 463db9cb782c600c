//! Rights as roles.

use std::collections::BTreeSet;

use anyhow::Context as _;
use k8s_openapi::api::rbac::v1::{ClusterRole, Role};
use kube::api::ObjectMeta;
use rewitness_cascade::{Right, policy_rules};
use serde::Serialize;
use serde_json::{Value, json};

/// The roles that grant exactly these rights.
pub(super) struct Manifest<'a> {
    pub(super) name: &'a str,
    pub(super) cascades: &'a BTreeSet<String>,
    pub(super) rights: &'a [Right],
}

#[derive(Serialize)]
#[serde(untagged)]
enum Grant {
    Everywhere(ClusterRole),
    Within(Role),
}

impl Manifest<'_> {
    /// A ClusterRole for what is needed everywhere, and a Role in each namespace that is named.
    fn grants(&self) -> Vec<Grant> {
        let namespaces: BTreeSet<&Option<String>> =
            self.rights.iter().map(|right| &right.namespace).collect();
        let grant = |namespace: &Option<String>| {
            let here: Vec<Right> =
                self.rights.iter().filter(|right| right.namespace == *namespace).cloned().collect();
            let metadata = ObjectMeta {
                name: Some(self.name.to_owned()),
                namespace: namespace.clone(),
                ..ObjectMeta::default()
            };
            let rules = Some(policy_rules(&here));
            match namespace {
                None => Grant::Everywhere(ClusterRole { metadata, rules, aggregation_rule: None }),
                Some(_) => Grant::Within(Role { metadata, rules }),
            }
        };
        namespaces.into_iter().map(grant).collect()
    }

    /// A document for each, below a comment that says for which Cascades.
    pub(super) fn yaml(&self) -> anyhow::Result<String> {
        let cascades: Vec<&str> = self.cascades.iter().map(String::as_str).collect();
        let cascades = if cascades.is_empty() { "no Cascade".to_owned() } else { cascades.join(", ") };
        // Nothing that is left after this can end a comment.
        let cascades = cascades.escape_default();
        let mut text = format!("# What `rewitness run` needs for {cascades}, and nothing more.\n");
        for grant in self.grants() {
            text += "---\n";
            text += &serde_saphyr::to_string(&grant).context("write YAML")?;
        }
        Ok(text)
    }

    /// The same as a List.
    pub(super) fn json(&self) -> Value {
        json!({ "apiVersion": "v1", "kind": "List", "items": self.grants() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A document of its own that would make its author the cluster's administrator.
    const BINDING: &str = "project\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\n\
        metadata: {name: mine}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}\n\
        subjects: [{kind: User, name: mallory}]\n# ";

    fn hostile() -> Vec<String> {
        let long = "a b".repeat(3_500);
        let texts = [
            BINDING,
            "x\"]\n  verbs: [\"*\"]\n- apiGroups: [\"*",
            "---",
            "...",
            "- a",
            "a: b",
            "a #b",
            "#",
            "{",
            "}",
            "[",
            "]",
            "\"",
            "'",
            "''",
            "\\",
            "&a",
            "*a",
            "!a",
            "|",
            ">",
            "%YAML 1.2",
            "@",
            "`",
            "? a",
            "",
            " ",
            " a",
            "a ",
            "\t",
            "\0",
            "a\0b",
            "\u{7f}",
            "\u{85}",
            "a\u{2028}b: c",
            "\u{2029}",
            "\u{feff}a",
            "\u{202e}",
            "\r",
            "a\r\nb: c",
            "null",
            "~",
            "true",
            "yes",
            "on",
            "1",
            "1e3",
            "0x1F",
            "1:30",
            ".inf",
            "2026-01-01",
            "<<",
            "=",
            &long,
        ];
        texts.map(str::to_owned).to_vec()
    }

    fn documents(yaml: &str) -> Vec<Value> {
        serde_saphyr::from_multiple(yaml).unwrap()
    }

    #[test]
    fn whatever_a_name_holds_there_are_the_documents_that_were_meant_and_no_more() {
        for text in hostile() {
            let right =
                Right { namespace: Some(text.clone()), ..Right::new("get", &text, &text).named(&*text) };
            let rights = [Right::new("list", &text, &text), right];
            let cascades = BTreeSet::from([text.clone()]);
            let manifest = Manifest { name: &text, cascades: &cascades, rights: &rights };
            let version = "rbac.authorization.k8s.io/v1";
            let expected = vec![
                json!({
                    "apiVersion": version, "kind": "ClusterRole", "metadata": { "name": text },
                    "rules": [{ "apiGroups": [text], "resources": [text], "verbs": ["list"] }],
                }),
                json!({
                    "apiVersion": version, "kind": "Role", "metadata": { "name": text, "namespace": text },
                    "rules": [{
                        "apiGroups": [text], "resources": [text], "resourceNames": [text], "verbs": ["get"],
                    }],
                }),
            ];
            assert_eq!(documents(&manifest.yaml().unwrap()), expected, "{text:?}");
            let mut list = manifest.json();
            assert_eq!(list["items"].take(), json!(expected), "{text:?}");
        }
    }
    #[test]
    fn what_is_needed_in_a_namespace_alone_is_granted_there_alone() {
        let mut rights: Vec<Right> =
            ["get", "list"].map(|verb| Right::new(verb, "example.com", "projects")).to_vec();
        let there = Right { namespace: Some("team-a".to_owned()), ..Right::new("get", "", "secrets") };
        rights.push(there);
        let cascades = BTreeSet::from(["project".to_owned()]);
        let manifest = Manifest { name: "rewitness", cascades: &cascades, rights: &rights };
        let expected = r#"# What `rewitness run` needs for project, and nothing more.
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: rewitness
rules:
- apiGroups:
  - example.com
  resources:
  - projects
  verbs:
  - get
  - list
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: rewitness
  namespace: team-a
rules:
- apiGroups:
  - ""
  resources:
  - secrets
  verbs:
  - get
"#;
        assert_eq!(manifest.yaml().unwrap(), expected);
        let list = manifest.json();
        assert_eq!(list["items"][1]["metadata"], json!({ "name": "rewitness", "namespace": "team-a" }));
        assert_eq!(list["items"].as_array().map(Vec::len), Some(2));
    }
}

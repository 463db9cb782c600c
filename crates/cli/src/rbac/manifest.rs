//! Rights as roles.

use std::collections::BTreeSet;

use anyhow::Context as _;
use rewitness_cascade::{Right, policy_rules};
use serde_json::{Value, json};

/// The roles that grant exactly these rights.
pub(super) struct Manifest<'a> {
    pub(super) name: &'a str,
    pub(super) cascades: &'a BTreeSet<String>,
    pub(super) rights: &'a [Right],
}

impl Manifest<'_> {
    /// A ClusterRole for what is needed everywhere, and a Role in each namespace that is named.
    pub(super) fn yaml(&self) -> String {
        let cascades: Vec<&str> = self.cascades.iter().map(String::as_str).collect();
        let cascades = if cascades.is_empty() { "no Cascade".to_owned() } else { cascades.join(", ") };
        let mut text = format!("# What `rewitness run` needs for {cascades}, and nothing more.\n");
        let namespaces: BTreeSet<Option<&str>> =
            self.rights.iter().map(|right| right.namespace.as_deref()).collect();
        for namespace in namespaces {
            let here: Vec<Right> =
                self.rights.iter().filter(|right| right.namespace.as_deref() == namespace).cloned().collect();
            let (kind, place) = match namespace {
                None => ("ClusterRole", String::new()),
                Some(namespace) => ("Role", format!("\n  namespace: \"{namespace}\"")),
            };
            text += &format!(
                "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata:\n  name: \"{}\"{place}\n\
                 rules:\n{}",
                self.name,
                policy_rules(&here)
            );
        }
        text
    }

    /// The same as a List.
    pub(super) fn json(&self) -> anyhow::Result<Value> {
        let items: Vec<Value> = serde_saphyr::from_multiple(&self.yaml()).context("read our own YAML")?;
        Ok(json!({ "apiVersion": "v1", "kind": "List", "items": items }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
  name: "rewitness"
rules:
- apiGroups: ["example.com"]
  resources: ["projects"]
  verbs: ["get", "list"]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: "rewitness"
  namespace: "team-a"
rules:
- apiGroups: [""]
  resources: ["secrets"]
  verbs: ["get"]
"#;
        assert_eq!(manifest.yaml(), expected);
        let list = manifest.json().unwrap();
        assert_eq!(list["items"][1]["metadata"], json!({ "name": "rewitness", "namespace": "team-a" }));
        assert_eq!(list["items"].as_array().map(Vec::len), Some(2));
    }
}

use std::collections::BTreeSet;
use std::fmt;

use rewitness_crds::cascade::Action;
use serde::Deserialize;
use serde_json::json;

use crate::api::{Endpoint, Refusal, Server, post_document};

/// How many missing rights, or rules that grant them, one message names.
const NAMED: usize = 12;

/// A right that a rule needs.
///
/// ```
/// use rewitness_consumers::cascade::Right;
///
/// let right = Right::new("delete", "compute.example.com", "clusters");
/// assert_eq!(right.to_string(), "delete clusters.compute.example.com");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// The group; empty for the core group.
    pub group: String,
    /// The plural.
    pub resource: String,
    /// The verb.
    pub verb: &'static str,
    /// In this namespace; everywhere if `None`.
    pub namespace: Option<String>,
}

impl Right {
    /// A right everywhere.
    pub fn new(verb: &'static str, group: &str, resource: &str) -> Self {
        Self { group: group.to_owned(), resource: resource.to_owned(), verb, namespace: None }
    }
}

/// `delete clusters.compute.example.com in team-a`, as `kubectl auth can-i` knows it.
impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        match &self.namespace {
            Some(namespace) => write!(f, " in {namespace}"),
            None => Ok(()),
        }
    }
}

/// The rules of a ClusterRole that grant these rights, one for each resource, and nothing more.
///
/// ```
/// use rewitness_consumers::cascade::{Right, policy_rules};
///
/// let rights = ["list", "delete"].map(|verb| Right::new(verb, "apps", "deployments"));
/// assert_eq!(
///     policy_rules(&rights),
///     "- apiGroups: [\"apps\"]\n  resources: [\"deployments\"]\n  verbs: [\"delete\", \"list\"]\n",
/// );
/// ```
pub fn policy_rules(rights: &[Right]) -> String {
    let rule = |(group, resource, verbs): (&str, &str, String)| {
        format!("- apiGroups: [\"{group}\"]\n  resources: [\"{resource}\"]\n  verbs: [{verbs}]\n")
    };
    by_resource(rights).map(rule).collect()
}

/// The same in one line, of the first resources at least.
pub(crate) fn policy_rules_in_line(rights: &[Right]) -> String {
    let rule = |(group, resource, verbs): (&str, &str, String)| {
        format!("{{apiGroups: [\"{group}\"], resources: [\"{resource}\"], verbs: [{verbs}]}}")
    };
    some(by_resource(rights).map(rule))
}

/// The first of some texts, and how many more there are.
pub(crate) fn some(texts: impl Iterator<Item = String>) -> String {
    let mut texts: Vec<String> = texts.collect();
    if texts.len() > NAMED {
        let more = format!("and {} more", texts.len() - NAMED);
        texts.truncate(NAMED);
        texts.push(more);
    }
    texts.join(", ")
}

/// Each group and resource, with the verbs as they stand between brackets.
fn by_resource(rights: &[Right]) -> impl Iterator<Item = (&str, &str, String)> {
    let resources: BTreeSet<(&str, &str)> =
        rights.iter().map(|right| (&*right.group, &*right.resource)).collect();
    resources.into_iter().map(|(group, resource)| {
        let granted = rights.iter().filter(|right| right.group == group && right.resource == resource);
        let verbs: BTreeSet<String> = granted.map(|right| format!("\"{}\"", right.verb)).collect();
        (group, resource, verbs.into_iter().collect::<Vec<_>>().join(", "))
    })
}

/// What a rule needs: parents are held, read and released; dependents are listed, and watched for
/// the counts; those that are to be deleted are read again and deleted.
pub(crate) fn rights_for(
    parent: &Endpoint,
    parent_namespaces: Option<&[String]>,
    dependents: &[(Endpoint, Action)],
    within: Option<&[String]>,
) -> BTreeSet<Right> {
    let of = |endpoint: &Endpoint, verbs: &[&'static str], namespace: Option<&String>| {
        verbs
            .iter()
            .map(|verb| Right {
                namespace: namespace.filter(|_| endpoint.namespaced).cloned(),
                ..Right::new(verb, &endpoint.group, &endpoint.plural)
            })
            .collect::<Vec<_>>()
    };
    let mut rights = BTreeSet::new();
    for namespace in places(parent_namespaces) {
        rights.extend(of(parent, &["get", "list", "watch", "patch"], namespace));
    }
    for (endpoint, action) in dependents {
        for namespace in places(within) {
            rights.extend(of(endpoint, &["list", "watch"], namespace));
            if *action == Action::Delete {
                rights.extend(of(endpoint, &["get", "delete"], namespace));
            }
        }
    }
    if parent.group.contains('.') {
        rights.insert(Right::new("get", "apiextensions.k8s.io", "customresourcedefinitions"));
    }
    rights
}

/// Each of these namespaces; `None`, which is everywhere, if there are none to be named.
fn places(namespaces: Option<&[String]>) -> Vec<Option<&String>> {
    namespaces.map_or_else(|| vec![None], |names| names.iter().map(Some).collect())
}

#[derive(Deserialize)]
struct Review {
    #[serde(default)]
    status: ReviewStatus,
}

#[derive(Default, Deserialize)]
struct ReviewStatus {
    #[serde(default)]
    allowed: bool,
}

/// Whether the caller has a right, by a SelfSubjectAccessReview.
pub(crate) async fn has(server: &Server, right: &Right) -> Result<bool, Refusal> {
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": { "resourceAttributes": {
            "verb": right.verb, "group": right.group, "resource": right.resource, "namespace": right.namespace,
        } },
    });
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    Ok(server.call::<Review>(post_document(path, &review)).await?.status.allowed)
}

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use k8s_openapi::api::authorization::v1::SelfSubjectAccessReview;
use k8s_openapi::api::rbac::v1::PolicyRule;
use rewitness_crds::cascade::Action;
use serde_json::json;

use crate::api::{ApiError, Endpoint, Server, post_document};

/// How many missing rights, or rules that grant them, one message names.
const NAMED: usize = 12;

/// A right that a rule needs.
///
/// ```
/// use rewitness_cascade::Right;
///
/// let right = Right::new("delete", "compute.example.com", "clusters");
/// assert_eq!(right.to_string(), "delete clusters.compute.example.com");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// The group; empty for the core group.
    pub group: String,
    /// The plural; with a subresource as `cascades/status`.
    pub resource: String,
    /// On the object of this name; on all if `None`.
    pub name: Option<String>,
    /// The verb.
    pub verb: &'static str,
    /// In this namespace; everywhere if `None`.
    pub namespace: Option<String>,
}

impl Right {
    /// A right everywhere.
    pub fn new(verb: &'static str, group: &str, resource: &str) -> Self {
        Self { group: group.to_owned(), resource: resource.to_owned(), name: None, verb, namespace: None }
    }

    /// The same right on the object of this name alone.
    ///
    /// # Caveats
    ///
    /// `list` and `watch` are granted so to who selects by the field `metadata.name`, and `create`
    /// never is.
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// The plural and the subresource; that is empty if there is none.
    pub fn parts(&self) -> (&str, &str) {
        self.resource.split_once('/').unwrap_or((&self.resource, ""))
    }
}

/// `delete clusters.compute.example.com in team-a`, as `kubectl auth can-i` knows it; a subresource or
/// a name follows after a slash.
impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (plural, subresource) = self.parts();
        write!(f, "{} {plural}", self.verb)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        for part in [Some(subresource).filter(|part| !part.is_empty()), self.name.as_deref()] {
            part.map_or(Ok(()), |part| write!(f, "/{part}"))?;
        }
        match &self.namespace {
            Some(namespace) => write!(f, " in {namespace}"),
            None => Ok(()),
        }
    }
}

/// The rules of a role that grant these rights, and nothing more: one for each resource, or for each
/// that is named. In which namespaces is not said.
///
/// ```
/// use rewitness_cascade::{Right, policy_rules};
///
/// let rights = ["list", "delete"].map(|verb| Right::new(verb, "apps", "deployments").named("web"));
/// let rules = policy_rules(&rights);
/// assert_eq!(
///     serde_json::to_string(&rules)?,
///     r#"[{"apiGroups":["apps"],"resourceNames":["web"],"resources":["deployments"],"verbs":["delete","list"]}]"#,
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn policy_rules(rights: &[Right]) -> Vec<PolicyRule> {
    let mut verbs: BTreeMap<(&str, &str, Option<&str>), BTreeSet<&str>> = BTreeMap::new();
    for right in rights {
        let on = (&*right.group, &*right.resource, right.name.as_deref());
        verbs.entry(on).or_default().insert(right.verb);
    }
    // Objects on which the same may be done share a rule.
    let mut grants: BTreeMap<(&str, &str, bool, BTreeSet<&str>), Vec<&str>> = BTreeMap::new();
    for ((group, resource, name), verbs) in verbs {
        grants.entry((group, resource, name.is_some(), verbs)).or_default().extend(name);
    }
    let owned = |words: Vec<&str>| words.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let rule = |((group, resource, is_named, verbs), names): ((_, _, bool, BTreeSet<_>), _)| PolicyRule {
        api_groups: Some(owned(vec![group])),
        resources: Some(owned(vec![resource])),
        resource_names: is_named.then(|| owned(names)),
        verbs: owned(verbs.into_iter().collect()),
        ..PolicyRule::default()
    };
    grants.into_iter().map(rule).collect()
}

/// The same in one line of JSON, which is YAML too; of the first resources at least.
pub(crate) fn policy_rules_in_line(rights: &[Right]) -> String {
    some(policy_rules(rights).iter().map(|rule| json!(rule).to_string()))
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
        let definition = Right::new("get", "apiextensions.k8s.io", "customresourcedefinitions");
        rights.insert(definition.named(format!("{}.{}", parent.plural, parent.group)));
    }
    rights
}

/// Each of these namespaces; `None`, which is everywhere, if there are none to be named.
fn places(namespaces: Option<&[String]>) -> Vec<Option<&String>> {
    namespaces.map_or_else(|| vec![None], |names| names.iter().map(Some).collect())
}

/// How long a review may take.
const REVIEW: Duration = Duration::from_secs(30);

/// Whether the caller has a right.
///
/// # Errors
///
/// The server's answer, if that is no review.
pub async fn may(client: &kube::Client, right: &Right) -> Result<bool, ApiError> {
    has(&Server::new(client.clone(), REVIEW), right).await
}

/// Whether the caller has a right, by a SelfSubjectAccessReview.
pub(crate) async fn has(server: &Server, right: &Right) -> Result<bool, ApiError> {
    let (plural, subresource) = right.parts();
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": { "resourceAttributes": {
            "verb": right.verb, "group": right.group, "resource": plural, "subresource": subresource,
            "name": right.name, "namespace": right.namespace,
        } },
    });
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let review: SelfSubjectAccessReview = server.call(post_document(path, &review)).await?;
    Ok(review.status.is_some_and(|status| status.allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_objects_share_a_rule_with_those_alone_on_which_the_same_may_be_done() {
        let crd = |verb, name| Right::new(verb, "x", "crds").named(name);
        let rights = [
            crd("get", "a"),
            crd("get", "b"),
            crd("patch", "b"),
            crd("get", "c"),
            Right::new("list", "x", "crds"),
        ];
        let rule = |names: &[&str], verbs: &[&str]| {
            let mut rule = json!({ "apiGroups": ["x"], "resources": ["crds"], "verbs": verbs });
            if !names.is_empty() {
                rule["resourceNames"] = json!(names);
            }
            rule
        };
        let expected = [rule(&[], &["list"]), rule(&["a", "c"], &["get"]), rule(&["b"], &["get", "patch"])];
        assert_eq!(json!(policy_rules(&rights)), json!(expected));
    }

    #[test]
    fn a_right_is_said_as_kubectl_knows_it() {
        for (right, expected) in [
            (Right::new("get", "", "pods"), "get pods"),
            (Right::new("patch", "x.y", "as/status"), "patch as.x.y/status"),
            (Right::new("get", "x.y", "as").named("b"), "get as.x.y/b"),
        ] {
            assert_eq!(right.to_string(), expected);
        }
    }
}

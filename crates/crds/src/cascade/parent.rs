use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{ApiVersion, InvalidApiVersion};

/// Whose deletion a Cascade is about.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Parent {
    /// The group and version of its kind.
    #[schemars(length(max = 317))]
    #[x_kube(validation = Rule::new("self.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[a-z0-9]([-a-z0-9]*[a-z0-9])?$')")
        .message("write <group>/<version>, or <version> alone for the core group"))]
    pub api_version: String,
    /// Its kind.
    #[schemars(length(max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z]([-A-Za-z0-9]*[A-Za-z0-9])?$')")
        .message("write the name of a kind, as in Project"))]
    pub kind: String,
    /// Only parents in these namespaces. All of them when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<String>", length(max = 64), inner(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")), extend("x-kubernetes-list-type" = "set"))]
    #[x_kube(validation = Rule::new("self.size() > 0")
        .message("an empty list selects no parent: leave it out for all namespaces"))]
    pub namespaces: Option<Vec<String>>,
    /// Only parents with these labels. All of them when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "LabelSelector")]
    pub label_selector: Option<LabelSelector>,
}

/// A label selector that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("matchExpressions: `{key} {operator}` needs {needs}")]
pub struct InvalidParentSelector {
    key: String,
    operator: String,
    needs: &'static str,
}

impl Parent {
    /// The group and version of its kind.
    ///
    /// # Errors
    ///
    /// [`InvalidApiVersion`] if the text is none; the schema refuses such objects at admission.
    pub fn api_version(&self) -> Result<ApiVersion, InvalidApiVersion> {
        self.api_version.parse()
    }

    /// The label selector in the syntax of the API's `labelSelector` parameter; empty for all.
    ///
    /// # Errors
    ///
    /// [`InvalidParentSelector`] for an unknown operator, or values that do not fit it.
    ///
    /// ```
    /// use rewitness_crds::cascade::Parent;
    ///
    /// let parent: Parent = serde_json::from_str(
    ///     r#"{ "apiVersion": "v1", "kind": "Namespace", "labelSelector": {
    ///          "matchLabels": { "a": "b" },
    ///          "matchExpressions": [{ "key": "tier", "operator": "In", "values": ["x", "y"] }] } }"#,
    /// )?;
    /// assert_eq!(parent.selector()?, "a=b,tier in (x,y)");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn selector(&self) -> Result<String, InvalidParentSelector> {
        let Some(LabelSelector { match_labels, match_expressions }) = &self.label_selector else {
            return Ok(String::new());
        };
        let labels = match_labels.iter().flatten().map(|(key, value)| Ok(format!("{key}={value}")));
        let expressions = match_expressions.iter().flatten().map(|expression| {
            let (key, values) = (&expression.key, expression.values.as_deref().unwrap_or_default());
            let invalid = |needs| InvalidParentSelector {
                key: key.clone(),
                operator: expression.operator.clone(),
                needs,
            };
            match (&*expression.operator, values) {
                ("In" | "NotIn", []) => Err(invalid("values")),
                ("In", values) => Ok(format!("{key} in ({})", values.join(","))),
                ("NotIn", values) => Ok(format!("{key} notin ({})", values.join(","))),
                ("Exists", []) => Ok(key.clone()),
                ("DoesNotExist", []) => Ok(format!("!{key}")),
                ("Exists" | "DoesNotExist", _) => Err(invalid("no values")),
                _ => Err(invalid("an operator of In, NotIn, Exists and DoesNotExist")),
            }
        });
        Ok(labels.chain(expressions).collect::<Result<Vec<_>, _>>()?.join(","))
    }
}

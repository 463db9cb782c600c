use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use thiserror::Error;

use super::{Cascade, Dependents, Parent, Stage};
use crate::names::{is_dns_label, is_dns_subdomain, is_label_value, shown};
use crate::{ApiVersion, LabelKey};

/// A name in a Cascade that the API server would not take.
///
/// The text is shown with its control characters as escapes, and cut after 80 characters.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{field}: {text:?} is no {what}")]
pub struct InvalidName {
    field: String,
    text: String,
    what: &'static str,
}

impl Cascade {
    /// Whether each name in it is one by the rules of the API server. A Cascade that comes from the
    /// server was checked there; one from a file was not, and its names become parts of other objects,
    /// of paths and of commands.
    ///
    /// # Errors
    ///
    /// [`InvalidName`]: the first field that holds no name.
    ///
    /// ```
    /// # let mut cascade: rewitness_crds::Cascade = serde_json::from_value(serde_json::json!({
    /// #     "apiVersion": "rewitness.dev/v1alpha1", "kind": "Cascade", "metadata": { "name": "project" },
    /// #     "spec": { "parent": { "apiVersion": "v1", "kind": "Namespace" }, "stages": [] },
    /// # })).unwrap();
    /// assert!(cascade.check_names().is_ok());
    /// cascade.metadata.name = Some("a\nb".to_owned());
    /// let error = cascade.check_names().unwrap_err().to_string();
    /// assert!(error.starts_with(r#"metadata.name: "a\nb" is no name of a Cascade"#));
    /// ```
    pub fn check_names(&self) -> Result<(), InvalidName> {
        // It becomes the last part of a finalizer.
        let name = self.metadata.name.as_deref().unwrap_or_default();
        check(
            name.len() <= 63 && is_dns_subdomain(name),
            || "metadata.name",
            name,
            "name of a Cascade: at most 63 lower-case letters, digits, `-` and `.`, a letter or digit at both ends",
        )?;
        check_parent(&self.spec.parent)?;
        check_stages("spec.stages", &self.spec.stages)
    }
}

fn check_parent(parent: &Parent) -> Result<(), InvalidName> {
    check_kind("spec.parent", &parent.api_version, &parent.kind)?;
    for (at, namespace) in parent.namespaces.iter().flatten().enumerate() {
        let field = || format!("spec.parent.namespaces[{at}]");
        check(is_dns_label(namespace), field, namespace, "namespace")?;
    }
    let Some(LabelSelector { match_labels, match_expressions }) = &parent.label_selector else {
        return Ok(());
    };
    let keys = match_expressions.iter().flatten().map(|one| &one.key);
    for key in match_labels.iter().flat_map(|labels| labels.keys()).chain(keys) {
        check(key.parse::<LabelKey>().is_ok(), || "spec.parent.labelSelector", key, "label key")?;
    }
    let values = match_expressions.iter().flatten().flat_map(|one| one.values.iter().flatten());
    for value in match_labels.iter().flat_map(|labels| labels.values()).chain(values) {
        check(is_label_value(value), || "spec.parent.labelSelector", value, "value of a label")?;
    }
    Ok(())
}

fn check_stages(within: &str, stages: &[Stage]) -> Result<(), InvalidName> {
    for (at, Stage { name, dependents }) in stages.iter().enumerate() {
        let within = format!("{within}[{at}]");
        check(is_dns_label(name), || format!("{within}.name"), name, "name of a stage")?;
        for (at, Dependents { api_version, kind, .. }) in dependents.iter().enumerate() {
            check_kind(&format!("{within}.dependents[{at}]"), api_version, kind)?;
        }
    }
    Ok(())
}

fn check_kind(within: &str, api_version: &str, kind: &str) -> Result<(), InvalidName> {
    let is_kind = (1..=63).contains(&kind.len())
        && kind.starts_with(|first: char| first.is_ascii_alphabetic())
        && is_dns_label(&kind.to_ascii_lowercase());
    check(
        api_version.parse::<ApiVersion>().is_ok(),
        || format!("{within}.apiVersion"),
        api_version,
        "apiVersion: write <group>/<version>, or <version> alone for the core group",
    )?;
    check(is_kind, || format!("{within}.kind"), kind, "kind: write it as in Project")
}

fn check<F: fmt::Display>(
    is_fine: bool,
    field: impl FnOnce() -> F,
    text: &str,
    what: &'static str,
) -> Result<(), InvalidName> {
    if is_fine {
        return Ok(());
    }
    Err(InvalidName { field: field().to_string(), text: shown(text), what })
}

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ApiVersion, InvalidApiVersion, LabelKey};

/// Dependents that go together: the next stage begins when none of them is left.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Stage {
    /// Its name, for people: it is in the status, in Events, and in what `rewitness why` says.
    #[schemars(length(max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')")
        .message("the name of a stage is lower-case letters, digits and '-', and is not empty"))]
    pub name: String,
    /// What belongs to it.
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("self.size() > 0").message("name at least one kind of dependents"))]
    pub dependents: Vec<Dependents>,
}

/// A kind whose objects refer to the parent, and what is done with those that do.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Dependents {
    /// The group and version of the kind.
    #[schemars(length(max = 317))]
    #[x_kube(validation = Rule::new("self.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[a-z0-9]([-a-z0-9]*[a-z0-9])?$')")
        .message("write <group>/<version>, or <version> alone for the core group"))]
    pub api_version: String,
    /// The kind.
    #[schemars(length(max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z]([-A-Za-z0-9]*[A-Za-z0-9])?$')")
        .message("write the name of a kind, as in Cluster"))]
    pub kind: String,
    /// How an object of this kind names its parent.
    pub reference: Reference,
    /// What is done with them.
    #[serde(default)]
    pub action: Action,
    /// Who deletes what they own in turn, and when.
    #[serde(default)]
    pub propagation: Propagation,
    /// Where they are looked for. The default is SameNamespace for a namespaced parent, and AllNamespaces
    /// for a cluster-scoped one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "DependentScope")]
    pub scope: Option<DependentScope>,
}

impl Dependents {
    /// The group and version of the kind.
    ///
    /// # Errors
    ///
    /// [`InvalidApiVersion`] if the text is none; the schema refuses such objects at admission.
    pub fn api_version(&self) -> Result<ApiVersion, InvalidApiVersion> {
        self.api_version.parse()
    }
}

/// How a dependent names its parent: `{ label: example.com/project, value: Name }`.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Hash)]
#[serde(rename_all = "camelCase")]
pub struct Reference {
    /// The key of the label that names the parent.
    pub label: LabelKey,
    /// What the label's value is.
    #[serde(default)]
    pub value: ReferenceValue,
}

/// What a reference holds of the parent.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ReferenceValue {
    /// The parent's name.
    #[default]
    Name,
    /// The parent's uid. A parent that is created again under the same name has other dependents.
    UID,
    /// `<namespace>.<name>` of the parent. The value of a label cannot contain a slash.
    NamespacedName,
}

/// What is done with dependents.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Action {
    /// They are deleted.
    #[default]
    Delete,
    /// Someone else removes them; the parent waits.
    Wait,
}

/// Who deletes what a dependent owns by ownerReferences, and when.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Propagation {
    /// The garbage collector, after the dependent has gone.
    #[default]
    Background,
    /// The garbage collector, before the dependent goes. Slow, and without end where no garbage
    /// collector runs.
    Foreground,
}

/// Where dependents are looked for.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DependentScope {
    /// In all namespaces, and where they live in none.
    AllNamespaces,
    /// In the namespace of the parent.
    SameNamespace,
}

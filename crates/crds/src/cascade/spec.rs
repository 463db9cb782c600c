use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dependents::Stage;
use super::limits::Limits;
use super::parent::Parent;
use super::status::CascadeStatus;

/// When an object of the parent's kind is deleted: which objects go with it, stage by stage.
///
/// Cluster-scoped, so that it belongs to the platform's team: who can write in a namespace alone
/// can neither make one nor widen one.
///
/// ```
/// let cascade: rewitness_crds::Cascade = serde_json::from_value(serde_json::json!({
///     "apiVersion": "rewitness.dev/v1alpha1",
///     "kind": "Cascade",
///     "metadata": { "name": "project" },
///     "spec": {
///         "parent": { "apiVersion": "identity.example.com/v1", "kind": "Project" },
///         "stages": [{
///             "name": "workloads",
///             "dependents": [{
///                 "apiVersion": "compute.example.com/v1",
///                 "kind": "Cluster",
///                 "reference": { "label": "example.com/project" },
///             }],
///         }],
///     },
/// }))?;
/// assert_eq!(cascade.spec.mode, rewitness_crds::cascade::Mode::Plan);
/// assert_eq!(cascade.spec.limits.max_dependents, 100);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "rewitness.dev",
    version = "v1alpha1",
    kind = "Cascade",
    shortname = "casc",
    category = "rewitness",
    status = "CascadeStatus",
    derive = "PartialEq",
    doc = "When a parent is deleted: which objects that refer to it are deleted with it, in which order. \
           The parent goes only when they are gone.",
    validation = Rule::new("self.metadata.name.size() <= 63")
        .message("the name of a Cascade has at most 63 characters, because it becomes part of a finalizer"),
    printcolumn(name = "Mode", type_ = "string", json_path = ".spec.mode"),
    printcolumn(name = "Parent", type_ = "string", json_path = ".spec.parent.kind"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Held", type_ = "integer", json_path = ".status.counts.held"),
    printcolumn(name = "Blocked", type_ = "integer", json_path = ".status.counts.blocked"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        priority = 1
    ),
    printcolumn(name = "Last", type_ = "date", json_path = ".status.finished[0].at", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[schemars(description = "What is deleted with whom, and in which order.")]
#[x_kube(validation = Rule::new(
        "!has(self.parent.namespaces) || self.stages.all(s, s.dependents.all(d, \
         d.reference.value != 'Name' || !has(d.scope) || d.scope != 'AllNamespaces'))",
    )
    .message(
        "the parent lives in namespaces, so a label with its name alone does not say which parent is meant: \
         with scope: AllNamespaces set reference.value to UID or NamespacedName",
    ))]
pub struct CascadeSpec {
    /// Plan (default) reports what would be deleted and writes nothing. Enforce deletes.
    #[serde(default)]
    pub mode: Mode,
    /// Whose deletion it is about. Its kind cannot be changed: make another Cascade for another.
    #[x_kube(validation = Rule::new(
            "self.kind == oldSelf.kind && \
             (self.apiVersion.contains('/') ? self.apiVersion.split('/')[0] : '') == \
             (oldSelf.apiVersion.contains('/') ? oldSelf.apiVersion.split('/')[0] : '')",
        )
        .message("the group and the kind of the parent cannot be changed: make another Cascade"))]
    pub parent: Parent,
    /// What goes with it, in order: a stage begins when the one before it is empty.
    #[schemars(length(max = 16))]
    #[x_kube(validation = Rule::new("self.size() > 0").message("name at least one stage"))]
    #[x_kube(validation = Rule::new("self.all(s, self.exists_one(t, t.name == s.name))")
        .message("each stage needs a name of its own"))]
    pub stages: Vec<Stage>,
    /// What needs a person's confirmation.
    #[serde(default)]
    pub limits: Limits,
    /// While this is true, parents are held as usual, and no deletion begins, continues or ends. As in Job
    /// and CronJob.
    #[serde(default)]
    pub suspend: bool,
}

/// Whether deletions are made or only reported.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// What would be deleted is reported. Nothing but the status is written.
    #[default]
    Plan,
    /// Parents are held, and their dependents are deleted with them.
    Enforce,
}

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::dependents::Stage;
use super::limits::Limits;

/// The types of a Cascade's conditions.
pub mod condition {
    /// Whether the rule is in force as it is written.
    pub const READY: &str = "Ready";
    /// Whether the operator has the rights that the rule needs.
    pub const AUTHORIZED: &str = "Authorized";
    /// Whether every kind of the rule is served, listed and watched.
    pub const SYNCED: &str = "Synced";
    /// Whether the rule is suspended.
    pub const SUSPENDED: &str = "Suspended";
    /// Whether a deletion waits for a person's confirmation.
    pub const LIMIT_EXCEEDED: &str = "LimitExceeded";
    /// Whether a deletion waits for something that does not go by itself.
    pub const BLOCKED: &str = "Blocked";
}

/// What a Cascade has done, what it is about, and what it waits for. Every list is bounded.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct CascadeStatus {
    /// The generation of the rule that this status is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, Authorized, Synced, Suspended, LimitExceeded, Blocked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// How many parents there are, and how many of them are being deleted.
    pub counts: Counts,
    /// In mode Plan: what would be deleted if all parents were, approximately.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub planned: Option<Planned>,
    /// The parents that have been held the longest, and what they wait for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub held_parents: Vec<HeldParent>,
    /// The last deletions that were finished, the newest first. A note is made once the parent was
    /// let go: one that was let go just before the operator was killed is missing here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub finished: Vec<FinishedCascade>,
    /// How many deletions were begun of late, for `maxPerHour`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub hour: Vec<HourBucket>,
    /// The last revisions of the rule, the newest first. A deletion ends with the one that it began
    /// with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub revisions: Vec<Revision>,
}

/// How many parents there are.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct Counts {
    /// Objects that the rule is about.
    #[schemars(with = "i64")]
    pub parents: u64,
    /// Those that are being deleted, and held.
    #[schemars(with = "i64")]
    pub held: u64,
    /// Those of the held that wait for something that does not go by itself.
    #[schemars(with = "i64")]
    pub blocked: u64,
    /// Those whose name or reference is too long for a label's value: they can have no dependents.
    #[schemars(with = "i64")]
    pub unreferable: u64,
}

/// What refers to the parents that there are, counted from watches: approximate, and some seconds
/// old. The exact list is made when a parent is deleted.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    /// When it was counted.
    #[schemars(with = "Time")]
    pub at: Timestamp,
    /// How many parents were asked about.
    #[schemars(with = "i64")]
    pub parents: u64,
    /// How many of them have more dependents than `maxDependents`, and would need a confirmation.
    #[schemars(with = "i64")]
    pub over_limit: u64,
    /// What each stage would delete, or wait for.
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub stages: Vec<PlannedStage>,
}

/// What one stage would delete, or wait for.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct PlannedStage {
    /// The stage's name.
    pub name: String,
    /// By kind, as the rule has them.
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub dependents: Vec<PlannedDependents>,
}

/// Dependents of one kind, of all parents together.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PlannedDependents {
    /// Their kind, with its group.
    pub kind: String,
    /// How many, approximately; absent while that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i64>")]
    pub approximate_count: Option<u64>,
    /// The newest version of any object of the kind that was counted, at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_version: Option<String>,
}

/// A parent that is being deleted.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct HeldParent {
    /// Its namespace, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Since when it is being deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub since: Option<Timestamp>,
    /// The stage that the deletion is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// Why it does not go on, from a fixed set of words.
    pub reason: String,
    /// The same for people, with what they can do.
    pub message: String,
    /// What is left, by kind and cause.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits_for: Vec<Remaining>,
    /// What waits for a person's confirmation, as the operator has listed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unconfirmed: Option<Unconfirmed>,
    /// What a person has confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmation: Option<Confirmation>,
}

/// Dependents that are left, of one kind and for one cause.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Remaining {
    /// Their kind, with its group.
    pub kind: String,
    /// How many.
    #[schemars(with = "i64")]
    pub count: u64,
    /// Why they are left, from a fixed set of words.
    pub cause: String,
    /// The same for people: whose finalizer it is, what a webhook said, which right is missing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Since when the first of them is being deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Time>")]
    pub since: Option<Timestamp>,
    /// Some of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
}

/// A plan that waits for a person's confirmation.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Unconfirmed {
    /// Its hash: the value of the annotation that confirms it.
    pub hash: String,
    /// How many deletions it is, with those that were made already.
    #[schemars(with = "i64")]
    pub count: u64,
}

/// A person's confirmation of a plan, as it was found on the parent and is kept in its record.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Confirmation {
    /// The hash of the plan.
    pub hash: String,
    /// How many deletions it allows, over the whole deletion of the parent.
    #[schemars(with = "i64")]
    pub count: u64,
    /// When it was found.
    #[schemars(with = "Time")]
    pub at: Timestamp,
}

/// A deletion that is over, for audits.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct FinishedCascade {
    /// The parent's namespace, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The parent's name.
    pub name: String,
    /// The parent's uid.
    pub uid: String,
    /// When our finalizer was removed.
    #[schemars(with = "Time")]
    pub at: Timestamp,
    /// How many dependents were to be deleted, as was recorded before they were; absent if none
    /// were. Others may have deleted some of them, or made them refer to something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i64>")]
    pub authorised: Option<u64>,
    /// How many of them are known to have been deleted by the Cascade, in each stage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageCount>,
}

/// How many dependents were deleted in a stage, at least: a delete is counted after it was answered,
/// so that one whose answer was lost, or after which the operator was killed, is not.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct StageCount {
    /// The stage's name.
    pub name: String,
    /// How many, at least.
    #[schemars(with = "i64")]
    pub deleted: u64,
}

/// How many deletions were begun in five minutes.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct HourBucket {
    /// When the five minutes began.
    #[schemars(with = "Time")]
    pub at: Timestamp,
    /// How many.
    #[schemars(with = "i64")]
    pub count: u64,
}

/// What a rule said at some time, as far as deletions that have begun with it go by it.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// Its name: a hash of its content.
    pub hash: String,
    /// The generation in which the rule said it first.
    pub generation: i64,
    /// The stages.
    #[schemars(schema_with = "as_written")]
    pub stages: Vec<Stage>,
    /// The limits.
    pub limits: Limits,
}

/// Stages that were checked when the rule was written. They are not checked again here: it would
/// cost the API server as much each time, and rules that became stricter since must not make what
/// is recorded invalid.
fn as_written(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "x-kubernetes-list-type": "atomic",
        "items": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
    })
}

/// Only for schemas: a time as Kubernetes' API writes it.
type Time = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

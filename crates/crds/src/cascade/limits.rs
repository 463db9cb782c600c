use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many deletions are made without asking. Above, nothing is deleted until the parent carries
/// the annotation `confirm.rewitness.dev/<cascade>` with the hash of the plan.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// The most dependents of one parent, in all stages together.
    #[serde(default = "max_dependents")]
    #[schemars(with = "i32", range(min = 0))]
    pub max_dependents: u32,
    /// The most dependents in one hour, of all parents together; counted when a parent's deletion
    /// begins.
    #[serde(default = "max_per_hour")]
    #[schemars(with = "i32", range(min = 0))]
    pub max_per_hour: u32,
}

fn max_dependents() -> u32 {
    100
}

fn max_per_hour() -> u32 {
    5000
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_dependents: max_dependents(), max_per_hour: max_per_hour() }
    }
}

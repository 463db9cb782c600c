use std::collections::BTreeMap;

use rewitness_crds::cascade::{Confirmation, record_annotation};
use rewitness_messaging::{Timestamp, Uid};
use serde::{Deserialize, Serialize};

use super::dependent::LiveParent;

/// What is remembered of a deletion that has begun, in an annotation of the parent itself: it is
/// there as long as the parent, written before the first effect, and read again after a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ParentRecord {
    /// Whose it is. Annotations are copied, by backups and by `kubectl get -o yaml`; a record that
    /// came from another object authorises nothing.
    pub(crate) uid: Uid,
    /// What the deletion goes by.
    pub(crate) revision: String,
    pub(crate) began: Timestamp,
    /// How many dependents, deleted and left, the deletion was last authorised for.
    pub(crate) total: u64,
    /// When the youngest of those was created, by the API server's clock alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) newest: Option<Timestamp>,
    /// How many were deleted, by stage.
    #[serde(default)]
    pub(crate) deleted: BTreeMap<String, u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) confirmed: Option<Confirmation>,
}

impl ParentRecord {
    /// The record of a parent's deletion by a Cascade, if it has begun. One that cannot be read is
    /// as good as none: what follows is the question whether the deletion may begin.
    pub(crate) fn of(parent: &LiveParent, cascade: &str) -> Option<Self> {
        let text = parent.annotations.get(&record_annotation(cascade))?;
        let record: Self = serde_json::from_str(text).ok()?;
        (record.uid == parent.id.uid).then_some(record)
    }

    /// How many were deleted, in all stages.
    pub(crate) fn deleted(&self) -> u64 {
        self.deleted.values().sum()
    }
}

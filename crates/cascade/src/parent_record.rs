use std::collections::BTreeMap;

use rewitness_crds::cascade::{Confirmation, record_annotation};
use rewitness_messaging::{Timestamp, Uid};
use serde::{Deserialize, Serialize};

use super::dependent::LiveParent;

/// The schema of a time ends with the year 9999.
const YEAR_10000: i64 = 253_402_300_800;

const LONGEST_HASH: usize = 64;

/// The most that a Cascade may have.
const STAGES: usize = 16;

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
        (record.uid == parent.id.uid && record.is_plausible()).then_some(record)
    }

    /// Whether the operator could have written it. Whoever may edit the parent can write anything, which the
    /// status of the Cascade, where it is shown, would not take.
    fn is_plausible(&self) -> bool {
        let is_count = |count: u64| u32::try_from(count).is_ok();
        let is_time = |time: Timestamp| (0..YEAR_10000).contains(&time.as_second());
        let is_confirmation =
            |one: &Confirmation| is_count(one.count) && is_time(one.at) && one.hash.len() <= LONGEST_HASH;
        is_count(self.total)
            && is_time(self.began)
            && self.newest.is_none_or(is_time)
            && self.revision.len() <= LONGEST_HASH
            && self.deleted.len() <= STAGES
            && self.deleted.iter().all(|(stage, count)| stage.len() <= 63 && is_count(*count))
            && self.confirmed.as_ref().is_none_or(is_confirmation)
    }

    /// How many were deleted, in all stages.
    pub(crate) fn deleted(&self) -> u64 {
        self.deleted.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::parent;

    fn record(more: &Value) -> Option<ParentRecord> {
        let mut record = json!({ "uid": "p", "revision": "r1", "began": "2026-01-01T00:00:00Z", "total": 3 });
        for (field, value) in more.as_object().unwrap() {
            record[field] = value.clone();
        }
        let mut parent = parent("p");
        parent.annotations.insert(record_annotation("project"), record.to_string());
        ParentRecord::of(&parent, "project")
    }

    /// Each of these would make the status of the Cascade one that the server refuses, and with it the
    /// deletions of everybody else.
    #[test]
    fn c14_a_record_that_no_operator_wrote_is_none() {
        assert!(record(&json!({})).is_some());
        let confirmed =
            |count: u64, at: &str| json!({ "confirmed": { "hash": "h", "count": count, "at": at } });
        assert!(record(&confirmed(3, "2026-01-01T00:00:00Z")).is_some());
        for more in [
            json!({ "total": 1u64 << 63 }),
            json!({ "began": "-000001-01-01T00:00:00Z" }),
            json!({ "newest": "-000001-01-01T00:00:00Z" }),
            json!({ "deleted": { "s": u64::MAX, "t": u64::MAX } }),
            json!({ "deleted": (0..17).map(|at| (format!("s{at}"), 1)).collect::<BTreeMap<_, _>>() }),
            json!({ "deleted": { "s".repeat(64): 1 } }),
            json!({ "revision": "r".repeat(65) }),
            confirmed(1 << 63, "2026-01-01T00:00:00Z"),
            confirmed(3, "-000001-01-01T00:00:00Z"),
            json!({ "confirmed": { "hash": "h".repeat(65), "count": 3, "at": "2026-01-01T00:00:00Z" } }),
        ] {
            assert_eq!(record(&more), None, "{more}");
        }
    }
}

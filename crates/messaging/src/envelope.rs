use serde::{Deserialize, Serialize};

use crate::ResourceId;

/// A point in time; in JSON as RFC 3339 has it.
pub type Timestamp = jiff::Timestamp;

/// What is handed over: a resource's identity and its deletion timestamp, nothing more.
///
/// The timestamp routes (promise Q3): `None` is a live resource, `Some` one whose clean-up is due.
/// The envelope carries no copy of the resource, because a copy is stale the moment it is made;
/// a consumer reads what it needs from the system of record.
///
/// ```
/// use rewitness_messaging::{Envelope, Kind, ResourceId};
///
/// let resource = ResourceId {
///     kind: Kind::new("example.com", "Widget"),
///     namespace: Some("team-a".into()),
///     name: "web".into(),
///     uid: "0e4e3b1c-8f4f-4c55-9f0a-0123456789ab".into(),
/// };
/// let live = Envelope { resource, deletion_timestamp: None };
/// assert!(!live.is_deleting());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// Whose lifecycle it is.
    pub resource: ResourceId,
    /// Since when the resource is being deleted, or `None` while it is live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_timestamp: Option<Timestamp>,
}

impl Envelope {
    /// Whether clean-up is due.
    pub fn is_deleting(&self) -> bool {
        self.deletion_timestamp.is_some()
    }
}

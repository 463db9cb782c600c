//! Values for the tests of this module.

use rewitness_messaging::{Kind, ResourceId, Timestamp};

use super::dependent::{Dependent, LiveParent};

pub(crate) fn time(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// A parent with this name and uid that is being deleted, and held by the Cascade `project`.
pub(crate) fn parent(uid: &str) -> LiveParent {
    LiveParent {
        id: ResourceId {
            kind: Kind::new("example.com", "Project"),
            namespace: None,
            name: uid.into(),
            uid: uid.into(),
        },
        version: "1".to_owned(),
        deleting: Some(time(0).to_string()),
        finalizers: vec!["cascade.rewitness.dev/project".to_owned()],
        annotations: Default::default(),
    }
}

/// A live dependent with this name and uid.
pub(crate) fn dependent(uid: &str) -> Dependent {
    Dependent {
        id: ResourceId {
            kind: Kind::new("example.com", "Cluster"),
            namespace: Some("team-a".into()),
            name: uid.into(),
            uid: uid.into(),
        },
        version: "7".to_owned(),
        created: Some(time(-100)),
        deleting: None,
        finalizers: Vec::new(),
    }
}

use std::collections::BTreeMap;

use rewitness_messaging::{Timestamp, Uid};
use serde::Deserialize;

/// What is read of an object, or of anything else that has metadata.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Object {
    pub(crate) metadata: Metadata,
}

/// What is read of an object's metadata.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metadata {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) namespace: Option<String>,
    pub(crate) uid: Uid,
    /// As text: it is opaque, and goes back to the server as it came.
    pub(crate) resource_version: String,
    #[serde(default)]
    pub(crate) creation_timestamp: Option<Timestamp>,
    #[serde(default)]
    pub(crate) deletion_timestamp: Option<String>,
    #[serde(default)]
    pub(crate) finalizers: Vec<String>,
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) annotations: BTreeMap<String, String>,
}

/// A page of a list of `T`.
#[derive(Debug, Deserialize)]
pub(crate) struct LivePage<T> {
    #[serde(default)]
    pub(crate) metadata: PageMetadata,
    // Go writes an empty list as null now and then.
    pub(crate) items: Option<Vec<T>>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct PageMetadata {
    #[serde(default, rename = "continue")]
    pub(crate) continue_token: String,
}

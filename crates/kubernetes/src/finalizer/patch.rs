//! The documents: JSON patches (RFC 6902) as functions of what was seen.

use rewitness_messaging::Version;
use serde::Serialize;
use serde_json::{Value, json};

use crate::call::{ApiError, Metadata};
use crate::wire::decode_metadata;

/// What a patch is made from, and tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) uid: String,
    /// As the server wrote it: it is compared as text.
    pub(super) deletion_timestamp: Option<String>,
    /// `None` if the resource has no list at all.
    pub(super) finalizers: Option<Vec<String>>,
    /// The version, if the patch is to be refused for any other.
    pub(super) pinned: Option<String>,
}

#[derive(Serialize)]
struct Operation<'a> {
    op: &'static str,
    path: &'static str,
    value: &'a Value,
}

impl Seen {
    pub(super) fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let Metadata { uid, deleting, finalizers, version, .. } = decode_metadata(body)?;
        Ok(Self { uid: uid.to_string(), deletion_timestamp: deleting, finalizers, pinned: Some(version) })
    }

    /// The same, for a patch that may be applied to a later version.
    pub(super) fn unpinned(self) -> Self {
        Self { pinned: None, ..self }
    }

    pub(super) fn is_deleting(&self) -> bool {
        self.deletion_timestamp.is_some()
    }

    /// Whether it was at this version.
    pub(super) fn is_at(&self, version: Version) -> bool {
        self.pinned.as_deref().map(Version::parse) == Some(version)
    }

    pub(super) fn has(&self, finalizer: &str) -> bool {
        self.finalizers.iter().flatten().any(|one| one == finalizer)
    }

    /// A patch that puts on what is missing and takes off what is there, or `None` if there is
    /// nothing to do. The others keep their places; what is new comes last.
    ///
    /// It tests all that it was made from: the uid, whether the resource is being deleted, and the
    /// whole list, for which `null` stands when there is none.
    pub(super) fn change(&self, add: &[impl AsRef<str>], remove: &[impl AsRef<str>]) -> Option<Value> {
        let mut wanted: Vec<&str> = self.finalizers.iter().flatten().map(String::as_str).collect();
        let before = wanted.clone();
        wanted.retain(|one| !remove.iter().any(|removed| removed.as_ref() == *one));
        for added in add.iter().map(AsRef::as_ref) {
            if !wanted.contains(&added) {
                wanted.push(added);
            }
        }
        if wanted == before {
            return None;
        }
        let operation = |op, path, value| Operation { op, path, value };
        let (uid, deletion) = (json!(self.uid), json!(self.deletion_timestamp));
        let (seen, wanted) = (json!(self.finalizers), json!(wanted));
        let version = self.pinned.as_ref().map(|version| json!(version));
        let pin = version.iter().map(|version| operation("test", "/metadata/resourceVersion", version));
        let operations = [
            operation("test", "/metadata/uid", &uid),
            operation("test", "/metadata/deletionTimestamp", &deletion),
            operation("test", "/metadata/finalizers", &seen),
            // `add` of a member that is there replaces it (RFC 6902, 4.1).
            operation("add", "/metadata/finalizers", &wanted),
        ];
        let operations: Vec<Operation<'_>> = pin.chain(operations).collect();
        // Values of these types always serialize.
        serde_json::to_value(&operations).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(finalizers: Option<&[&str]>, deletion: Option<&str>) -> Seen {
        Seen {
            uid: "u1".to_owned(),
            deletion_timestamp: deletion.map(str::to_owned),
            finalizers: finalizers.map(|list| list.iter().map(|one| (*one).to_owned()).collect()),
            pinned: None,
        }
    }

    #[test]
    fn a_patch_tests_all_that_it_was_made_from() {
        let none: [&str; 0] = [];
        for (seen, add, remove, expected) in [
            (seen(None, None), &["x/a"][..], &none[..], Some((json!(null), json!(null), json!(["x/a"])))),
            (seen(Some(&[]), None), &["x/a"], &none, Some((json!(null), json!([]), json!(["x/a"])))),
            (
                seen(Some(&["foreign", "x/b", "last"]), None),
                &["x/a", "x/b"],
                &["x/c", "foreign/not"],
                Some((
                    json!(null),
                    json!(["foreign", "x/b", "last"]),
                    json!(["foreign", "x/b", "last", "x/a"]),
                )),
            ),
            (
                seen(Some(&["foreign", "x/a", "last"]), Some("2026-11-21T10:00:00Z")),
                &none,
                &["x/a"],
                Some((
                    json!("2026-11-21T10:00:00Z"),
                    json!(["foreign", "x/a", "last"]),
                    json!(["foreign", "last"]),
                )),
            ),
            (seen(Some(&["x/a"]), Some("t")), &none, &["x/a"], Some((json!("t"), json!(["x/a"]), json!([])))),
            (seen(Some(&["x/a"]), None), &["x/a"], &["x/b"], None),
            (seen(None, None), &none, &["x/b"], None),
        ] {
            let patch = seen.change(add, remove);
            let expected = expected.map(|(deletion, list, wanted)| {
                json!([
                    {"op": "test", "path": "/metadata/uid", "value": "u1"},
                    {"op": "test", "path": "/metadata/deletionTimestamp", "value": deletion},
                    {"op": "test", "path": "/metadata/finalizers", "value": list},
                    {"op": "add", "path": "/metadata/finalizers", "value": wanted},
                ])
            });
            assert_eq!(patch, expected, "{seen:?} + {add:?} - {remove:?}");
        }
    }
}

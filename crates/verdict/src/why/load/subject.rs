//! An object's metadata, as facts.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use rewitness_messaging::{Kind, Uid};
use serde_json::Value;

use crate::object;
use crate::why::facts::{Subject, Writer};

pub(super) fn of(metadata: &ObjectMeta, kind: &Kind) -> Subject {
    let owners = metadata.owner_references.iter().flatten();
    let blocked = owners.filter(|owner| owner.block_owner_deletion == Some(true));
    Subject {
        id: object::id(kind, metadata),
        deleting: metadata.deletion_timestamp.as_ref().map(|time| time.0),
        grace_seconds: metadata.deletion_grace_period_seconds.unwrap_or_default(),
        finalizers: metadata.finalizers.clone().unwrap_or_default(),
        labels: metadata.labels.clone().unwrap_or_default(),
        blocks: blocked.map(|owner| Uid::new(&owner.uid)).collect(),
        writers: writers(metadata.managed_fields.as_deref().unwrap_or_default()),
    }
}

/// Who put each finalizer there: the server notes it by the set of fields that each manager owns
/// (`f:metadata` → `f:finalizers` → `v:"name"`).
fn writers(entries: &[ManagedFieldsEntry]) -> BTreeMap<String, Writer> {
    let mut writers = BTreeMap::new();
    // The server calls whoever did not say its name `unknown`.
    let named = |entry: &&ManagedFieldsEntry| entry.manager.as_deref().is_some_and(|name| name != "unknown");
    for entry in entries.iter().filter(named) {
        let fields = entry.fields_v1.as_ref().map(|fields| &fields.0);
        let finalizers = fields.and_then(|fields| fields.pointer("/f:metadata/f:finalizers"));
        let Some(Value::Object(finalizers)) = finalizers else { continue };
        let named =
            finalizers.keys().filter_map(|key| serde_json::from_str::<String>(key.strip_prefix("v:")?).ok());
        for finalizer in named {
            let manager = entry.manager.clone().unwrap_or_default();
            writers.insert(finalizer, Writer { manager, at: entry.time.as_ref().map(|time| time.0) });
        }
    }
    writers
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_server_notes_who_put_a_finalizer_there() {
        let metadata: ObjectMeta = serde_json::from_value(json!({
            "name": "web", "finalizers": ["x/y", "z"],
            "managedFields": [
                { "manager": "backup-operator", "time": "2026-01-02T03:04:05Z", "fieldsType": "FieldsV1",
                  "fieldsV1": { "f:metadata": { "f:finalizers": { ".": {}, "v:\"x/y\"": {} } } } },
                { "manager": "unknown", "fieldsV1": { "f:metadata": { "f:finalizers": { "v:\"z\"": {} } } } },
                { "manager": "kubectl", "fieldsV1": { "f:metadata": { "f:labels": {} } } },
            ],
        }))
        .unwrap();
        let subject = of(&metadata, &Kind::new("", "ConfigMap"));
        assert_eq!(subject.writers["x/y"].manager, "backup-operator");
        assert_eq!(subject.writers.len(), 1);
    }
}

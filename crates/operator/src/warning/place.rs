//! Where one of the two objects is kept at the server: put there, mended, and taken away.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, Preconditions};
use kube::{Api, Client};
use rewitness_crds::{FIELD_MANAGER, GROUP};
use serde_json::{Value, json};

use super::failure::Failure;
use super::objects::MANAGED_BY;

/// The place of an object that belongs to a Cascade.
pub(super) struct Place<'a> {
    api: Api<DynamicObject>,
    plural: &'static str,
    name: String,
    cascade: &'a str,
    uid: &'a str,
}

/// What narrows what is warned of, or makes it depend on something else, wherever it stands in a spec:
/// whoever adds it makes another warning. The server fills in none of them but as empty.
const NARROWING: [&str; 7] = [
    "excludeResourceRules",
    "matchExpressions",
    "matchLabels",
    "matchResources",
    "paramKind",
    "paramRef",
    "resourceNames",
];

impl<'a> Place<'a> {
    pub(super) fn new(
        client: &Client,
        resource: &ApiResource,
        plural: &'static str,
        cascade: &'a str,
        uid: &'a str,
    ) -> Self {
        let api = Api::all_with(client.clone(), resource);
        Self { api, plural, name: rewitness_crds::cascade::warning_policy(cascade), cascade, uid }
    }

    /// Sees to it that the object is there, as it is wanted. Whether anything had to be written.
    pub(super) async fn put(&self, wanted: &Value) -> Result<bool, Failure> {
        let Some(found) = self.read().await? else {
            self.apply(wanted, None).await?;
            return Ok(true);
        };
        // One that was made for an earlier Cascade of this name is ours too.
        if !self.is_made_for(&found, |_| true) {
            return Err(Failure::NameTaken { plural: self.plural, name: self.name.clone() });
        }
        if is_as_wanted(&found, wanted) {
            return Ok(false);
        }
        match self.apply(wanted, Some(&found)).await {
            Ok(now) if is_as_wanted(&now, wanted) => {}
            // To lists of which others own a part ours are added, whatever that makes of them.
            Ok(now) => self.replace(&now, wanted).await?,
            Err(kube::Error::Api(answer)) if answer.code == 422 => self.replace(&found, wanted).await?,
            Err(error) => return Err(error.into()),
        }
        Ok(true)
    }

    /// Sees to it that the object is not there. Whether it was. One of another Cascade stays, also of one
    /// that has the name by now.
    pub(super) async fn clear(&self) -> Result<bool, Failure> {
        let found = self.read().await?.filter(|found| self.is_made_for(found, |owner| owner.uid == self.uid));
        let Some(found) = found else { return Ok(false) };
        self.delete(&found).await?;
        Ok(true)
    }

    async fn read(&self) -> Result<Option<DynamicObject>, Failure> {
        Ok(self.api.get_opt(&self.name).await?)
    }

    async fn replace(&self, found: &DynamicObject, wanted: &Value) -> Result<(), Failure> {
        self.delete(found).await?;
        self.apply(wanted, None).await?;
        Ok(())
    }

    /// Over what was found, exactly. Where nothing was, it gives way to whatever has come meanwhile.
    async fn apply(&self, wanted: &Value, over: Option<&DynamicObject>) -> kube::Result<DynamicObject> {
        let (mut object, mut params) = (wanted.clone(), PatchParams::apply(FIELD_MANAGER));
        if let Some(over) = over {
            object["metadata"]["uid"] = json!(over.metadata.uid);
            object["metadata"]["resourceVersion"] = json!(over.metadata.resource_version);
            params = params.force();
        }
        self.api.patch(&self.name, &params, &Patch::Apply(object)).await
    }

    async fn delete(&self, found: &DynamicObject) -> Result<(), Failure> {
        // An object that came without them is deleted by nobody: no object has an empty uid.
        let preconditions = Preconditions {
            uid: Some(found.metadata.uid.clone().unwrap_or_default()),
            resource_version: Some(found.metadata.resource_version.clone().unwrap_or_default()),
        };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        match self.api.delete(&self.name, &params).await {
            Err(kube::Error::Api(answer)) if answer.code == 404 => Ok(()),
            done => Ok(done.map(drop)?),
        }
    }

    /// Whether it was made for a Cascade of this name that owns it like this.
    fn is_made_for(&self, found: &DynamicObject, which: impl Fn(&OwnerReference) -> bool) -> bool {
        let is_labelled = found.metadata.labels.as_ref().and_then(|labels| labels.get(MANAGED_BY));
        let is_owned = found.metadata.owner_references.iter().flatten().any(|owner| {
            let group = owner.api_version.split('/').next();
            let is_named = group == Some(GROUP) && owner.kind == "Cascade" && owner.name == self.cascade;
            is_named && which(owner)
        });
        is_owned && is_labelled.is_some_and(|who| who == FIELD_MANAGER)
    }
}

/// Whether an object says what is wanted. What others have added beside it is theirs.
fn is_as_wanted(found: &DynamicObject, wanted: &Value) -> bool {
    let metadata = serde_json::to_value(&found.metadata).unwrap_or_default();
    let is_owned = metadata["ownerReferences"].as_array().is_some_and(|owners| {
        owners.iter().any(|owner| covers(owner, &wanted["metadata"]["ownerReferences"][0]))
    });
    is_owned
        && covers(&metadata["labels"], &wanted["metadata"]["labels"])
        && covers(&found.data["spec"], &wanted["spec"])
}

/// Whether a value has all that is wanted. Fields may be more, because servers that come later may
/// fill in some that are not known yet, unless they are known to narrow; the items of a list may not.
fn covers(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => {
            let narrows = |(key, value): (&String, &Value)| {
                NARROWING.contains(&&**key) && !wanted.contains_key(key) && !is_empty(value)
            };
            !found.iter().any(narrows)
                && wanted.iter().all(|(key, value)| found.get(key).is_some_and(|found| covers(found, value)))
        }
        (Value::Array(found), Value::Array(wanted)) => {
            found.len() == wanted.len()
                && found.iter().zip(wanted).all(|(found, wanted)| covers(found, wanted))
        }
        (found, wanted) => found == wanted,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::{Arc, Mutex};

    use http::{Request, Response};
    use kube::client::Body;
    use tower::service_fn;

    use super::*;

    fn nowhere() -> Client {
        Client::try_from(kube::Config::new("http://127.0.0.1:1".parse().unwrap())).unwrap()
    }

    fn place(client: Client, cascade: &str) -> Place<'_> {
        let resource =
            ApiResource::erase::<k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicy>(&());
        Place::new(&client, &resource, "validatingadmissionpolicies", cascade, "u1")
    }

    fn object(label: &str, kind: &str, owner: &str, uid: &str) -> DynamicObject {
        let object = json!({
            "metadata": {
                "name": "project.warn.rewitness.dev", "labels": { MANAGED_BY: label },
                "ownerReferences": [
                    { "apiVersion": "rewitness.dev/v1", "kind": kind, "name": owner, "uid": uid },
                ],
            },
        });
        serde_json::from_value(object).unwrap()
    }

    #[tokio::test]
    async fn what_was_made_for_a_cascade_of_the_name_is_ours_and_of_the_uid_is_taken_away() {
        let place = place(nowhere(), "project");
        for (object, is_ours, is_taken_away) in [
            (object("rewitness", "Cascade", "project", "u1"), true, true),
            (object("rewitness", "Cascade", "project", "u2"), true, false),
            (object("rewitness", "Cascade", "other", "u1"), false, false),
            (object("rewitness", "Project", "project", "u1"), false, false),
            (object("Helm", "Cascade", "project", "u1"), false, false),
        ] {
            let found = (
                place.is_made_for(&object, |_| true),
                place.is_made_for(&object, |owner| owner.uid == place.uid),
            );
            assert_eq!(found, (is_ours, is_taken_away), "{object:?}");
        }
    }

    #[test]
    fn fields_that_are_not_known_yet_are_no_difference_and_items_that_were_added_are() {
        let wanted = json!({ "actions": ["Warn"], "match": { "scope": "*" } });
        for (found, expected) in [
            (json!({ "actions": ["Warn"], "match": { "scope": "*", "new": 1 }, "newer": {} }), true),
            (json!({ "actions": ["Warn", "Audit"], "match": { "scope": "*" } }), false),
            (json!({ "actions": ["Warn"] }), false),
            (json!({ "actions": ["Warn"], "match": { "scope": "Cluster" } }), false),
        ] {
            assert_eq!(covers(&found, &wanted), expected, "{found}");
        }
    }

    #[test]
    fn what_narrows_the_warning_is_a_difference_unless_it_is_empty() {
        let wanted = json!({ "constraints": { "rules": [{ "scope": "*" }], "namespaceSelector": {} } });
        let found = |field: &str, value: Value, rule: Value, selector: Value| {
            json!({
                field: value,
                "constraints": { "rules": [rule], "namespaceSelector": selector, "excludeResourceRules": [] },
            })
        };
        let (rule, all) = (json!({ "scope": "*" }), json!({}));
        for (found, expected) in [
            (found("matchResources", json!({}), rule.clone(), all.clone()), true),
            (found("paramKind", json!(null), rule.clone(), all.clone()), true),
            (found("paramKind", json!({ "kind": "Disk" }), rule.clone(), all.clone()), false),
            (found("matchResources", json!({ "matchPolicy": "Exact" }), rule.clone(), all.clone()), false),
            (found("new", json!(1), json!({ "scope": "*", "resourceNames": ["a"] }), all), false),
            (found("new", json!(1), rule, json!({ "matchLabels": { "a": "b" } })), false),
        ] {
            assert_eq!(covers(&found, &wanted), expected, "{found}");
        }
    }

    /// No object has them empty, so that such a deletion conflicts.
    #[tokio::test]
    async fn an_object_that_came_without_uid_and_version_is_not_deleted_by_its_name_alone() {
        let sent = Arc::new(Mutex::new(Value::Null));
        let seen = sent.clone();
        let service = service_fn(move |request: Request<Body>| {
            let seen = seen.clone();
            async move {
                let body = request.into_body().collect_bytes().await.unwrap();
                *seen.lock().unwrap() = serde_json::from_slice(&body).unwrap();
                Ok::<_, Infallible>(Response::new(Body::from(b"{}".to_vec())))
            }
        });
        let place = place(Client::new(service, "default"), "project");
        let _ = place.delete(&serde_json::from_value(json!({ "metadata": {} })).unwrap()).await;
        let sent = sent.lock().unwrap();
        assert_eq!(sent["preconditions"], json!({ "uid": "", "resourceVersion": "" }), "{sent}");
    }
}

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kube::api::ObjectMeta;
use rewitness_messaging::{Consumer, Delivery, Failure, Kind, Outcome, Queue, ResourceId, State, Uid};
use serde::Deserialize;

use crate::Error;
use crate::call::{ApiError, Endpoint, Server};

/// The consumer of a kind of children: when one changes, or goes, its owners are reconciled again.
/// Made by [`Reconciler::owns`](super::Reconciler::owns).
///
/// # Caveats
///
/// - A delivery costs a `GET` of the child's metadata, so the right to `get` is needed.
/// - The subscription must be [`with_gone`](rewitness_messaging::Subscription::with_gone): a child that
///   has gone cannot be read, so its owners are remembered until then.
pub struct Owned<Q> {
    pub(super) server: Server,
    pub(super) endpoint: Endpoint,
    /// The kind of the owners, and the subscription to which they are delivered.
    pub(super) owner: Kind,
    pub(super) subscription: Arc<str>,
    pub(super) queue: Q,
    /// By child.
    pub(super) owners: Mutex<HashMap<Uid, Vec<Uid>>>,
}

#[derive(Deserialize)]
struct Child {
    metadata: ObjectMeta,
}

impl<Q: Queue> Owned<Q> {
    /// The owners that the child refers to now; none if it has gone, or its name is another's.
    async fn read(&self, child: &ResourceId) -> Result<Vec<Uid>, Error> {
        let request = self.endpoint.get(child.namespace.as_deref(), &child.name);
        let body = match self.server.bytes(request).await {
            Ok(body) => body,
            Err(ApiError::NoObject) => return Ok(Vec::new()),
            Err(error) => return Err(Error::Read { resource: Box::new(child.clone()), error }),
        };
        let Child { metadata } = serde_json::from_slice(&body)
            .map_err(|error| Error::Decode { what: child.to_string(), source: error.into() })?;
        Ok(owners(metadata, child, &self.owner))
    }

    /// Remembers whose child it is. Answers whose it was.
    fn remember(&self, child: &Uid, now: Vec<Uid>) -> Vec<Uid> {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        let before = if now.is_empty() { owners.remove(child) } else { owners.insert(child.clone(), now) };
        before.unwrap_or_default()
    }
}

fn owners(metadata: ObjectMeta, child: &ResourceId, kind: &Kind) -> Vec<Uid> {
    if metadata.uid.as_deref().map(Uid::new).as_ref() != Some(&child.uid) {
        return Vec::new();
    }
    let references = metadata.owner_references.unwrap_or_default().into_iter();
    let of_kind = references.filter(|owner| {
        let group = owner.api_version.split_once('/').map_or("", |(group, _)| group);
        *owner.kind == *kind.kind && *group == *kind.group
    });
    of_kind.map(|owner| Uid::new(&owner.uid)).collect()
}

impl<Q: Queue> Consumer for Owned<Q> {
    async fn consume(&self, delivery: Delivery) -> Result<Outcome, Failure> {
        let child = &delivery.envelope.resource;
        let now = match delivery.state {
            State::Gone => Vec::new(),
            State::Live | State::Deleting => self.read(child).await.map_err(Error::into_failure)?,
        };
        let before = self.remember(&child.uid, now.clone());
        // One that has changed hands concerns both.
        for owner in now.iter().chain(before.iter().filter(|owner| !now.contains(owner))) {
            self.queue.redeliver(&self.subscription, owner);
        }
        Ok(Outcome::Done)
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

    use super::*;

    #[test]
    fn the_owners_are_those_of_the_kind_that_this_very_child_refers_to() {
        let child = ResourceId {
            kind: Kind::new("", "Secret"),
            namespace: None,
            name: "child".into(),
            uid: "child".into(),
        };
        let owner = |api_version: &str, kind: &str, uid: &str| OwnerReference {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            uid: uid.to_owned(),
            ..OwnerReference::default()
        };
        let metadata = |uid: &str| ObjectMeta {
            uid: Some(uid.to_owned()),
            owner_references: Some(vec![
                owner("apps/v1", "Deployment", "one"),
                owner("example.com/v1", "Deployment", "of another group"),
                owner("v1", "Deployment", "of the core group"),
                owner("apps/v1", "ReplicaSet", "of another kind"),
                owner("apps/v1beta1", "Deployment", "two"),
            ]),
            ..ObjectMeta::default()
        };
        let deployment = Kind::new("apps", "Deployment");
        assert_eq!(owners(metadata("child"), &child, &deployment), ["one".into(), "two".into()]);
        assert!(owners(metadata("its namesake"), &child, &deployment).is_empty());
        assert!(owners(ObjectMeta::default(), &child, &deployment).is_empty());
    }
}

use std::sync::Arc;

use futures::stream::{self, StreamExt};
use rewitness_messaging::{Kind, ResourceId, Timestamp};

use super::dependent::{Dependent, Listing, LiveParent, Unlisted};
use super::reference::{Lookup, Scope, lookup};
use super::rule::{DependentKind, Revision};
use crate::Error;
use crate::api::{ApiError, Discovery, Endpoint, KindRef, Metadata, Server};

/// How many kinds are listed at a time for one parent.
pub(super) const LISTS: usize = 4;

/// Reads what a plan needs. Everything is read live: nothing that authorises a delete comes from a
/// cache.
pub(crate) struct Loader {
    pub(crate) discovery: Discovery,
}

impl Loader {
    pub(crate) fn server(&self) -> &Server {
        self.discovery.server()
    }

    /// Lists the dependents of a parent, of all stages: consistently, by pages, metadata only.
    /// Those that live in namespaces are looked for `within` these alone, if there are any.
    pub(crate) async fn listings(
        &self,
        revision: &Revision,
        parent: &ResourceId,
        within: Option<&[String]>,
    ) -> Vec<Listing> {
        let mut lists = Vec::new();
        for (stage, declared) in revision.stages.iter().enumerate() {
            for (index, declared) in declared.dependents.iter().enumerate() {
                let place = (stage, index);
                lists.push(async move {
                    Listing { place, found: self.dependents(declared, parent, within).await }
                });
            }
        }
        stream::iter(lists).buffered(LISTS).collect().await
    }

    async fn dependents(
        &self,
        declared: &DependentKind,
        parent: &ResourceId,
        within: Option<&[String]>,
    ) -> Result<Vec<Dependent>, Unlisted> {
        for last in [false, true] {
            let served = self.served(&declared.kind).await.map_err(unlisted)?;
            let endpoint = served.ok_or(Unlisted::NotServed)?;
            let scope = Scope::of(endpoint.namespaced);
            let Some(wanted) = lookup(declared, parent, scope).map_err(Unlisted::Unclear)? else {
                return Ok(Vec::new());
            };
            match self.list_places(&endpoint, declared, &wanted, within).await {
                // What was found out earlier is no longer so; look where it is served now.
                Err(ApiError::NoPath) if !last => self.discovery.forget(&declared.kind.kind),
                listed => return listed.map_err(unlisted),
            }
        }
        Err(Unlisted::NotServed)
    }

    /// Everything that is wanted, or what of it is in the places that are looked at.
    async fn list_places(
        &self,
        endpoint: &Endpoint,
        declared: &DependentKind,
        wanted: &Lookup,
        within: Option<&[String]>,
    ) -> Result<Vec<Dependent>, ApiError> {
        let selector = wanted.selector(declared);
        let list = |namespace| {
            let add = |all: &mut Vec<Dependent>, object: Result<Metadata, ApiError>| {
                let object = object?;
                let value = object.labels.get(declared.label.as_str());
                if value != Some(&wanted.value) {
                    return Err(mismatch(&object));
                }
                all.push(dependent(object, &declared.kind.kind));
                Ok(())
            };
            self.server().list(endpoint, namespace, &selector, add)
        };
        let Some(names) = within.filter(|_| endpoint.namespaced && wanted.namespace.is_none()) else {
            return list(wanted.namespace.as_deref()).await;
        };
        let mut dependents = Vec::new();
        for name in names {
            dependents.extend(list(Some(name)).await?);
        }
        Ok(dependents)
    }

    /// Where a kind is served; `None` if it is nowhere.
    pub(crate) async fn served(&self, kind: &KindRef) -> Result<Option<Arc<Endpoint>>, ApiError> {
        self.discovery.find(&kind.kind, Some(&kind.version)).await
    }

    /// Where a parent's kind is served.
    pub(crate) async fn endpoint(&self, kind: &KindRef, of: &ResourceId) -> Result<Arc<Endpoint>, Error> {
        let served = self.served(kind).await;
        let served = served.map_err(|error| Error::Discover { kind: kind.kind.clone(), error })?;
        served.ok_or_else(|| Error::NotServed { resource: of.clone() })
    }

    /// A parent as it is now, whatever uid it has; `None` if there is none of its name.
    pub(crate) async fn parent(
        &self,
        kind: &KindRef,
        delivered: &ResourceId,
    ) -> Result<Option<LiveParent>, Error> {
        let endpoint = self.endpoint(kind, delivered).await?;
        match self.server().metadata(endpoint.get(delivered.namespace.as_deref(), &delivered.name)).await {
            Ok(object) => Ok(Some(as_parent(object, &delivered.kind))),
            Err(ApiError::NoObject) => Ok(None),
            Err(error) => {
                if error == ApiError::NoPath {
                    self.discovery.forget(&kind.kind);
                }
                Err(Error::Read { resource: delivered.clone(), error })
            }
        }
    }

    /// Whether a kind itself is being removed: its definition is being deleted, and its objects
    /// with it.
    pub(crate) async fn is_being_removed(&self, kind: &KindRef, of: &ResourceId) -> Result<bool, Error> {
        // The group of a custom resource has a dot in it; groups without one are built in.
        if !kind.kind.group.contains('.') {
            return Ok(false);
        }
        let endpoint = self.endpoint(kind, of).await?;
        let definitions = Endpoint {
            group: "apiextensions.k8s.io".to_owned(),
            version: "v1".to_owned(),
            plural: "customresourcedefinitions".to_owned(),
            namespaced: false,
        };
        let name = format!("{}.{}", endpoint.plural, endpoint.group);
        match self.server().metadata(definitions.get(None, &name)).await {
            Ok(definition) => Ok(definition.deleting.is_some()),
            // Served by something else than a definition, or gone with all of its objects.
            Err(ApiError::NoObject | ApiError::NoPath) => Ok(false),
            Err(error) => Err(Error::ReadDefinition { kind: kind.kind.clone(), error }),
        }
    }
}

pub(super) fn unlisted(error: ApiError) -> Unlisted {
    match error {
        ApiError::Forbidden { message } => Unlisted::Forbidden { message },
        other => Unlisted::Failed { message: other.to_string() },
    }
}

/// A server that answers with an object that was not asked for knows no selectors, or hides labels;
/// nothing can be concluded from its lists, least of all that they are empty.
pub(super) fn mismatch(object: &Metadata) -> ApiError {
    ApiError::Unreadable { reason: format!("{} does not match the selector", object.name) }
}

pub(super) fn dependent(mut object: Metadata, kind: &Kind) -> Dependent {
    Dependent {
        deleting: object.deleting.as_deref().map(as_time),
        version: std::mem::take(&mut object.version),
        created: object.created,
        finalizers: object.finalizers.take().unwrap_or_default(),
        id: object.into_id(kind),
    }
}

pub(crate) fn as_parent(mut object: Metadata, kind: &Kind) -> LiveParent {
    LiveParent {
        version: std::mem::take(&mut object.version),
        deleting: object.deleting.take(),
        finalizers: object.finalizers.take().unwrap_or_default(),
        annotations: std::mem::take(&mut object.annotations),
        id: object.into_id(kind),
    }
}

/// A time that is there and cannot be read still says that the object is being deleted.
fn as_time(text: &str) -> Timestamp {
    text.parse().unwrap_or(Timestamp::UNIX_EPOCH)
}

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::stream::{self, StreamExt};
use kube::api::PropagationPolicy;
use rewitness_crds::cascade::{Propagation, record_annotation};
use rewitness_messaging::ResourceId;
use serde::de::IgnoredAny;
use serde_json::json;

use super::authority::Authority;
use super::dependent::{Dependent, LiveParent};
use super::limiter::Limiter;
use super::load::{Loader, as_parent};
use super::parent_record::ParentRecord;
use super::plan::Target;
use super::reference::{Lookup, Scope, lookup};
use super::rule::{Revision, Rule};
use super::wait_graph::Member;
use crate::Error;
use crate::api::{ApiError, Endpoint};

/// How often one object is asked about again because others keep changing it.
const CONTENTIONS: usize = 8;

/// How often one delete is sent again because the server is overloaded.
const OVERLOADS: usize = 5;

/// Does what a plan says.
pub(crate) struct Applier {
    pub(crate) loader: Arc<Loader>,
    pub(crate) limiter: Limiter,
    /// The most deletes in flight.
    pub(crate) concurrency: usize,
}

/// What became of a fan-out. That one fails stops no other.
#[derive(Debug, Default)]
pub(crate) struct FanOut {
    /// How many were deleted, by stage.
    pub(crate) deleted: BTreeMap<usize, u64>,
    pub(crate) failed: Vec<(Dependent, ApiError)>,
    /// Whether others wrote to one of them so often that it is to be listed again.
    pub(crate) contended: bool,
}

/// What became of one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// By us.
    Deleted,
    /// Not by us: it is gone or terminating, refers to another parent, or nothing is to be deleted any more.
    NotNeeded,
    /// Others wrote to it each time that it was about to be deleted.
    Contended,
}

impl Applier {
    /// Deletes targets in parallel, each by a call that names its uid and version, as long as the
    /// authority holds.
    pub(crate) async fn delete(
        &self,
        revision: &Revision,
        authority: &Authority<'_>,
        targets: Vec<Target>,
    ) -> FanOut {
        let deletes = targets.into_iter().map(|target| async move {
            let fate = self.delete_one(revision, authority, &target).await;
            (target, fate)
        });
        let mut fates = stream::iter(deletes).buffer_unordered(self.concurrency);
        let mut fan_out = FanOut::default();
        while let Some((target, fate)) = fates.next().await {
            match fate {
                Ok(Fate::Deleted) => *fan_out.deleted.entry(target.place.0).or_default() += 1,
                Ok(Fate::Contended) => fan_out.contended = true,
                Ok(Fate::NotNeeded) => {}
                Err(error) => fan_out.failed.push((target.dependent, error)),
            }
        }
        fan_out
    }

    async fn delete_one(
        &self,
        revision: &Revision,
        authority: &Authority<'_>,
        target: &Target,
    ) -> Result<Fate, ApiError> {
        let declared = &revision.stages[target.place.0].dependents[target.place.1];
        let id = &target.dependent.id;
        let endpoint = match self.loader.endpoint(&declared.kind, id).await {
            Ok(endpoint) => endpoint,
            Err(Error::Discover { error, .. }) => return Err(error),
            Err(_) => return Err(ApiError::NoPath),
        };
        let Ok(Some(wanted)) = lookup(declared, authority.parent, Scope::of(endpoint.namespaced)) else {
            return Ok(Fate::NotNeeded);
        };
        let (mut version, mut contentions, mut overloads) = (target.dependent.version.clone(), 0, 0);
        loop {
            let pass = self.limiter.enter().await;
            if !authority.holds().await {
                return Ok(Fate::NotNeeded);
            }
            let request = endpoint.delete(
                id.namespace.as_deref(),
                &id.name,
                &id.uid,
                &version,
                policy(target.propagation),
            );
            match self.loader.server().call::<IgnoredAny>(request).await {
                Ok(IgnoredAny) => {
                    pass.taken();
                    return Ok(Fate::Deleted);
                }
                Err(ApiError::NoObject) => return Ok(Fate::NotNeeded),
                Err(ApiError::Overloaded { after }) if overloads < OVERLOADS => {
                    pass.overloaded(after);
                    overloads += 1;
                }
                Err(ApiError::Conflict) => {
                    contentions += 1;
                    match self.version_to_delete(&endpoint, id, declared.label.as_str(), &wanted).await? {
                        None => return Ok(Fate::NotNeeded),
                        // Nobody has changed it, so the conflict has another reason.
                        Some(same) if same == version => return Err(ApiError::Conflict),
                        Some(_) if contentions > CONTENTIONS => return Ok(Fate::Contended),
                        Some(newer) => version = newer,
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The version of a target after a conflict; `None` if it need not be deleted any more.
    async fn version_to_delete(
        &self,
        endpoint: &Endpoint,
        id: &ResourceId,
        label: &str,
        wanted: &Lookup,
    ) -> Result<Option<String>, ApiError> {
        let request = endpoint.get(id.namespace.as_deref(), &id.name);
        let live = match self.loader.server().metadata(request).await {
            Ok(live) => live,
            Err(ApiError::NoObject) => return Ok(None),
            Err(error) => return Err(error),
        };
        let refers = live.labels.get(label) == Some(&wanted.value);
        let is_due = live.uid == id.uid && live.deleting.is_none() && refers;
        Ok(is_due.then_some(live.version))
    }

    /// Writes a deletion's record on its parent, and answers the parent as it is with it; `None` if
    /// the parent is another by now.
    ///
    /// The uid in the patch is a precondition: it cannot be changed, so a patch that names another
    /// is refused. The version is none, because a record must be written however often others write.
    pub(crate) async fn record(
        &self,
        rule: &Rule,
        parent: &LiveParent,
        record: &ParentRecord,
    ) -> Result<Option<LiveParent>, Error> {
        let id = &parent.id;
        let failed = |error| Error::Record { resource: id.clone(), error };
        let endpoint = self.loader.endpoint(&rule.parent, id).await?;
        let text = serde_json::to_string(record)
            .map_err(|error| failed(ApiError::Unreadable { reason: error.to_string() }))?;
        let patch = json!({
            "metadata": { "uid": id.uid, "annotations": { record_annotation(&rule.name): text } },
        });
        let request = endpoint.merge_patch(id.namespace.as_deref(), &id.name, &patch);
        match self.loader.server().metadata(request).await {
            Ok(object) => Ok(Some(as_parent(object, &id.kind))),
            Err(ApiError::NoObject | ApiError::Conflict) => Ok(None),
            // The uid cannot be changed; or the object is invalid by new rules of its schema, which
            // the next read tells apart.
            Err(error @ ApiError::Unprocessable { .. }) => {
                match self.loader.parent(&rule.parent, id).await? {
                    Some(live) if live.id.uid == id.uid => Err(failed(error)),
                    _ => Ok(None),
                }
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Whether all of these still wait as the graph said.
    pub(crate) async fn are_unchanged(&self, members: &[Member]) -> Result<bool, Error> {
        for member in members {
            let Some(live) = self.loader.parent(&member.kind, &member.id).await? else { return Ok(false) };
            let finalizers = live.finalizers.into_iter().collect();
            if live.id.uid != member.id.uid || live.deleting.is_none() || member.finalizers != finalizers {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn policy(propagation: Propagation) -> PropagationPolicy {
    match propagation {
        Propagation::Background => PropagationPolicy::Background,
        Propagation::Foreground => PropagationPolicy::Foreground,
    }
}

use std::collections::HashMap;

use futures::stream::{self, StreamExt};

use super::cascades::Cascades;
use super::dependent::{Dependent, Listing, LiveParent, Unlisted};
use super::hour::HourWindow;
use super::load::{LISTS, Loader, as_parent, dependent, mismatch, unlisted};
use super::parent_record::ParentRecord;
use super::preview::Preview;
use super::reference::{Scope, lookup};
use super::rule::{DependentKind, Revision, Rule};
use crate::Error;
use crate::api::{ApiError, Metadata};

/// Everything of one kind that refers to any parent by one label.
struct Referring {
    scope: Scope,
    by_value: HashMap<String, Vec<Dependent>>,
}

/// What refers to any parent, by the place of its kind in the revision.
type References = Vec<((usize, usize), Result<Referring, Unlisted>)>;

impl Cascades {
    /// As [`preview`](Self::preview), for each parent that the rule has, in the order of their names. Each kind is listed
    /// once, everywhere, so that a caller who may list it in some namespaces alone is told that it is
    /// not known.
    ///
    /// # Errors
    ///
    /// [`Error`] if the parents could not be listed.
    pub async fn previews(&self, rule: &Rule, hour: &HourWindow) -> Result<Vec<Preview>, Error> {
        let references = self.0.loader.references(&rule.current).await;
        let parents = self.0.loader.parents(rule).await?;
        let kind_removed = match parents.first() {
            Some(parent) => self.0.loader.is_being_removed(&rule.parent, &parent.id).await.ok(),
            None => None,
        };
        let mut previews = Vec::new();
        for parent in &parents {
            let record = ParentRecord::of(parent, &rule.name);
            if record.is_some_and(|record| record.revision != rule.current.hash) {
                // It goes by an earlier revision, which may have other kinds.
                previews.extend(self.preview(rule, hour, &parent.id).await?);
                continue;
            }
            let listings = listings(&references, &rule.current, parent);
            previews.push(self.foresee(rule, &rule.current, hour, parent, &listings, kind_removed));
        }
        Ok(previews)
    }
}

/// What of all that refers to this parent, as if it had been listed for it alone.
fn listings(references: &References, revision: &Revision, parent: &LiveParent) -> Vec<Listing> {
    let of = |(place, referring): &((usize, usize), Result<Referring, Unlisted>)| {
        let declared = &revision.stages[place.0].dependents[place.1];
        let found = referring.as_ref().map_err(Clone::clone).and_then(|referring| {
            let wanted = lookup(declared, &parent.id, referring.scope).map_err(Unlisted::Unclear)?;
            let Some(wanted) = wanted else { return Ok(Vec::new()) };
            let there = referring.by_value.get(&wanted.value).into_iter().flatten();
            let is_here =
                |one: &&Dependent| wanted.namespace.is_none() || one.id.namespace == wanted.namespace;
            Ok(there.filter(is_here).cloned().collect())
        });
        Listing { place: *place, found }
    };
    references.iter().map(of).collect()
}

impl Loader {
    /// The parents of a rule, in the order of their names.
    async fn parents(&self, rule: &Rule) -> Result<Vec<LiveParent>, Error> {
        let kind = &rule.parent.kind;
        let failed = |error| Error::ListParents { kind: kind.clone(), error };
        let served = self.served(&rule.parent).await.map_err(failed)?;
        let endpoint = served.ok_or_else(|| failed(ApiError::NoPath))?;
        let selector = rule.selector.to_string();
        let places = match rule.parent_namespaces() {
            Some(names) => names.into_iter().map(Some).collect(),
            None => vec![None],
        };
        let mut parents = Vec::new();
        for place in places {
            let add = |all: &mut Vec<LiveParent>, object: Result<Metadata, ApiError>| {
                all.push(as_parent(object?, kind));
                Ok(())
            };
            let found = self.server().list(&endpoint, place.as_deref(), &selector, add).await;
            parents.extend(found.map_err(failed)?);
        }
        parents.sort_unstable_by(|one, other| {
            (&one.id.namespace, &one.id.name).cmp(&(&other.id.namespace, &other.id.name))
        });
        Ok(parents)
    }

    async fn references(&self, revision: &Revision) -> References {
        let mut lists = Vec::new();
        for (stage, declared) in revision.stages.iter().enumerate() {
            for (index, declared) in declared.dependents.iter().enumerate() {
                lists.push(async move { ((stage, index), self.referring(declared).await) });
            }
        }
        stream::iter(lists).buffered(LISTS).collect().await
    }

    /// What has the label, whatever its value.
    async fn referring(&self, declared: &DependentKind) -> Result<Referring, Unlisted> {
        let served = self.served(&declared.kind).await.map_err(unlisted)?;
        let endpoint = served.ok_or(Unlisted::NotServed)?;
        let key = declared.label.as_str();
        let add = |by_value: &mut HashMap<String, Vec<Dependent>>, object: Result<Metadata, ApiError>| {
            let mut object = object?;
            let value = object.labels.remove(key).ok_or_else(|| mismatch(&object))?;
            by_value.entry(value).or_default().push(dependent(object, &declared.kind.kind));
            Ok(())
        };
        let by_value = match self.server().list(&endpoint, None, key, add).await {
            Err(ApiError::NoPath) => return Err(Unlisted::NotServed),
            listed => listed.map_err(unlisted)?,
        };
        Ok(Referring { scope: Scope::of(endpoint.namespaced), by_value })
    }
}

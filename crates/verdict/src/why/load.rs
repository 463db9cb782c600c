//! Reading what a verdict needs: live, with the caller's own rights, metadata only where that is
//! enough. A read that fails is kept as such.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::OptionFuture;
use futures::stream::{self, StreamExt};
use kube::Api;
use kube::api::ListParams;
use rewitness_cascade::{Cause, Found, HourWindow, Preview, Rule};
use rewitness_crds::Cascade;
use rewitness_crds::cascade as names;
use rewitness_messaging::{ResourceId, Timestamp, Uid};

use super::facts::{ApiServiceFacts, DefinitionFacts, Facts, Holding, NamespaceFacts, Subject};
use crate::read::{Read, Unread, is_not_found, read};

mod belonging;
mod content;
mod loader;
mod status;
mod subject;

pub(crate) use loader::Loader;

/// How many previews are made at a time.
const PREVIEWS: usize = 4;

/// How deep it is followed which parents wait for which.
const DEPTH: usize = 3;

/// How many parents are looked at besides the subject.
const DEEPER: usize = 12;

impl Loader<'_> {
    /// Everything that there is to know.
    pub(super) async fn facts(&self) -> Facts {
        let asked = self.asked.clone();
        let (subject, cascades) = futures::join!(self.subject(), self.cascades());
        let rules: Vec<(Rule, &Cascade)> = cascades
            .iter()
            .flatten()
            .filter_map(|cascade| Some((Rule::new(cascade).ok()?, cascade)))
            .collect();
        let found = subject.as_ref().ok().and_then(Option::as_ref);
        let deleting = found.filter(|subject| subject.deleting.is_some());
        let namespace = deleting.filter(|one| is(one, "", "Namespace"));
        let definition = deleting.filter(|one| is(one, "apiextensions.k8s.io", "CustomResourceDefinition"));
        let owner = deleting.filter(|one| one.finalizers.iter().any(|name| name == "foregroundDeletion"));
        let (holdings, belongings, namespace, definition, owned, events, unavailable) = futures::join!(
            OptionFuture::from(found.map(|one| self.holdings(one, &rules))),
            OptionFuture::from(found.map(|one| belonging::find(self, one, &rules))),
            OptionFuture::from(namespace.map(|one| self.namespace(&one.id.name))),
            OptionFuture::from(definition.map(|one| self.definition(&one.id.name))),
            OptionFuture::from(owner.map(|one| content::owned_by(self, one))),
            OptionFuture::from(deleting.map(|one| status::events(&self.link.client, &one.id))),
            self.unavailable(namespace.is_some()),
        );
        Facts {
            now: Timestamp::now(),
            asked,
            is_served: self.kind.is_ok(),
            holdings: holdings.unwrap_or_default(),
            belongings: belongings.unwrap_or_default(),
            namespace,
            definition,
            owned,
            events: events.unwrap_or_else(|| Ok(Vec::new())),
            unavailable,
            subject,
            cascades,
        }
    }

    async fn subject(&self) -> Read<Option<Subject>> {
        let asked = &self.asked;
        match &self.kind {
            Ok(kind) => self.get(kind, asked.namespace.as_deref(), &asked.name).await,
            Err(unknown) => {
                Err(Unread { what: format!("get {}", asked.kind), reason: Some(unknown.clone()) })
            }
        }
    }

    /// Every Cascade; none if the server does not serve them.
    async fn cascades(&self) -> Read<Vec<Cascade>> {
        let api: Api<Cascade> = Api::all(self.link.client.clone());
        match read("list cascades.rewitness.dev", api.list(&ListParams::default())).await {
            Ok(list) => Ok(list.items),
            Err(unread) if is_not_found(&unread) => Ok(Vec::new()),
            Err(unread) => Err(unread),
        }
    }

    /// The Cascades of which the subject is a parent, and of those parents that it waits for.
    async fn holdings(&self, subject: &Subject, rules: &[(Rule, &Cascade)]) -> BTreeMap<Uid, Vec<Holding>> {
        let of_subject = self.holdings_of(&subject.id, &subject.finalizers, &subject.labels, rules).await;
        let mut open = waited_for(&of_subject);
        let mut holdings = BTreeMap::from([(subject.id.uid.clone(), of_subject)]);
        for _ in 1..DEPTH {
            let mut seen: BTreeSet<Uid> = holdings.keys().cloned().collect();
            open.retain(|parent| seen.insert(parent.id.uid.clone()));
            open.truncate(DEEPER.saturating_sub(holdings.len()));
            let mut next: Vec<Found> = Vec::new();
            for parent in open {
                let found = self.holdings_of(&parent.id, &parent.finalizers, &BTreeMap::new(), rules).await;
                next.extend(waited_for(&found));
                holdings.insert(parent.id.uid, found);
            }
            open = next;
        }
        holdings
    }

    async fn holdings_of(
        &self,
        parent: &ResourceId,
        finalizers: &[String],
        labels: &BTreeMap<String, String>,
        rules: &[(Rule, &Cascade)],
    ) -> Vec<Holding> {
        let is_held = |name: &str| finalizers.contains(&names::finalizer(name));
        let is_of = |rule: &Rule| {
            let label = |key: &str| labels.get(key).map(String::as_str);
            *rule.parent_kind() == parent.kind
                && (is_held(rule.name()) || rule.is_parent(parent.namespace.as_deref(), label))
        };
        let of = rules.iter().filter(|(rule, _)| is_of(rule));
        let looks = of.map(|(rule, cascade)| async {
            Holding {
                cascade: rule.name().to_owned(),
                is_held: is_held(rule.name()),
                preview: self.preview(rule, cascade, parent).await,
            }
        });
        stream::iter(looks).buffered(PREVIEWS).collect().await
    }

    async fn preview(&self, rule: &Rule, cascade: &Cascade, parent: &ResourceId) -> Read<Preview> {
        let hour = cascade.status.as_ref().map(|status| status.hour.clone()).unwrap_or_default();
        let reason = match self.previews.preview(rule, &HourWindow::new(hour, Timestamp::now()), parent).await
        {
            Ok(Some(preview)) => return Ok(preview),
            Ok(None) => "it has just gone".to_owned(),
            Err(error) => error.to_string(),
        };
        Err(Unread { what: format!("read what refers to {}", parent.name), reason: Some(reason) })
    }

    async fn namespace(&self, name: &str) -> Read<NamespaceFacts> {
        let mut facts = status::namespace(&self.link.client, name).await?;
        facts.content = content::of_namespace(self, name).await;
        Ok(facts)
    }

    async fn definition(&self, name: &str) -> Read<DefinitionFacts> {
        let mut facts = status::definition(&self.link.client, name).await?;
        let Some(kind) = self.served.listed(&facts.defined) else {
            let what = format!("list {}", facts.defined);
            return Err(Unread { what, reason: Some("it is not served any more".to_owned()) });
        };
        facts.content = content::of_kinds(self, vec![kind.clone()], None, None).await;
        Ok(facts)
    }

    /// Where something that is not served keeps others up.
    async fn unavailable(&self, is_namespace: bool) -> Read<Vec<ApiServiceFacts>> {
        if self.kind.is_ok() && !is_namespace && self.served.broken.is_empty() {
            return Ok(Vec::new());
        }
        status::unavailable(&self.link.client).await
    }
}

/// Dependents that are parents of Cascades themselves, and held by them.
fn waited_for(holdings: &[Holding]) -> Vec<Found> {
    let previews = holdings.iter().filter_map(|holding| holding.preview.as_ref().ok());
    let stages = previews.filter_map(Preview::stage).flat_map(|stage| stage.dependents());
    let is_parent = |cause: &Cause| match cause {
        Cause::Cascading { .. } => true,
        Cause::Finalizers { finalizers } => finalizers.iter().any(|one| names::is_finalizer(one)),
        _ => false,
    };
    stages.filter(|found| is_parent(&found.cause)).cloned().collect()
}

fn is(subject: &Subject, group: &str, kind: &str) -> bool {
    *subject.id.kind.group == *group && *subject.id.kind.kind == *kind
}

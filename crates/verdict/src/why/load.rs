//! Reading what a verdict needs: live, with the caller's own rights, metadata only where that is
//! enough. A read that fails is kept as such.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt};
use kube::Api;
use kube::api::ListParams;
use rewitness_cascade::{Cause, HourWindow, Preview, Rule};
use rewitness_crds::Cascade;
use rewitness_crds::cascade as names;
use rewitness_messaging::{ResourceId, Timestamp, Uid};

use super::facts::{Belonging, Content, DefinitionFacts, Facts, Holding, NamespaceFacts, Subject};

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
        let asked = self.target.asked.clone();
        let (subject, cascades) = futures::join!(self.subject(), self.cascades());
        let rules: Vec<(Rule, &Cascade)> = cascades
            .iter()
            .flatten()
            .filter_map(|cascade| Some((Rule::new(cascade).ok()?, cascade)))
            .collect();
        let found = subject.as_ref().ok().and_then(Option::as_ref);
        let deleting = found.filter(|subject| subject.deleting.is_some());
        let (holdings, belongings, namespace, definition, owned, events, unavailable) = futures::join!(
            self.holdings(found, &rules),
            self.belongings(found, &rules),
            self.namespace(deleting),
            self.definition(deleting),
            self.owned(deleting),
            self.events(deleting),
            self.unavailable(deleting),
        );
        let is_served = self.target.kind.is_some();
        let now = Timestamp::now();
        Facts {
            now,
            asked,
            is_served,
            subject,
            holdings,
            belongings,
            namespace,
            definition,
            owned,
            events,
            unavailable,
            cascades,
        }
    }

    async fn subject(&self) -> Read<Option<Subject>> {
        let asked = &self.target.asked;
        let Some(kind) = &self.target.kind else {
            return Err(Unread { what: format!("get {}", asked.kind), reason: self.target.unknown.clone() });
        };
        self.get(kind, asked.namespace.as_deref(), &asked.name).await
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
    async fn holdings(
        &self,
        subject: Option<&Subject>,
        rules: &[(Rule, &Cascade)],
    ) -> BTreeMap<Uid, Vec<Holding>> {
        let mut holdings = BTreeMap::new();
        let Some(subject) = subject else { return holdings };
        let mut open = vec![subject.clone()];
        for _ in 0..DEPTH {
            let mut next: Vec<Subject> = Vec::new();
            for parent in open {
                let found = self.holdings_of(&parent, rules).await;
                next.extend(waited_for(&found));
                holdings.insert(parent.id.uid.clone(), found);
            }
            let mut seen: BTreeSet<Uid> = holdings.keys().cloned().collect();
            next.retain(|parent| seen.insert(parent.id.uid.clone()));
            next.truncate(DEEPER.saturating_sub(holdings.len()));
            open = next;
        }
        holdings
    }

    async fn holdings_of(&self, parent: &Subject, rules: &[(Rule, &Cascade)]) -> Vec<Holding> {
        let is_held = |name: &str| parent.finalizers.contains(&names::finalizer(name));
        let is_of = |rule: &Rule| {
            let namespace = parent.id.namespace.as_deref();
            *rule.parent_kind() == parent.id.kind
                && (is_held(rule.name()) || rule.is_parent(namespace, |key| parent.label(key)))
        };
        let of = rules.iter().filter(|(rule, _)| is_of(rule));
        let looks = of.map(|(rule, cascade)| async {
            Holding {
                cascade: rule.name().to_owned(),
                is_held: is_held(rule.name()),
                preview: self.preview(rule, cascade, &parent.id).await,
            }
        });
        stream::iter(looks).buffered(PREVIEWS).collect().await
    }

    async fn preview(&self, rule: &Rule, cascade: &Cascade, parent: &ResourceId) -> Option<Read<Preview>> {
        let hour = cascade.status.as_ref().map(|status| status.hour.clone()).unwrap_or_default();
        match self.previews.preview(rule, &HourWindow::new(hour), parent).await {
            Ok(preview) => preview.map(Ok),
            Err(error) => {
                let what = format!("read what refers to {}", parent.name);
                Some(Err(Unread { what, reason: Some(error.to_string()) }))
            }
        }
    }

    async fn belongings(&self, subject: Option<&Subject>, rules: &[(Rule, &Cascade)]) -> Vec<Belonging> {
        let Some(subject) = subject else { return Vec::new() };
        belonging::find(self, subject, rules).await
    }

    async fn namespace(&self, subject: Option<&Subject>) -> Option<Read<NamespaceFacts>> {
        let subject = subject.filter(|subject| is(subject, "", "Namespace"))?;
        let name = &*subject.id.name;
        Some(match status::namespace(&self.link.client, name).await {
            Ok(mut facts) => {
                facts.content = content::of_namespace(self, name).await;
                Ok(facts)
            }
            Err(unread) => Err(unread),
        })
    }

    async fn definition(&self, subject: Option<&Subject>) -> Option<Read<DefinitionFacts>> {
        let subject = subject.filter(|one| is(one, "apiextensions.k8s.io", "CustomResourceDefinition"))?;
        let mut facts = match status::definition(&self.link.client, &subject.id.name).await {
            Ok(facts) => facts,
            Err(unread) => return Some(Err(unread)),
        };
        let served = self.target.served(&facts.defined);
        let Some(kind) = served else {
            let what = format!("list {}", facts.defined);
            return Some(Err(Unread { what, reason: Some("it is not served any more".to_owned()) }));
        };
        facts.content = content::of_kinds(self, vec![kind.clone()], None, None).await;
        Some(Ok(facts))
    }

    /// What a deletion in the foreground waits for.
    async fn owned(&self, subject: Option<&Subject>) -> Option<Content> {
        let subject = subject?;
        let is_foreground = subject.finalizers.iter().any(|one| one == "foregroundDeletion");
        if !is_foreground {
            return None;
        }
        Some(content::owned_by(self, subject).await)
    }

    async fn events(&self, subject: Option<&Subject>) -> Read<Vec<super::facts::Event>> {
        let Some(subject) = subject else { return Ok(Vec::new()) };
        status::events(&self.link.client, &subject.id).await
    }

    /// Where something that is not served keeps others up.
    async fn unavailable(&self, subject: Option<&Subject>) -> Read<Vec<super::facts::ApiServiceFacts>> {
        let is_namespace = subject.is_some_and(|subject| is(subject, "", "Namespace"));
        if self.target.kind.is_some() && !is_namespace && self.target.broken.is_empty() {
            return Ok(Vec::new());
        }
        status::unavailable(&self.link.client).await
    }
}

/// Dependents that are parents of Cascades themselves, and held by them.
fn waited_for(holdings: &[Holding]) -> Vec<Subject> {
    let previews = holdings.iter().filter_map(|holding| holding.preview.as_ref()?.as_ref().ok());
    let stages = previews.filter_map(Preview::stage).flat_map(|stage| stage.dependents());
    let is_parent = |cause: &Cause| match cause {
        Cause::Cascading { .. } => true,
        Cause::Finalizers { finalizers } => finalizers.iter().any(|one| names::is_finalizer(one)),
        _ => false,
    };
    let parents = stages.filter(|found| is_parent(&found.cause));
    parents
        .map(|found| Subject {
            id: found.id.clone(),
            deleting: found.deleting,
            grace_seconds: 0,
            finalizers: found.finalizers.clone(),
            labels: BTreeMap::new(),
            blocks: Vec::new(),
            writers: BTreeMap::new(),
        })
        .collect()
}

fn is(subject: &Subject, group: &str, kind: &str) -> bool {
    *subject.id.kind.group == *group && *subject.id.kind.kind == *kind
}

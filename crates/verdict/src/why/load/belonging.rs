//! The parents that the subject refers to.

use std::ops::ControlFlow;

use futures::stream::{self, StreamExt};
use kube::api::ListParams;
use rewitness_cascade::{ParentReference, Rule};
use rewitness_crds::Cascade;
use rewitness_crds::cascade::ReferenceValue;
use rewitness_kubernetes::ResolvedKind;
use rewitness_messaging::Uid;

use super::loader::Loader;
use super::subject;
use crate::read::{Read, Unread, pages};
use crate::why::facts::{Belonging, Subject};

/// How many are read at a time.
const AT_A_TIME: usize = 4;

/// How many pages of parents are looked through for one that is known by its uid only.
const PAGES: usize = 20;

pub(super) async fn find(
    loader: &Loader<'_>,
    subject: &Subject,
    rules: &[(Rule, &Cascade)],
) -> Vec<Belonging> {
    let namespace = subject.id.namespace.as_deref();
    let references = rules.iter().flat_map(|(rule, _)| {
        let references = rule.parents_of(&subject.id.kind, namespace, |key| subject.label(key));
        references.into_iter().map(move |reference| (rule, reference))
    });
    let reads = references.map(|(rule, reference)| async move {
        let parent = parent(loader, rule, &reference).await;
        // The rule is about some parents of the kind only.
        let is_ours = parent.as_ref().ok().and_then(Option::as_ref).is_none_or(|parent| {
            parent.finalizers.iter().any(|one| one == rule.finalizer())
                || rule.is_parent(parent.id.namespace.as_deref(), |key| parent.label(key))
        });
        let parent_kind = rule.parent_kind().clone();
        is_ours.then(|| Belonging {
            cascade: rule.name().to_owned(),
            mode: rule.mode(),
            parent_kind,
            parent,
            reference,
        })
    });
    stream::iter(reads).buffered(AT_A_TIME).filter_map(async |found| found).collect().await
}

async fn parent(loader: &Loader<'_>, rule: &Rule, reference: &ParentReference) -> Read<Option<Subject>> {
    let Some(kind) = loader.served.listed(rule.parent_kind()) else {
        let reason = Some("the server does not serve it".to_owned());
        return Err(Unread { what: format!("read {}", rule.parent_kind()), reason });
    };
    if reference.referred == ReferenceValue::UID {
        return by_uid(loader, kind, &Uid::new(&reference.value)).await;
    }
    match reference.parent_name(kind.namespaced) {
        Some((namespace, name)) => loader.get(kind, namespace.as_deref(), &name).await,
        None => Ok(None),
    }
}

/// No server can be asked for a uid.
async fn by_uid(loader: &Loader<'_>, kind: &ResolvedKind, uid: &Uid) -> Read<Option<Subject>> {
    let (api, what) = (loader.api(kind, None), format!("list {kind}"));
    let list = async |params: &ListParams| api.list_metadata(params).await;
    let mut found = None;
    let ended = pages(&what, PAGES, ListParams::default(), list, |page| {
        let mut parents = page.items.iter().map(|object| subject::of(&object.metadata, &kind.kind));
        found = parents.find(|parent| parent.id.uid == *uid);
        if found.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if ended.await? || found.is_some() {
        return Ok(found);
    }
    Err(Unread { what, reason: Some("there are too many to find one by its uid".to_owned()) })
}

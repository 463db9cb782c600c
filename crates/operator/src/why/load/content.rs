//! What is left of some kinds.

use futures::stream::{self, StreamExt};
use kube::api::ListParams;
use rewitness_kubernetes::ResolvedKind;
use rewitness_messaging::Uid;

use super::read::{is_not_found, read};
use super::{Loader, place, subject};
use crate::why::facts::{Content, KindContent, Read, Subject, Unread};

/// How many kinds are listed at a time.
const AT_A_TIME: usize = 8;

/// How many objects of a kind are read; the server says how many more there are.
const PAGE: u32 = 500;

/// How many pages of a kind are looked through for what somebody owns.
const PAGES: usize = 20;

/// What is in a namespace that is being deleted. Events go with it, and hold nothing.
pub(super) async fn of_namespace(loader: &Loader<'_>, namespace: &str) -> Content {
    let is_event = |kind: &ResolvedKind| &*kind.kind.kind == "Event";
    let kinds = loader.target.served.iter().filter(|kind| kind.namespaced && !is_event(kind));
    of_kinds(loader, kinds.cloned().collect(), Some(namespace), None).await
}

/// What keeps a deletion in the foreground. An owner in a namespace owns only what is there.
pub(super) async fn owned_by(loader: &Loader<'_>, owner: &Subject) -> Content {
    let namespace = owner.id.namespace.as_deref();
    let kinds = loader.target.served.iter().filter(|kind| kind.namespaced || namespace.is_none());
    of_kinds(loader, kinds.cloned().collect(), namespace, Some(&owner.id.uid)).await
}

/// What there is of some kinds; of an owner, what keeps its deletion in the foreground.
pub(super) async fn of_kinds(
    loader: &Loader<'_>,
    kinds: Vec<ResolvedKind>,
    namespace: Option<&str>,
    owner: Option<&Uid>,
) -> Content {
    let lists = kinds.into_iter().map(|kind| async move {
        match owner {
            None => list(loader, &kind, namespace).await,
            Some(owner) => list_owned(loader, &kind, namespace, owner).await,
        }
    });
    let lists: Vec<Read<KindContent>> = stream::iter(lists).buffered(AT_A_TIME).collect().await;
    let mut content = Content::default();
    for list in lists {
        match list {
            Ok(kind) if kind.count == 0 => {}
            Ok(kind) => content.kinds.push(kind),
            // Its definition has gone since it was looked up.
            Err(unread) if is_not_found(&unread) => {}
            Err(unread) => content.unread.push(unread),
        }
    }
    content
}

async fn list(loader: &Loader<'_>, kind: &ResolvedKind, namespace: Option<&str>) -> Read<KindContent> {
    let what = format!("list {kind}{}", place(namespace));
    let params = ListParams::default().limit(PAGE);
    let page = read(&what, loader.api(kind, namespace).list_metadata(&params)).await?;
    let some: Vec<Subject> =
        page.items.iter().map(|object| subject::of(&object.metadata, &kind.kind)).collect();
    let more = page.metadata.remaining_item_count.and_then(|more| u64::try_from(more).ok());
    let count = some.len() as u64 + more.unwrap_or_default();
    Ok(KindContent { kind: kind.kind.clone(), count, some })
}

/// No server can be asked for what somebody owns, so all is looked through.
async fn list_owned(
    loader: &Loader<'_>,
    kind: &ResolvedKind,
    namespace: Option<&str>,
    owner: &Uid,
) -> Read<KindContent> {
    let (api, what) = (loader.api(kind, namespace), format!("list {kind}{}", place(namespace)));
    let (mut params, mut some) = (ListParams::default().limit(PAGE), Vec::new());
    for _ in 0..PAGES {
        let page = read(&what, api.list_metadata(&params)).await?;
        let objects = page.items.iter().map(|object| subject::of(&object.metadata, &kind.kind));
        some.extend(objects.filter(|object| object.blocks.contains(owner)));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(KindContent { kind: kind.kind.clone(), count: some.len() as u64, some }),
        }
    }
    Err(Unread { what, reason: Some("there are too many to look through".to_owned()) })
}

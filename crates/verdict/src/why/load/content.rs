//! What is left of some kinds.

use std::ops::ControlFlow;
use std::time::Duration;

use futures::stream::{self, StreamExt};
use kube::api::ListParams;
use rewitness_kubernetes::ResolvedKind;
use rewitness_messaging::Uid;
use tokio::time::{Instant, timeout_at};

use super::loader::{Loader, place};
use super::subject;
use crate::read::{Read, Unread, is_not_found, pages};
use crate::why::facts::{Content, KindContent, Subject};

/// How many kinds are listed at a time.
const AT_A_TIME: usize = 8;

/// How many pages of a kind are looked through for what is wanted.
const PAGES: usize = 20;

/// How long all kinds together may take.
const TOGETHER: Duration = Duration::from_secs(60);

/// What is in a namespace that is being deleted. Events go with it, and hold nothing.
pub(super) async fn of_namespace(loader: &Loader<'_>, namespace: &str) -> Content {
    let is_event = |kind: &ResolvedKind| &*kind.kind.kind == "Event";
    let kinds = loader.served.kinds.iter().filter(|kind| kind.namespaced && !is_event(kind));
    let content = of_kinds(loader, kinds.cloned().collect(), Some(namespace), None).await;
    with_unanswered(loader, content)
}

/// What keeps a deletion in the foreground. An owner in a namespace owns only what is there.
pub(super) async fn owned_by(loader: &Loader<'_>, owner: &Subject) -> Content {
    let namespace = owner.id.namespace.as_deref();
    let kinds = loader.served.kinds.iter().filter(|kind| kind.namespaced || namespace.is_none());
    let content = of_kinds(loader, kinds.cloned().collect(), namespace, Some(&owner.id.uid)).await;
    with_unanswered(loader, content)
}

/// With an owner: only what blocks its deletion in the foreground.
pub(super) async fn of_kinds(
    loader: &Loader<'_>,
    kinds: Vec<ResolvedKind>,
    namespace: Option<&str>,
    owner: Option<&Uid>,
) -> Content {
    let until = Instant::now() + TOGETHER;
    let lists = kinds.into_iter().map(|kind| async move {
        let list = list(loader, &kind, namespace, owner);
        timeout_at(until, list).await.unwrap_or_else(|_| {
            let reason = format!("all that there is to list took more than {} s", TOGETHER.as_secs());
            Err(Unread { what: format!("list {kind}{}", place(namespace)), reason: Some(reason) })
        })
    });
    let lists: Vec<Read<(KindContent, Option<Unread>)>> =
        stream::iter(lists).buffered(AT_A_TIME).collect().await;
    let mut content = Content::default();
    for list in lists {
        match list {
            Ok((kind, unread)) => {
                content.unread.extend(unread);
                content.kinds.extend((kind.count > 0).then_some(kind));
            }
            // Its definition has gone since it was looked up.
            Err(unread) if is_not_found(&unread) => {}
            Err(unread) => content.unread.push(unread),
        }
    }
    content
}

/// What is of groups that do not answer: which kinds these are is not known either.
fn with_unanswered(loader: &Loader<'_>, mut content: Content) -> Content {
    content.unread.extend(loader.served.broken.iter().map(|group_version| Unread {
        what: format!("list what is of {group_version}"),
        reason: Some("the server does not answer for it at present".to_owned()),
    }));
    content
}

/// What is left of a kind, and what of it was not looked at. A page is enough where everything is wanted, since the server says how many more there are. What
/// blocks an owner is looked for page by page, up to a bound.
async fn list(
    loader: &Loader<'_>,
    kind: &ResolvedKind,
    namespace: Option<&str>,
    owner: Option<&Uid>,
) -> Read<(KindContent, Option<Unread>)> {
    let what = format!("list {kind}{}", place(namespace));
    let api = loader.api(kind, namespace);
    let list = async |params: &ListParams| api.list_metadata(params).await;
    let (mut some, mut looked_at, mut more) = (Vec::new(), 0, None);
    let ended = pages(&what, PAGES, ListParams::default(), list, |page| {
        looked_at += page.items.len();
        let objects = page.items.iter().map(|object| subject::of(&object.metadata, &kind.kind));
        some.extend(objects.filter(|object| owner.is_none_or(|owner| object.blocks.contains(owner))));
        more = page.metadata.remaining_item_count.and_then(|more| u64::try_from(more).ok());
        more = more.filter(|_| owner.is_none());
        if more.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let is_known = ended.await? || more.is_some();
    let count = some.len() as u64 + more.unwrap_or_default();
    let unread = (!is_known).then(|| Unread {
        what,
        reason: Some(format!("there are many, and only the first {looked_at} were looked at")),
    });
    Ok((KindContent { kind: kind.kind.clone(), count, some }, unread))
}

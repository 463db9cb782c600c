//! Finalizers of ours, wherever they are: each kind that may be held is listed, by pages and by
//! metadata alone.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;
use rewitness_crds::HOLD_PREFIX;
use rewitness_crds::cascade::is_finalizer;
use rewitness_kubernetes::ResolvedKind;
use rewitness_kubernetes::finalizer::protected;
use rewitness_messaging::Kind;
use tokio::time::Instant;

use crate::check::facts::{Carried, Carrier, Scan};
use crate::link::Link;
use crate::object;
use crate::read::{Unread, is_not_found, pages};

/// How many kinds are listed at a time.
const AT_A_TIME: usize = 8;

/// How many objects of a kind are looked at: pages of 500.
const PAGES: usize = 200;

/// How many finalizers of ours are noted of a kind: one on each object that is looked at. Whoever may write
/// an object can give it a thousand.
const NOTED: usize = PAGES * 500;

/// After this time no page is asked for any more.
const WITHIN: Duration = Duration::from_secs(120);

pub(super) async fn scan(link: &Link, kinds: &[ResolvedKind]) -> Scan {
    let until = Instant::now() + WITHIN;
    let looks = kinds.iter().filter(|kind| may_be_held(kind)).map(|kind| look(link, kind, until));
    let mut looks = stream::iter(looks).buffered(AT_A_TIME);
    let mut scan = Scan::default();
    while let Some(of_kind) = looks.next().await {
        scan.kinds += of_kind.kinds;
        scan.objects += of_kind.objects;
        scan.carried.extend(of_kind.carried);
        scan.forbidden.extend(of_kind.forbidden);
        scan.unread.extend(of_kind.unread);
        scan.cut.extend(of_kind.cut);
    }
    scan
}

/// Only what can be listed is found, and only what can be patched can have a finalizer of ours. What
/// is protected has one only where somebody insisted, and is too much to look through.
fn may_be_held(kind: &ResolvedKind) -> bool {
    let can = |verb: &str| kind.verbs.iter().any(|one| one == verb);
    can("list") && can("patch") && protected(&kind.kind).is_none()
}

/// Who carries which finalizer of ours, of one kind.
#[derive(Default)]
struct Carriers {
    by_finalizer: BTreeMap<String, Vec<Carrier>>,
    noted: usize,
}

impl Carriers {
    /// Notes an object; breaks off when no more may be noted.
    fn note(&mut self, kind: &Kind, metadata: &ObjectMeta) -> ControlFlow<()> {
        let finalizers = metadata.finalizers.iter().flatten();
        for finalizer in finalizers.filter(|one| is_finalizer(one) || one.starts_with(HOLD_PREFIX)) {
            if self.noted == NOTED {
                return ControlFlow::Break(());
            }
            self.noted += 1;
            self.by_finalizer.entry(finalizer.clone()).or_default().push(Carrier {
                id: object::id(kind, metadata),
                deleting: metadata.deletion_timestamp.as_ref().map(|time| time.0),
            });
        }
        ControlFlow::Continue(())
    }
}

/// What is found of one kind.
async fn look(link: &Link, kind: &ResolvedKind, until: Instant) -> Scan {
    let (mut scan, mut carriers) = (Scan::default(), Carriers::default());
    if Instant::now() >= until {
        return Scan { kinds: 1, cut: vec![kind.to_string()], ..scan };
    }
    let (api, what) = (object::api(link, kind, None), format!("list {kind}"));
    let list = async |params: &ListParams| api.list_metadata(params).await;
    let ended = pages(&what, PAGES, ListParams::default(), list, |page| {
        scan.objects += page.items.len() as u64;
        page.items.iter().try_for_each(|object| carriers.note(&kind.kind, &object.metadata))?;
        if Instant::now() < until { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    match ended.await {
        Ok(true) => scan.kinds += 1,
        Ok(false) => {
            scan.kinds += 1;
            scan.cut.push(kind.to_string());
        }
        // Its definition has gone since it was looked up.
        Err(unread) if is_not_found(&unread) => scan.kinds += 1,
        Err(Unread { reason: None, .. }) => scan.forbidden.push(kind.to_string()),
        Err(unread) => scan.unread.push(unread.to_string()),
    }
    let carried = carriers.by_finalizer.into_iter().map(|(finalizer, objects)| Carried {
        finalizer,
        kind: kind.kind.clone(),
        namespaced: kind.namespaced,
        objects,
    });
    scan.carried.extend(carried);
    scan
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_with_finalizers_without_end_takes_no_memory_without_end() {
        let finalizers = |count| (0..count).map(|number| format!("{HOLD_PREFIX}{number}")).collect();
        let object = |count| ObjectMeta { finalizers: Some(finalizers(count)), ..ObjectMeta::default() };
        let (kind, mut carriers) = (Kind::new("", "Secret"), Carriers::default());
        assert_eq!(carriers.note(&kind, &object(NOTED)), ControlFlow::Continue(()), "one on each object");
        assert_eq!(carriers.note(&kind, &object(0)), ControlFlow::Continue(()));
        assert_eq!(carriers.note(&kind, &object(1000)), ControlFlow::Break(()));
        assert_eq!(carriers.by_finalizer.values().map(Vec::len).sum::<usize>(), NOTED);
    }
}

//! Finalizers of ours, wherever they are: each kind that may be held is listed, by pages and by
//! metadata alone.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DynamicObject, ListParams};
use kube::core::PartialObjectMeta;
use rewitness_crds::HOLD_PREFIX;
use rewitness_crds::cascade::is_finalizer;
use rewitness_kubernetes::ResolvedKind;
use rewitness_kubernetes::finalizer::protected;
use rewitness_messaging::{ResourceId, Timestamp, Uid};
use tokio::time::Instant;

use crate::check::facts::{Carried, Leaving, Place, Survey};
use crate::link::Link;
use crate::object;
use crate::read::{Unread, is_not_found, pages};

/// How many kinds are listed at a time.
const AT_A_TIME: usize = 8;

/// How many objects of a kind are looked at: pages of 500.
const PAGES: usize = 200;

/// After this time no page is asked for any more.
const WITHIN: Duration = Duration::from_secs(120);

/// How many objects are named, of each finalizer and kind.
const EXAMPLES: usize = 3;

/// What was seen of one kind.
struct Seen {
    plural: String,
    objects: u64,
    carried: BTreeMap<String, Carried>,
    is_cut: bool,
    failed: Option<Unread>,
}

pub(super) async fn survey(link: &Link, kinds: &[ResolvedKind]) -> Survey {
    let until = Instant::now() + WITHIN;
    let looks = kinds.iter().filter(|kind| may_be_held(kind)).map(|kind| look(link, kind, until));
    let mut looks = stream::iter(looks).buffered(AT_A_TIME);
    let mut survey = Survey::default();
    while let Some(seen) = looks.next().await {
        survey.add(seen);
    }
    survey
}

/// Only what can be listed is found, and only what can be patched can have a finalizer of ours. What
/// is protected has one only where somebody insisted, and is too much to look through.
fn may_be_held(kind: &ResolvedKind) -> bool {
    let can = |verb: &str| kind.verbs.iter().any(|one| one == verb);
    can("list") && can("patch") && protected(&kind.kind).is_none()
}

async fn look(link: &Link, kind: &ResolvedKind, until: Instant) -> Seen {
    let api = object::api(link, kind, None);
    let mut seen =
        Seen { plural: kind.to_string(), objects: 0, carried: BTreeMap::new(), is_cut: false, failed: None };
    let (what, list) = (format!("list {kind}"), async |params: &ListParams| api.list_metadata(params).await);
    if Instant::now() >= until {
        seen.is_cut = true;
        return seen;
    }
    let ended = pages(&what, PAGES, ListParams::default(), list, |page| {
        page.items.iter().for_each(|object| seen.object(kind, object));
        if Instant::now() < until { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    match ended.await {
        Ok(ended) => seen.is_cut = !ended,
        // Its definition has gone since it was looked up.
        Err(unread) => seen.failed = Some(unread).filter(|unread| !is_not_found(unread)),
    }
    seen
}

impl Seen {
    fn object(&mut self, kind: &ResolvedKind, object: &PartialObjectMeta<DynamicObject>) {
        self.objects += 1;
        let metadata = &object.metadata;
        let finalizers = metadata.finalizers.iter().flatten();
        for finalizer in finalizers.filter(|one| is_finalizer(one) || one.starts_with(HOLD_PREFIX)) {
            let carried = self.carried.entry(finalizer.clone()).or_insert_with(|| Carried {
                finalizer: finalizer.clone(),
                kind: kind.kind.clone(),
                namespaced: kind.namespaced,
                count: 0,
                deleting: 0,
                oldest: None,
                places: BTreeMap::new(),
                examples: Vec::new(),
            });
            carried.object(id(kind, metadata), metadata.deletion_timestamp.as_ref().map(|time| time.0));
        }
    }
}

impl Carried {
    fn object(&mut self, object: ResourceId, deleting: Option<Timestamp>) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            let place: String = object.namespace.iter().map(|namespace| format!("{namespace}/")).collect();
            self.examples.push(format!("{place}{}", object.name));
        }
        if let Some(since) = deleting {
            self.deleting += 1;
            if self.oldest.as_ref().is_none_or(|oldest| since < oldest.since) {
                self.oldest = Some(Leaving { object: object.clone(), since });
            }
        }
        let namespace = object.namespace.as_deref().unwrap_or_default().to_owned();
        self.places.entry(namespace).or_insert(Place { count: 0, object }).count += 1;
    }
}

fn id(kind: &ResolvedKind, metadata: &ObjectMeta) -> ResourceId {
    ResourceId {
        kind: kind.kind.clone(),
        namespace: metadata.namespace.as_deref().filter(|one| !one.is_empty()).map(Into::into),
        name: metadata.name.as_deref().unwrap_or_default().into(),
        uid: Uid::new(metadata.uid.as_deref().unwrap_or_default()),
    }
}

impl Survey {
    fn add(&mut self, seen: Seen) {
        match seen.failed {
            None => self.kinds += 1,
            Some(Unread { reason: None, .. }) => self.forbidden.push(seen.plural.clone()),
            Some(unread) => self.unread.push(unread.to_string()),
        }
        self.objects += seen.objects;
        self.carried.extend(seen.carried.into_values());
        if seen.is_cut {
            self.cut.push(seen.plural);
        }
    }
}

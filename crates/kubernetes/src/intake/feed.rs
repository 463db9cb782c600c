use std::collections::HashSet;

use crate::call::ApiError;
use rewitness_messaging::schedule::{Observation, Via};
use rewitness_messaging::{Kind, Version};

use super::observer::{Observer, Seen};
use crate::wire::{Entry, Event};

/// What one source shows, handed to its observer a page or a burst of events at a time.
///
/// Resources that cannot be read stop here (Q11): they are counted, and named once in the log.
pub(super) struct Feed<O> {
    pub(super) observer: O,
    kind: Kind,
    /// Those that cannot be read at present.
    unreadable: HashSet<String>,
    /// The same, as the list that is under way finds them.
    listing: HashSet<String>,
}

/// What a burst of events came to.
#[derive(Debug, Default)]
pub(super) struct Burst {
    /// The version up to which everything was shown.
    pub(super) version: Option<String>,
    /// Why the server ended the watch.
    pub(super) failed: Option<ApiError>,
    /// How many events do not say what they are about: one of them may have been a deletion.
    pub(super) unseen: usize,
}

impl<O: Observer> Feed<O> {
    pub(super) fn new(observer: O, kind: Kind) -> Self {
        Self { observer, kind, unreadable: HashSet::new(), listing: HashSet::new() }
    }

    pub(super) fn list_started(&mut self) {
        self.listing.clear();
        self.observer.see(Seen::ListStarted);
    }

    pub(super) fn page(&mut self, items: Vec<Entry<'_>>) {
        for entry in &items {
            if let Entry::Unreadable { namespace, name, uid } = entry {
                let key = self.unreadable(namespace.as_deref(), name.as_deref(), uid.as_deref());
                self.listing.insert(key);
            }
        }
        let readable = items.into_iter().filter_map(|entry| match entry {
            Entry::Object(observation) => Some(observation),
            Entry::Unreadable { .. } => None,
        });
        self.observer.see(Seen::Shown { via: Via::List, page: readable.collect() });
    }

    pub(super) fn list_finished(&mut self) {
        self.unreadable = std::mem::take(&mut self.listing);
        self.observer.see(Seen::ListFinished);
        self.observer.see(Seen::Poisoned { count: self.unreadable.len() as u64 });
    }

    /// Takes events in their order, up to the one that ends the watch, if there is one.
    pub(super) fn events<'a>(&mut self, events: impl Iterator<Item = Event<'a>>) -> Burst {
        let mut burst = Burst::default();
        let mut moved = None;
        let mut shown = Vec::new();
        for event in events {
            match event {
                Event::Shown { entry, version } => {
                    moved = Some(version);
                    burst.unseen += usize::from(entry.is_nameless());
                    shown.extend(self.watched(entry));
                }
                Event::Left { entry, version } => {
                    self.flush(&mut shown);
                    burst.unseen += usize::from(!self.left(entry, Version::parse(&version)));
                    moved = Some(version);
                }
                Event::Bookmark { version } => moved = Some(version),
                Event::Failed(error) => {
                    burst.failed = Some(error);
                    break;
                }
                Event::Unreadable => burst.unseen += 1,
            }
        }
        self.flush(&mut shown);
        burst.version = moved.filter(|version| !version.is_empty()).map(Into::into);
        burst
    }

    fn flush(&mut self, shown: &mut Vec<Observation<'_>>) {
        if !shown.is_empty() {
            self.observer.see(Seen::Shown { via: Via::Watch, page: std::mem::take(shown) });
        }
    }

    fn watched<'a>(&mut self, entry: Entry<'a>) -> Option<Observation<'a>> {
        let before = self.unreadable.len();
        let seen = match entry {
            Entry::Object(seen) => {
                if before > 0 {
                    self.unreadable.remove(&key_of(seen.namespace.as_deref(), &seen.name));
                }
                Some(seen)
            }
            // Only a list can tell whether it was there before.
            entry if entry.is_nameless() => None,
            Entry::Unreadable { namespace, name, uid } => {
                let key = self.unreadable(namespace.as_deref(), name.as_deref(), uid.as_deref());
                self.unreadable.insert(key);
                None
            }
        };
        self.count_if_changed(before);
        seen
    }

    /// False if it is not known what has left.
    fn left(&mut self, entry: Entry<'_>, version: Version) -> bool {
        let before = self.unreadable.len();
        let (namespace, name, uid) = match entry {
            Entry::Object(seen) => (seen.namespace, Some(seen.name), Some(seen.uid)),
            Entry::Unreadable { namespace, name, uid } => (namespace, name, uid),
        };
        if let (Some(name), true) = (name, before > 0) {
            self.unreadable.remove(&key_of(namespace.as_deref(), &name));
        }
        if let Some(uid) = &uid {
            self.observer.see(Seen::Removed { uid, version });
        }
        self.count_if_changed(before);
        uid.is_some()
    }

    fn count_if_changed(&mut self, before: usize) {
        if self.unreadable.len() != before {
            self.observer.see(Seen::Poisoned { count: self.unreadable.len() as u64 });
        }
    }

    /// Takes note of a resource that is there and cannot be read; returns what it goes by.
    fn unreadable(&mut self, namespace: Option<&str>, name: Option<&str>, uid: Option<&str>) -> String {
        self.observer.see(Seen::Unreadable { namespace, name, uid });
        let key = match (name, uid) {
            (Some(name), _) => key_of(namespace, name),
            (None, Some(uid)) => uid.to_owned(),
            (None, None) => format!("nameless {}", self.listing.len()),
        };
        if !self.unreadable.contains(&key) {
            tracing::warn!(kind = %self.kind, resource = key, "a resource cannot be read, and is left alone");
        }
        key
    }
}

fn key_of(namespace: Option<&str>, name: &str) -> String {
    match namespace {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.to_owned(),
    }
}

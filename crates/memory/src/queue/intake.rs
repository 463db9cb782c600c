use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use rewitness_messaging::dispatcher::Dispatcher;
use rewitness_messaging::schedule::{Observation, SourceId, Via};
use rewitness_messaging::{ResourceId, Source};

use crate::store::{CallError, Change, Cursor};
use crate::{Object, Store};

/// The first and the longest wait for a store that cannot be reached.
const WAITS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// Lists and watches one source, for as long as it is polled.
///
/// ```text
///            ┌──── expired, rolled back ────┐
///            ▼                              │
///   ┌───▶ listing ──── complete ───▶ watching ◀───┐
///   │        │                          │         │
///   └─ busy, unreachable: wait     busy, unreachable: wait
/// ```
pub(super) struct Intake {
    store: Store,
    dispatcher: Dispatcher,
    id: SourceId,
    source: Source,
    page_size: usize,
    /// The names of those that cannot be read.
    poisoned: HashSet<(Option<Arc<str>>, Arc<str>)>,
    wait: Duration,
}

impl Intake {
    pub(super) fn new(
        store: Store,
        dispatcher: Dispatcher,
        id: SourceId,
        source: Source,
        page_size: usize,
    ) -> Self {
        Self { store, dispatcher, id, source, page_size, poisoned: HashSet::new(), wait: WAITS.0 }
    }

    /// Never ends by itself: whatever fails, it goes on (Q12).
    pub(super) async fn follow(mut self) {
        let mut resume = None;
        loop {
            let error = match &mut resume {
                None => match self.list().await {
                    Ok(cursor) => {
                        resume = Some(cursor);
                        continue;
                    }
                    Err(error) => error,
                },
                Some(cursor) => self.watch(cursor).await,
            };
            match error {
                CallError::Expired => resume = None,
                CallError::RolledBack => {
                    self.dispatcher.rolled_back(self.id);
                    resume = None;
                }
                CallError::Busy(_) | CallError::Unreachable => self.pause(error).await,
            }
        }
    }

    async fn pause(&mut self, error: CallError) {
        self.dispatcher.failing(self.id, error.reason());
        tokio::time::sleep(error.retry_after().unwrap_or(self.wait)).await;
        self.wait = (self.wait * 2).min(WAITS.1);
    }

    async fn list(&mut self) -> Result<Cursor, CallError> {
        let mut listing = self.store.begin_list(&self.source)?;
        self.dispatcher.list_started(self.id);
        self.poisoned.clear();
        while let Some(page) = listing.page(self.page_size).await? {
            for object in page.iter().filter(|object| !object.is_readable()) {
                self.poison(object);
                let ResourceId { namespace, name, .. } = &object.resource;
                self.dispatcher.unreadable(self.id, namespace.as_deref(), Some(name), None);
            }
            let readable = page.iter().filter(|object| object.is_readable());
            self.dispatcher.observe(self.id, Via::List, readable.map(|object| observation(object)));
            // Lets what the page brought be delivered before the next one is read.
            tokio::task::yield_now().await;
        }
        self.dispatcher.list_finished(self.id);
        self.dispatcher.poisoned(self.id, self.poisoned.len() as u64);
        self.wait = WAITS.0;
        Ok(listing.cursor())
    }

    async fn watch(&mut self, cursor: &mut Cursor) -> CallError {
        let mut watch = match self.store.begin_watch(&self.source, *cursor) {
            Ok(watch) => watch,
            Err(error) => return error,
        };
        self.dispatcher.recovered(self.id);
        loop {
            match watch.next().await {
                Ok(changes) => {
                    changes.into_iter().for_each(|change| self.apply(change));
                    *cursor = watch.cursor();
                    self.wait = WAITS.0;
                }
                Err(error) => return error,
            }
        }
    }

    fn apply(&mut self, change: Change) {
        let (Change::Put(object) | Change::Removed(object)) = &change;
        let was_poisoned = self.poisoned.remove(&place(object));
        match &change {
            Change::Removed(object) => self.dispatcher.removed(self.id, &object.resource.uid.to_string()),
            Change::Put(object) if object.is_readable() => {
                self.dispatcher.observe(self.id, Via::Watch, [observation(object)]);
            }
            Change::Put(object) => self.poison(object),
        }
        if was_poisoned || !self.poisoned.is_empty() {
            self.dispatcher.poisoned(self.id, self.poisoned.len() as u64);
        }
    }

    fn poison(&mut self, object: &Object) {
        tracing::warn!(name = %object.resource.name, kind = %object.resource.kind, "a resource cannot be read");
        self.poisoned.insert(place(object));
    }
}

/// A resource as the dispatcher wants to see it.
pub(super) fn observation(object: &Object) -> Observation<'_> {
    Observation {
        namespace: object.resource.namespace.as_deref().map(Cow::Borrowed),
        name: Cow::Borrowed(&object.resource.name),
        uid: Cow::Owned(object.resource.uid.to_string()),
        version: object.version,
        generation: object.generation,
        deletion_timestamp: object.deletion_timestamp,
        labels: object
            .labels
            .iter()
            .map(|(key, value)| (Cow::Borrowed(&**key), Cow::Borrowed(&**value)))
            .collect(),
        holds: object.holds.iter().map(|hold| Cow::Borrowed(&**hold)).collect(),
    }
}

fn place(object: &Object) -> (Option<Arc<str>>, Arc<str>) {
    (object.resource.namespace.clone(), object.resource.name.clone())
}

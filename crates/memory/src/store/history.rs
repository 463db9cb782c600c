use std::collections::VecDeque;
use std::sync::Arc;

use rewitness_messaging::{Source, Version};

use super::change::{CallError, Change, Cursor};
use super::object::Object;

/// How many writes can be watched in retrospect. A watcher that is further behind lists again, as
/// with a compacted etcd; a test that wants this sooner calls [`Store::expire`](crate::Store::expire).
const KEPT: usize = 4096;

/// One write.
pub(super) struct Event {
    pub(super) version: Version,
    pub(super) before: Option<Arc<Object>>,
    pub(super) after: Option<Arc<Object>>,
}

/// The last writes, for those who watch.
#[derive(Default)]
pub(super) struct History {
    events: VecDeque<Event>,
    /// Writes up to this version are forgotten.
    forgotten: Version,
    /// How often versions moved backwards. A cursor of a former incarnation says nothing in this
    /// one, even where the number exists again.
    incarnation: u64,
}

impl History {
    pub(super) fn push(&mut self, event: Event) {
        self.events.push_back(event);
        if self.events.len() > KEPT {
            self.forget_oldest();
        }
    }

    pub(super) fn forget_until(&mut self, version: Version) {
        self.events.retain(|event| event.version > version);
        self.forgotten = version;
    }

    pub(super) fn begin_again(&mut self, at: Version) {
        self.events.clear();
        self.forgotten = at;
        self.incarnation += 1;
    }

    pub(super) fn cursor(&self, version: Version) -> Cursor {
        Cursor { incarnation: self.incarnation, version }
    }

    /// Whether one can go on from there.
    pub(super) fn check(&self, from: Cursor) -> Result<(), CallError> {
        if from.incarnation != self.incarnation {
            return Err(CallError::RolledBack);
        }
        if from.version < self.forgotten {
            return Err(CallError::Expired);
        }
        Ok(())
    }

    /// What has happened in `source` since `from`, oldest first.
    pub(super) fn since(&self, from: Cursor, source: &Source) -> Result<Vec<Change>, CallError> {
        self.check(from)?;
        let first = self.events.partition_point(|event| event.version <= from.version);
        Ok(self.events.range(first..).filter_map(|event| event.seen_through(source)).collect())
    }

    fn forget_oldest(&mut self) {
        if let Some(event) = self.events.pop_front() {
            self.forgotten = event.version;
        }
    }
}

impl Event {
    /// What a watch of `source` shows of it: an object that leaves the selector looks deleted.
    fn seen_through(&self, source: &Source) -> Option<Change> {
        let before = self.before.as_ref().filter(|object| object.is_in(source));
        let after = self.after.as_ref().filter(|object| object.is_in(source));
        match (before, after) {
            (_, Some(object)) => Some(Change::Put(object.clone())),
            (Some(object), None) => Some(Change::Removed(object.clone())),
            (None, None) => None,
        }
    }
}

impl Object {
    pub(super) fn is_in(&self, source: &Source) -> bool {
        self.resource.kind == source.kind
            && (source.namespace.is_none() || source.namespace == self.resource.namespace)
            && source.selector.matches(|key| self.labels.get(key).map(String::as_str))
    }
}

use std::collections::VecDeque;
use std::sync::Arc;

use rewitness_messaging::{ResourceId, Source, Version};
use tokio::sync::watch;

use super::change::{CallError, Change, Cursor};
use super::object::Object;
use super::records::{Store, StoreError};

/// A list, as it was at one moment, that is read by pages.
pub(crate) struct Listing {
    store: Store,
    changed: watch::Receiver<()>,
    connection: u64,
    rest: VecDeque<Arc<Object>>,
    pages_read: usize,
    cursor: Cursor,
}

/// What happens from a cursor on.
pub(crate) struct Watch {
    store: Store,
    changed: watch::Receiver<()>,
    connection: u64,
    source: Source,
    cursor: Cursor,
}

/// The calls of a queue. Unlike the public ones these meet the faults.
impl Store {
    pub(crate) fn begin_list(&self, source: &Source) -> Result<Listing, CallError> {
        let changed = self.0.changed.subscribe();
        let mut records = self.records();
        records.faults.meet()?;
        let rest = records.objects.values().filter(|object| object.is_in(source)).cloned().collect();
        let cursor = records.history.cursor(records.version);
        Ok(Listing {
            store: self.clone(),
            changed,
            connection: records.faults.connection,
            rest,
            pages_read: 0,
            cursor,
        })
    }

    pub(crate) fn begin_watch(&self, source: &Source, from: Cursor) -> Result<Watch, CallError> {
        let changed = self.0.changed.subscribe();
        let mut records = self.records();
        records.faults.meet()?;
        let connection = records.faults.connection;
        Ok(Watch { store: self.clone(), changed, connection, source: source.clone(), cursor: from })
    }

    /// Adds and removes holds of a resource, by uid, and only at this version if one is given.
    pub(crate) fn write_holds(
        &self,
        resource: &ResourceId,
        add: &[Arc<str>],
        remove: &[Arc<str>],
        at: Option<Version>,
    ) -> Result<Result<Object, StoreError>, CallError> {
        self.records().faults.meet()?;
        Ok(self.change_holds(resource, add, remove, at))
    }
}

impl Listing {
    /// The next page of at most `size`, or `None` at the end.
    pub(crate) async fn page(&mut self, size: usize) -> Result<Option<Vec<Arc<Object>>>, CallError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        while self.pages_read > 0 && self.check_connection()? {
            // The sender lives in the store, which this listing keeps.
            let _ = self.changed.changed().await;
        }
        self.pages_read += 1;
        let size = size.clamp(1, self.rest.len());
        Ok(Some(self.rest.drain(..size).collect()))
    }

    /// Where a watch goes on from.
    pub(crate) fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Whether the next page is being held up.
    fn check_connection(&mut self) -> Result<bool, CallError> {
        self.changed.mark_unchanged();
        let records = self.store.records();
        if records.faults.connection != self.connection {
            return Err(CallError::Unreachable);
        }
        // The next page of a list that is older than the history cannot be had.
        records.history.check(self.cursor)?;
        Ok(records.faults.lists_stall)
    }
}

impl Watch {
    /// What happened since the last call, at least one change; waits until there is one.
    pub(crate) async fn next(&mut self) -> Result<Vec<Change>, CallError> {
        loop {
            self.changed.mark_unchanged();
            let changes = self.changes()?;
            if !changes.is_empty() {
                return Ok(changes);
            }
            // The sender lives in the store, which this watch keeps.
            let _ = self.changed.changed().await;
        }
    }

    /// Where another watch would go on from.
    pub(crate) fn cursor(&self) -> Cursor {
        self.cursor
    }

    fn changes(&mut self) -> Result<Vec<Change>, CallError> {
        let records = self.store.records();
        if records.faults.connection != self.connection {
            return Err(CallError::Unreachable);
        }
        let changes = records.history.since(self.cursor, &self.source)?;
        self.cursor.version = records.version;
        Ok(changes)
    }
}

use std::collections::BTreeMap;
use std::sync::Arc;

use rewitness_messaging::{ResourceId, Version};

use super::faults::Faults;
use super::object::Object;
use super::records::{Place, Store, StoreError};

/// What a store was at one moment, to be restored by [`Store::roll_back`].
///
/// ```
/// # use rewitness_memory::{Draft, Store};
/// # use rewitness_messaging::Kind;
/// let store = Store::new();
/// let before = store.snapshot();
/// let web = store.create(Draft::new(Kind::new("example.com", "Widget"), "web"))?;
/// store.roll_back(&before);
/// assert!(store.get(&web.resource).is_none());
/// # Ok::<(), rewitness_memory::StoreError>(())
/// ```
#[derive(Clone)]
pub struct Snapshot {
    objects: BTreeMap<Place, Arc<Object>>,
    version: Version,
}

/// Faults, for tests. They meet the calls of queues; the methods above never fail because of them.
impl Store {
    /// Makes a resource unreadable: lists and watches still show that something is there, under
    /// this name, and nothing else of it.
    ///
    /// # Errors
    ///
    /// As [`Store::update`].
    pub fn corrupt(&self, resource: &ResourceId) -> Result<Object, StoreError> {
        self.change(resource, |object| object.set_readable(false))
    }

    /// Makes an unreadable resource readable again.
    ///
    /// # Errors
    ///
    /// As [`Store::update`].
    pub fn mend(&self, resource: &ResourceId) -> Result<Object, StoreError> {
        self.change(resource, |object| object.set_readable(true))
    }

    /// Breaks every connection. New ones can be made at once.
    pub fn disconnect(&self) {
        self.fault(|faults| faults.connection += 1);
    }

    /// Refuses connections, and breaks those that are there, until [`Store::bring_up`].
    pub fn take_down(&self) {
        self.fault(|faults| {
            faults.connection += 1;
            faults.down = true;
        });
    }

    /// Ends [`Store::take_down`].
    pub fn bring_up(&self) {
        self.fault(|faults| faults.down = false);
    }

    /// Forgets the history: who watches or pages from before must list again.
    pub fn expire(&self) {
        {
            let mut records = self.records();
            // A version of its own, so that those who are up to date are behind as well.
            records.next_version();
            let version = records.version;
            records.history.forget_until(version);
        }
        self.0.changed.send_replace(());
    }

    /// Answers the next calls, so many, with "too much to do, call again in a second". Zero ends it.
    pub fn overload(&self, calls: u32) {
        self.fault(|faults| faults.busy = calls);
    }

    /// Answers the first page of each list and no other, until [`Store::resume_lists`].
    pub fn stall_lists(&self) {
        self.fault(|faults| faults.lists_stall = true);
    }

    /// Ends [`Store::stall_lists`].
    pub fn resume_lists(&self) {
        self.fault(|faults| faults.lists_stall = false);
    }

    /// What the store is now.
    pub fn snapshot(&self) -> Snapshot {
        let records = self.records();
        Snapshot { objects: records.objects.clone(), version: records.version }
    }

    /// Restores a snapshot, as a backup of etcd is restored: what was written since is undone and
    /// versions go on from the snapshot's. Uids are not given twice even so.
    pub fn roll_back(&self, snapshot: &Snapshot) {
        {
            let mut records = self.records();
            records.objects.clone_from(&snapshot.objects);
            records.version = snapshot.version;
            records.history.begin_again(snapshot.version);
            records.faults.connection += 1;
        }
        self.0.changed.send_replace(());
    }

    fn fault(&self, set: impl FnOnce(&mut Faults)) {
        set(&mut self.records().faults);
        self.0.changed.send_replace(());
    }
}

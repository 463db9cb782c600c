//! The memory queue as the conformance suite drives it.

use std::sync::Arc;
use std::time::Duration;

use rewitness_conformance::queue::{Clock, Draft, Driver, Fault, LeftOut, Seen};
use rewitness_conformance::{Failed, Result};
use rewitness_memory::{Config, MemoryQueue, Snapshot, Store};
use rewitness_messaging::{Kind, ResourceId};
use tokio::sync::Mutex;

/// A store of its own for each case, so every name in it is fresh.
pub(crate) struct MemoryDriver {
    store: Store,
    saved: Mutex<Option<Snapshot>>,
    leaves_out: &'static [LeftOut],
}

impl MemoryDriver {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, saved: Mutex::new(None), leaves_out: &[] }
    }

    pub(crate) fn leaving_out(self, leaves_out: &'static [LeftOut]) -> Self {
        Self { leaves_out, ..self }
    }
}

impl Driver for MemoryDriver {
    type Queue = MemoryQueue;

    fn clock(&self) -> Clock {
        Clock::Paused
    }

    fn kind(&self, nth: usize) -> Kind {
        Kind::new("conformance.example.com", ["Widget", "Gadget"][nth])
    }

    fn namespace(&self, nth: usize) -> Arc<str> {
        ["first", "second"][nth].into()
    }

    fn queue(&self, grace: Duration) -> MemoryQueue {
        MemoryQueue::with_config(
            self.store.clone(),
            Config { grace, page_size: self.page_size(), ..Config::default() },
        )
    }

    async fn create(&self, new: Draft) -> Result<ResourceId> {
        let mut resource = rewitness_memory::Draft::new(new.kind, new.name).in_namespace(new.namespace);
        for (key, value) in new.labels {
            resource = resource.labelled(key, value);
        }
        for hold in new.holds {
            resource = resource.held_by(hold);
        }
        Ok(self.store.create(resource)?.resource)
    }

    async fn update(&self, resource: &ResourceId) -> Result {
        self.store.update(resource)?;
        Ok(())
    }

    async fn touch(&self, resource: &ResourceId) -> Result {
        self.store.touch(resource)?;
        Ok(())
    }

    async fn relabel(&self, resource: &ResourceId, labels: &[(&str, &str)]) -> Result {
        self.store.relabel(resource, labels.iter().copied())?;
        Ok(())
    }

    async fn delete(&self, resource: &ResourceId) -> Result {
        Ok(self.store.delete(resource)?)
    }

    async fn remove_hold(&self, resource: &ResourceId, hold: &str) -> Result {
        self.store.remove_hold(resource, hold)?;
        Ok(())
    }

    async fn strip_holds(&self, resource: &ResourceId) -> Result {
        self.store.strip_holds(resource)?;
        Ok(())
    }

    async fn look(&self, resource: &ResourceId) -> Result<Option<Seen>> {
        Ok(self.store.get(resource).map(|object| Seen {
            deleting: object.deletion_timestamp.is_some(),
            holds: object.holds.iter().map(|hold| hold.to_string()).collect(),
            version: object.version,
        }))
    }

    fn forces(&self) -> &[Fault] {
        &Fault::ALL
    }

    fn leaves_out(&self) -> Vec<LeftOut> {
        self.leaves_out.to_vec()
    }

    fn page_size(&self) -> usize {
        4
    }

    async fn corrupt(&self, resource: &ResourceId) -> Result {
        self.store.corrupt(resource)?;
        Ok(())
    }

    async fn mend(&self, resource: &ResourceId) -> Result {
        self.store.mend(resource)?;
        Ok(())
    }

    async fn disconnect(&self) -> Result {
        self.store.disconnect();
        Ok(())
    }

    async fn expire(&self) -> Result {
        self.store.expire();
        Ok(())
    }

    async fn overload(&self, calls: u32) -> Result {
        self.store.overload(calls);
        Ok(())
    }

    async fn save(&self) -> Result {
        *self.saved.lock().await = Some(self.store.snapshot());
        Ok(())
    }

    async fn roll_back(&self) -> Result {
        let saved = self.saved.lock().await.take();
        let saved = saved.ok_or_else(|| Failed::new("nothing was saved"))?;
        self.store.roll_back(&saved);
        Ok(())
    }

    async fn take_down(&self) -> Result {
        self.store.take_down();
        Ok(())
    }

    async fn bring_up(&self) -> Result {
        self.store.bring_up();
        Ok(())
    }

    async fn stall_lists(&self) -> Result {
        self.store.stall_lists();
        Ok(())
    }

    async fn resume_lists(&self) -> Result {
        self.store.resume_lists();
        Ok(())
    }
}

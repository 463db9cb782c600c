//! A driver of the suite's core alone, on a backend without holds, status and forced faults: what a broker would write
//! first. Copy it to begin a driver of your own.

use std::sync::Arc;
use std::time::Duration;

use rewitness_conformance::Result;
use rewitness_conformance::queue::{
    Clock, Draft, Driver, LeftOut, Seen, WITHOUT_FAULTS, WITHOUT_HOLDS, WITHOUT_STATUS,
};
use rewitness_memory::{Config, MemoryQueue, Store};
use rewitness_messaging::{Kind, ResourceId};

struct CoreDriver {
    record: Store,
}

impl Driver for CoreDriver {
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
        MemoryQueue::with_config(self.record.clone(), Config { grace, ..Config::default() })
    }

    async fn create(&self, new: Draft) -> Result<ResourceId> {
        let mut resource = rewitness_memory::Draft::new(new.kind, new.name).in_namespace(new.namespace);
        for (key, value) in new.labels {
            resource = resource.labelled(key, value);
        }
        Ok(self.record.create(resource)?.resource)
    }

    async fn update(&self, resource: &ResourceId) -> Result {
        self.record.update(resource)?;
        Ok(())
    }

    async fn relabel(&self, resource: &ResourceId, labels: &[(&str, &str)]) -> Result {
        self.record.relabel(resource, labels.iter().copied())?;
        Ok(())
    }

    async fn delete(&self, resource: &ResourceId) -> Result {
        Ok(self.record.delete(resource)?)
    }

    async fn look(&self, resource: &ResourceId) -> Result<Option<Seen>> {
        let seen = |version| Seen { deleting: false, holds: Vec::new(), version };
        Ok(self.record.get(resource).map(|object| seen(object.version)))
    }

    fn leaves_out(&self) -> Vec<LeftOut> {
        [WITHOUT_HOLDS, WITHOUT_STATUS, WITHOUT_FAULTS].concat()
    }
}

rewitness_conformance::queue_suite!(
    #[tokio::test(start_paused = true)]
    CoreDriver { record: Store::without_holds() }
);

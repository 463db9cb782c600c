//! The parents of a rule, counted as they pass by.

use std::collections::HashMap;
use std::collections::hash_map::Values;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rewitness_messaging::{Consumer, Delivery, Failure, Outcome, ResourceId, State, Uid};
use tokio::sync::Notify;

/// The parents that are there, and how many deliveries of them are in flight.
#[derive(Default)]
pub(crate) struct Parents {
    there: Mutex<HashMap<Uid, ResourceId>>,
    in_flight: AtomicUsize,
    ended: Notify,
}

impl Parents {
    pub(crate) fn count(&self) -> u64 {
        self.there().len() as u64
    }

    /// Does something with all that are there. It MUST be short: deliveries wait for it.
    pub(crate) fn with_all<T>(&self, look: impl FnOnce(Values<'_, Uid, ResourceId>) -> T) -> T {
        look(self.there().values())
    }

    /// Waits until no delivery is in flight; once the subscription has ended, for good.
    pub(crate) async fn idle(&self) {
        loop {
            // Before the look, so that no end between the two is missed.
            let ended = self.ended.notified();
            if self.in_flight.load(Ordering::Acquire) == 0 {
                return;
            }
            ended.await;
        }
    }

    fn there(&self) -> MutexGuard<'_, HashMap<Uid, ResourceId>> {
        self.there.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A delivery in flight, until this is dropped.
pub(super) struct InFlight<'a>(&'a Parents);

impl<'a> InFlight<'a> {
    pub(super) fn begin(parents: &'a Parents) -> Self {
        parents.in_flight.fetch_add(1, Ordering::AcqRel);
        Self(parents)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
        self.0.ended.notify_waiters();
    }
}

/// A consumer whose parents are counted.
pub(crate) struct Counted<C> {
    pub(crate) consumer: C,
    pub(crate) parents: Arc<Parents>,
}

impl<C: Consumer> Consumer for Counted<C> {
    async fn consume(&self, delivery: Delivery) -> Result<Outcome, Failure> {
        let (parent, state) = (delivery.envelope.resource.clone(), delivery.state);
        let uid = parent.uid.clone();
        let _in_flight = InFlight::begin(&self.parents);
        match state {
            State::Gone => self.parents.there().remove(&uid),
            State::Live | State::Deleting => self.parents.there().insert(uid.clone(), parent),
        };
        let outcome = self.consumer.consume(delivery).await;
        if state == State::Deleting && matches!(outcome, Ok(Outcome::Done)) {
            self.parents.there().remove(&uid);
        }
        outcome
    }

    /// Whose own answer released a parent is not told that it has gone.
    fn released(&self, parent: &ResourceId, released: Result<(), Failure>) -> Result<Outcome, Failure> {
        let is_off = released.is_ok();
        let outcome = self.consumer.released(parent, released);
        if is_off {
            self.parents.there().remove(&parent.uid);
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use rewitness_messaging::Kind;

    use super::*;

    /// Answers like the consumer of a Cascade that has removed its finalizer, or not.
    struct Released;

    impl Consumer for Released {
        async fn consume(&self, _: Delivery) -> Result<Outcome, Failure> {
            Ok(Outcome::requeue_after(std::time::Duration::ZERO))
        }

        fn released(&self, _: &ResourceId, _: Result<(), Failure>) -> Result<Outcome, Failure> {
            Ok(Outcome::Done)
        }
    }

    #[test]
    fn a_parent_is_counted_until_its_finalizer_is_off_and_no_longer() {
        let kind = Kind::new("example.com", "Project");
        let parent = ResourceId { kind, namespace: None, name: "web".into(), uid: "u1".into() };
        let counted = Counted { consumer: Released, parents: Arc::<Parents>::default() };
        counted.parents.there().insert(parent.uid.clone(), parent.clone());
        counted.released(&parent, Err(Failure::backoff("it is contended"))).unwrap();
        assert_eq!(counted.parents.count(), 1, "the finalizer is still on it");
        counted.released(&parent, Ok(())).unwrap();
        assert_eq!(counted.parents.count(), 0);
    }
}

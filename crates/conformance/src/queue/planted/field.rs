use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;
use rewitness_messaging::{
    Cause, Delivery, DynConsumer, Envelope, Failure, HoldState, Outcome, ResourceId, State, Subscription,
    Uid, Version,
};

use crate::queue::driver::Driver;

/// A consumer's answer that is on its way.
pub(crate) type Answering<'a> = BoxFuture<'a, Result<Outcome, Failure>>;

/// What a bug can get at: the consumers, and the system of record.
pub(crate) struct Field {
    pub(super) hands: Box<dyn Hands>,
    pub(super) recipients: Mutex<Vec<Arc<Recipient>>>,
    /// What cases have created, oldest first.
    pub(super) made: Mutex<Vec<ResourceId>>,
    /// How many runs have begun.
    pub(super) runs: AtomicUsize,
}

/// One consumer, and what it subscribed to.
pub(crate) struct Recipient {
    pub(super) spec: Subscription,
    pub(super) consumer: Arc<dyn DynConsumer>,
    /// Whether it subscribed while the queue was running.
    pub(super) late: bool,
    pub(super) field: Arc<Field>,
}

/// One resource and one consumer.
pub(crate) type Key = (Arc<str>, Uid);

impl Recipient {
    /// Hands it to the consumer, as a queue without a bug would.
    pub(super) fn hand(&self, delivery: Delivery) -> Answering<'_> {
        self.consumer.consume_boxed(delivery)
    }

    pub(super) fn key(&self, delivery: &Delivery) -> Key {
        (self.spec.name.clone(), delivery.envelope.resource.uid.clone())
    }

    /// Takes this subscription's hold off a resource.
    pub(super) async fn let_go(&self, resource: &ResourceId) {
        if let Some(hold) = &self.spec.hold {
            self.field.hands.remove_hold(resource, &hold.name).await;
        }
    }
}

impl Field {
    pub(super) fn recipients(&self) -> Vec<Arc<Recipient>> {
        lock(&self.recipients).clone()
    }

    /// The one that was created last under this name.
    pub(super) fn latest(&self, name: &str) -> Option<ResourceId> {
        lock(&self.made).iter().rfind(|resource| &*resource.name == name).cloned()
    }

    /// Tells those who ask for it that a resource has gone, whether or not it has.
    pub(super) async fn tell_gone(&self, resource: &ResourceId) {
        for recipient in self.recipients().into_iter().filter(|recipient| recipient.spec.gone) {
            let _ = recipient.hand(made_up(resource, State::Gone)).await;
        }
    }
}

/// A delivery that no queue has made.
pub(super) fn made_up(resource: &ResourceId, state: State) -> Delivery {
    Delivery {
        envelope: Envelope { resource: resource.clone(), deletion_timestamp: None },
        state,
        cause: Cause::Change,
        attempt: 1,
        version: Version::UNKNOWN,
        hold: HoldState::NotAsked,
        labels: Vec::new(),
    }
}

/// What a bug can do to the system of record.
pub(crate) trait Hands: Send + Sync {
    fn update<'a>(&'a self, resource: &'a ResourceId) -> BoxFuture<'a, ()>;
    fn strip_holds<'a>(&'a self, resource: &'a ResourceId) -> BoxFuture<'a, ()>;
    fn remove_hold<'a>(&'a self, resource: &'a ResourceId, hold: &'a str) -> BoxFuture<'a, ()>;
    fn is_deleting<'a>(&'a self, resource: &'a ResourceId) -> BoxFuture<'a, bool>;
    fn version<'a>(&'a self, resource: &'a ResourceId) -> BoxFuture<'a, Option<Version>>;
}

impl<D: Driver> Hands for Arc<D> {
    fn update<'a>(&'a self, resource: &'a ResourceId) -> BoxFuture<'a, ()> {
        Driver::update(&**self, resource).map(drop).boxed()
    }

    fn strip_holds<'a>(&'a self, resource: &'a ResourceId) -> BoxFuture<'a, ()> {
        Driver::strip_holds(&**self, resource).map(drop).boxed()
    }

    fn remove_hold<'a>(&'a self, resource: &'a ResourceId, hold: &'a str) -> BoxFuture<'a, ()> {
        Driver::remove_hold(&**self, resource, hold).map(drop).boxed()
    }

    fn is_deleting<'a>(&'a self, resource: &'a ResourceId) -> BoxFuture<'a, bool> {
        let looked = Driver::look(&**self, resource);
        looked.map(|seen| seen.is_ok_and(|seen| seen.is_some_and(|seen| seen.deleting))).boxed()
    }

    fn version<'a>(&'a self, resource: &'a ResourceId) -> BoxFuture<'a, Option<Version>> {
        Driver::look(&**self, resource).map(|seen| Some(seen.ok()??.version)).boxed()
    }
}

/// What a bug remembers, by resource and consumer or otherwise.
pub(crate) type Notes<K, V> = Mutex<HashMap<K, V>>;

/// Which a bug has come across.
pub(crate) type Met<K> = Mutex<HashSet<K>>;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

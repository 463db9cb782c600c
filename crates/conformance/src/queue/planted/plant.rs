use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use rewitness_messaging::{
    Capabilities, Delivery, Error, Failure, Listed, Outcome, Pause, Progress, ResourceId, Stopped,
    Subscription, WakeKey,
};

use super::field::{Answering, Field, Recipient};
use crate::queue::driver::Fault;
use crate::queue::world::YEAR;

/// Where a bug can be planted. Every default passes on what it gets.
pub(crate) trait Plant: Send + Sync + 'static {
    /// What is handed to a consumer.
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        to.hand(delivery)
    }

    /// A marker that is handed to a consumer.
    fn listed<'a>(&'a self, to: &'a Recipient, marker: Listed) -> BoxFuture<'a, Result<(), Failure>> {
        to.consumer.listed_boxed(marker)
    }

    /// What a consumer hears of its hold.
    fn released(
        &self,
        to: &Recipient,
        resource: &ResourceId,
        released: Result<(), Failure>,
    ) -> Result<Outcome, Failure> {
        to.consumer.released_dyn(resource, released)
    }

    /// What a subscription asks for.
    fn subscription(&self, asked: Subscription) -> Subscription {
        asked
    }

    /// A subscription has ended.
    fn closed(&self, _who: &Recipient) {}

    /// What a handle shows.
    fn progress(&self, shown: Progress) -> Progress {
        shown
    }

    /// What a handle's waiters wait for.
    fn changed(&self, notified: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
        notified
    }

    /// What the queue says that it can.
    fn capabilities(&self, said: Capabilities) -> Capabilities {
        said
    }

    /// The keys that are woken instead of this one.
    fn wake(&self, key: &WakeKey) -> Vec<WakeKey> {
        vec![key.clone()]
    }

    /// The subscriptions, of all that there are, to which a resource is delivered again instead of this one.
    fn redeliver(&self, to: &str, _all: Vec<String>) -> Vec<String> {
        vec![to.to_owned()]
    }

    /// What is paused.
    fn pause(&self, asked: Pause) -> Pause {
        asked
    }

    /// What stops the queue.
    fn stop(&self, asked: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
        asked
    }

    /// The grace period.
    fn grace(&self, asked: Duration) -> Duration {
        asked
    }

    /// How a run ended.
    fn ended(&self, how: Result<Stopped, Error>) -> Result<Stopped, Error> {
        how
    }

    /// A case has written to the system of record.
    fn after_write<'a>(
        &'a self,
        _field: &'a Field,
        _write: Write,
        _resource: &'a ResourceId,
    ) -> BoxFuture<'a, ()> {
        std::future::ready(()).boxed()
    }

    /// A case has forced a fault, on a resource if it is one of a resource.
    fn after_fault<'a>(
        &'a self,
        _field: &'a Field,
        _fault: Fault,
        _resource: Option<&'a ResourceId>,
    ) -> BoxFuture<'a, ()> {
        std::future::ready(()).boxed()
    }
}

/// What a case writes, as far as bugs care.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    Touch,
    Relabel,
    Strip,
    Delete,
}

/// No bug.
pub(crate) struct Sound;

impl Plant for Sound {}

/// Says that it is done, without the consumer.
pub(crate) fn swallowed() -> Answering<'static> {
    std::future::ready(Ok(Outcome::Done)).boxed()
}

/// Puts it off for ever, without the consumer.
pub(crate) fn put_off() -> Answering<'static> {
    std::future::ready(Ok(Outcome::requeue_after(YEAR))).boxed()
}

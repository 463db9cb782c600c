use std::future::Future;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::{Delivery, Failure, Kind, Outcome, ResourceId};

/// Code that does something with a delivery and answers.
///
/// Any `async` function from [`Delivery`] to `Result<Outcome, Failure>` is one.
///
/// # Assumptions
///
/// - It tolerates repetition: the same delivery can come any number of times (Q1, Q2).
/// - It reads what it needs from the system of record, and checks the uid of what it reads (Q7).
/// - It ends. The queue sets no time limit of its own on a consumer; one that hangs occupies one
///   place of its own subscription's concurrency, and nobody else's (Q5).
///
/// A panic is caught and counts as a failure that is retried with backoff.
///
/// ```
/// use rewitness_messaging::{Consumer, Delivery, Failure, Outcome, State};
///
/// async fn clean_up(delivery: Delivery) -> Result<Outcome, Failure> {
///     if delivery.state == State::Deleting {
///         // … what is due
///     }
///     Ok(Outcome::Done)
/// }
///
/// fn is_consumer(_: impl Consumer) {}
/// is_consumer(clean_up);
/// ```
pub trait Consumer: Send + Sync + 'static {
    /// Acts on one delivery. It ends only with [`Outcome::Done`] or [`Outcome::DoneAt`]; anything else
    /// comes back.
    fn consume(&self, delivery: Delivery) -> impl Future<Output = Result<Outcome, Failure>> + Send;

    /// Hears, in order, that everything in one list has been handed over (Q9). Called only if the
    /// subscription asked for it; an error brings it back, with backoff.
    fn listed(&self, _marker: Listed) -> impl Future<Output = Result<(), Failure>> + Send {
        async { Ok(()) }
    }

    /// Hears what became of the hold after it was done with a deletion: that it is off, or why it could
    /// not be removed. To a failure it answers what comes next, which by default is the failure.
    /// MUST NOT block.
    fn released(&self, _resource: &ResourceId, released: Result<(), Failure>) -> Result<Outcome, Failure> {
        released.map(|()| Outcome::Done)
    }
}

impl<F, Fut> Consumer for F
where
    F: Fn(Delivery) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Outcome, Failure>> + Send,
{
    async fn consume(&self, delivery: Delivery) -> Result<Outcome, Failure> {
        self(delivery).await
    }
}

/// Everything of this kind and scope that was there has been handed over once (Q9).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Listed {
    /// The kind whose list is complete.
    pub kind: Kind,
    /// The namespace that was listed, or `None` for all.
    pub namespace: Option<Arc<str>>,
}

/// A [`Consumer`] behind a pointer. Implemented for every consumer; backends keep these.
pub trait DynConsumer: Send + Sync + 'static {
    /// [`Consumer::consume`], boxed.
    fn consume_boxed(&self, delivery: Delivery) -> BoxFuture<'_, Result<Outcome, Failure>>;
    /// [`Consumer::listed`], boxed.
    fn listed_boxed(&self, marker: Listed) -> BoxFuture<'_, Result<(), Failure>>;
    /// [`Consumer::released`].
    fn released_dyn(&self, resource: &ResourceId, released: Result<(), Failure>) -> Result<Outcome, Failure>;
}

impl<C: Consumer> DynConsumer for C {
    fn consume_boxed(&self, delivery: Delivery) -> BoxFuture<'_, Result<Outcome, Failure>> {
        self.consume(delivery).boxed()
    }

    fn listed_boxed(&self, marker: Listed) -> BoxFuture<'_, Result<(), Failure>> {
        self.listed(marker).boxed()
    }

    fn released_dyn(&self, resource: &ResourceId, released: Result<(), Failure>) -> Result<Outcome, Failure> {
        self.released(resource, released)
    }
}

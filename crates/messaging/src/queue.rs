use std::fmt;
use std::future::Future;
use std::sync::Arc;

use futures::future::BoxFuture;
use thiserror::Error;

use crate::{Consumer, Kind, Subscription, Uid, WakeKey};

/// A replayable queue of resource lifecycles.
///
/// # Guarantees
///
/// A backend MUST keep these; the conformance suite has a test named after each.
///
/// - **Q1 replay.** On every start, each resource active at that moment is delivered to every
///   consumer at least once. The first deliveries begin with the first page of the list.
/// - **Q2 retry.** A delivery ends only with [`Outcome::Done`](crate::Outcome::Done). An error
///   means delivered again, with exponential backoff and full jitter per resource and consumer,
///   reset by success. An event that changes neither generation nor deletion timestamp nor a label
///   that was asked for neither shortens the backoff nor resets the attempts. A deletion is never
///   parked for good: one that fails with `Never` is retried at the longest interval.
/// - **Q3 routing.** The deletion timestamp decides. Once a uid was delivered as deleting it is
///   never delivered as live again.
/// - **Q4 one at a time.** For one resource and consumer at most one delivery is in flight. What
///   happens meanwhile coalesces into exactly one more, with the newest state.
/// - **Q5 isolation.** A slow or failing consumer neither delays another nor makes it run again.
/// - **Q6 deletion is witnessed.** A subscription's [`Hold`](crate::Hold) is on a resource before
///   its consumer is handed the resource for any effect, and is removed only when that consumer
///   answered `Done` to the deleting delivery, or [`DoneAt`](crate::Outcome::DoneAt) the version at
///   which the resource then is. A selector decides what is held while it lives; a
///   deletion that carries the hold is delivered whatever its labels are by then.
/// - **Q7 identity.** No action meant for one uid ever reaches a resource with another.
/// - **Q8 fairness.** Deletions go before changes, and those before replay; each has a guaranteed
///   share of at least one delivery in four while it has any.
/// - **Q9 replay is observable.** [`Handle::replayed`] waits until everything listed was handed
///   over once; [`Handle::progress`] shows how far it is. Any number of waiters is woken.
/// - **Q10 stopping.** After `stop` no new delivery starts, running ones get a grace period, and
///   [`Queue::run`] returns. What was unfinished is delivered again by Q1.
/// - **Q11 poison.** A resource that cannot be read stops itself alone, never its kind.
/// - **Q12 backend errors are survived.** Lost connections, expired versions, overload and a
///   restarted system of record lead to resumption or a full re-list, never to an exit or silence.
/// - **Q13 pause.** Live work and deletions can be held back separately; nothing is lost meanwhile.
/// - **Q14 gone.** When a resource has left the system of record, subscriptions that ask for it
///   get one [`State::Gone`](crate::State::Gone) per uid, after its last other delivery, with the
///   last values known. A list that no longer has a uid is a `Gone`. A consumer whose own `Done`
///   released the resource is not told again.
///
/// # Caveats
///
/// Without a hold the queue writes nothing to a resource, and a resource that is created and gone,
/// or deleted and gone, while nothing runs is not seen.
pub trait Queue: Clone + Send + Sync + 'static {
    /// What this backend can promise.
    fn capabilities(&self) -> Capabilities;

    /// Begins to deliver to a consumer, at any time, also while the queue runs. What is known
    /// already is replayed to it. Dropping or closing the handle ends it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSubscription`] if [`Subscription::check`] fails; [`Error::NameTaken`] if a
    /// subscription of that name is there, or has ended and its deliveries in flight have not;
    /// [`Error::HoldTaken`] likewise if its hold's name is in use.
    fn subscribe(&self, subscription: Subscription, consumer: impl Consumer) -> Result<Handle, Error>;

    /// Ends the waits of all deliveries that were requeued under this key.
    fn wake(&self, key: &WakeKey);

    /// Delivers a resource to one subscription again, as a change, whatever its consumer has answered:
    /// something that it depends on has changed. What waits for its next try after a failure stays
    /// with its backoff (Q2), and what the queue does not know, or has released, stays as it is.
    fn redeliver(&self, subscription: &str, resource: &Uid);

    /// Holds back what `pause` says, and lets the rest go on (Q13).
    fn pause(&self, pause: Pause);

    /// Delivers until `stop` completes, then drains (Q10). A queue can be run again afterwards,
    /// which is a new start (Q1), but not twice at a time.
    ///
    /// # Errors
    ///
    /// [`Error::Running`] if it runs already. Trouble with the system of record is no error: it is
    /// survived (Q12) and shown by [`Progress::sources`].
    fn run(
        &self,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = Result<Stopped, Error>> + Send;
}

/// What a backend can promise by its nature. Each flag has a test for both of its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Whether a [`Hold`](crate::Hold) keeps a resource in the system of record (Q6). Where it
    /// does not, a subscription that asks for one is refused.
    pub holds_deletion: bool,
}

impl Capabilities {
    /// A backend that can promise everything.
    pub const ALL: Self = Self { holds_deletion: true };

    /// The same, without holds.
    pub const fn without_holds(mut self) -> Self {
        self.holds_deletion = false;
        self
    }
}

/// What is held back (Q13). Nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pause {
    /// Deliveries of live resources.
    pub live: bool,
    /// Deliveries of resources that are being deleted or have gone.
    pub deletions: bool,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stopped {
    /// How many deliveries were cut off because they outlasted the grace period.
    pub cut_off: usize,
}

/// Why a queue refuses.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// The subscription makes no sense.
    #[error("subscription `{name}` is invalid: {reason}")]
    InvalidSubscription {
        /// Whose.
        name: Arc<str>,
        /// Why.
        reason: &'static str,
    },
    /// The name is in use.
    #[error("a subscription named `{name}` is there already; names are unique in a queue")]
    NameTaken {
        /// Which.
        name: Arc<str>,
    },
    /// The hold is in use: two consumers must not share one, or one would let go for both.
    #[error("the hold `{hold}` belongs to subscription `{owner}` already; each needs its own")]
    HoldTaken {
        /// Which.
        hold: Arc<str>,
        /// Whose it is.
        owner: Arc<str>,
    },
    /// The hold's name cannot be one.
    #[error("`{hold}` cannot be the name of a hold: {reason}")]
    InvalidHold {
        /// Which.
        hold: Arc<str>,
        /// Why.
        reason: &'static str,
    },
    /// The kind must not be held: what keeps it would keep the system of record itself from working.
    #[error(
        "subscription `{name}` would hold {kind}, a protected kind; allow that explicitly if it is meant"
    )]
    ProtectedKind {
        /// Whose.
        name: Arc<str>,
        /// Which kind.
        kind: Kind,
    },
    /// The backend cannot hold.
    #[error("subscription `{name}` asks for a hold, which this queue cannot give")]
    CannotHold {
        /// Whose.
        name: Arc<str>,
    },
    /// The queue runs already.
    #[error("the queue is running already")]
    Running,
}

/// How far the replay of a subscription is (Q9), and what there is to worry about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// How many resources were listed for it, so far.
    pub listed: u64,
    /// How many of those were delivered and answered at least once, whatever the answer.
    pub delivered: u64,
    /// Deliveries in flight.
    pub in_flight: u64,
    /// Resources whose last delivery failed, and that come back or are parked.
    pub failing: u64,
    /// Resources that still lack the subscription's hold.
    pub awaiting_hold: u64,
    /// Resources that vanished although they were held and not yet answered for: somebody took
    /// the hold off by force.
    pub lost: u64,
    /// Whether every list is complete and everything in them was delivered once. Stays true until
    /// the queue is run again, which is a new start.
    pub replayed: bool,
    /// The lists and watches that serve it.
    pub sources: Vec<SourceProgress>,
}

impl Progress {
    /// How many listed resources were not yet delivered once.
    pub fn outstanding(&self) -> u64 {
        self.listed.saturating_sub(self.delivered)
    }
}

/// One list and watch, and how it fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceProgress {
    /// What is listed.
    pub kind: Kind,
    /// Where; `None` is everywhere.
    pub namespace: Option<Arc<str>>,
    /// How it fares.
    pub state: SourceState,
    /// Why holds could not be added to its resources of late, for a person to act on.
    pub holds_failing: Option<Arc<str>>,
    /// Of how many of its resources somebody else took a hold off more than once, without its having stayed
    /// for five minutes since. It is put back, with growing pauses.
    pub contested: u64,
    /// How often its versions moved backwards: the system of record was restored from a backup.
    pub rollbacks: u64,
    /// How many resources of it cannot be read (Q11).
    pub poisoned: u64,
}

/// How one list and watch fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SourceState {
    /// Its first list is not complete.
    #[default]
    Listing,
    /// It is listed, and watched.
    Synced,
    /// It fails, and is tried again.
    Failing {
        /// Why, for a person to act on.
        reason: Arc<str>,
    },
}

/// One subscription. Dropping it ends the subscription; its holds stay on the resources.
pub struct Handle(Arc<dyn Control>);

/// What a backend does for its handles.
pub trait Control: Send + Sync {
    /// How far it is.
    fn progress(&self) -> Progress;
    /// Completes when the progress may have changed since it was called.
    fn changed(&self) -> BoxFuture<'static, ()>;
    /// Ends the subscription. Idempotent.
    fn close(&self);
}

impl Handle {
    /// For backends: a handle from what it does.
    pub fn new(control: Arc<dyn Control>) -> Self {
        Self(control)
    }

    /// How far the subscription is.
    pub fn progress(&self) -> Progress {
        self.0.progress()
    }

    /// Completes when the progress may have changed since the call.
    pub fn changed(&self) -> impl Future<Output = ()> + Send + use<> {
        self.0.changed()
    }

    /// Waits until everything listed was delivered and answered once. Any number may wait.
    ///
    /// # Caveats
    ///
    /// It waits for as long as a kind cannot be listed; [`Progress::sources`] says which and why.
    pub async fn replayed(&self) -> Progress {
        self.when(|progress| progress.replayed).await
    }

    /// Waits until the progress is as `wanted`.
    pub async fn when(&self, wanted: impl Fn(&Progress) -> bool) -> Progress {
        loop {
            let changed = self.0.changed();
            let progress = self.progress();
            if wanted(&progress) {
                return progress;
            }
            changed.await;
        }
    }

    /// Ends the subscription; what is in flight may finish.
    pub fn close(self) {}
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.progress()).finish()
    }
}

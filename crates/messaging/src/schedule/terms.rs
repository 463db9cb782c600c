//! The values by which the rules speak of sources, subscriptions and what is due.

use std::sync::Arc;
use std::time::Duration;

use super::table::Index;
use crate::{Delivery, Listed, Retry, Source, Subscription, WakeKey};

/// One list and watch that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub(super) u32);

/// One subscription, for as long as it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriberId(pub(super) u32);

/// What a backend must open, list again or close.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceChange {
    /// List it, then watch it.
    Open {
        /// From now on known by this.
        id: SourceId,
        /// What to list.
        source: Source,
    },
    /// List it again: somebody needs what was not kept.
    Relist {
        /// Which.
        id: SourceId,
    },
    /// Nobody needs it any more.
    Close {
        /// Which.
        id: SourceId,
    },
}

/// One delivery or marker that is due now, for one subscription.
#[derive(Debug)]
pub struct Admitted {
    /// To be handed back with the answer.
    pub ticket: Ticket,
    /// Whose it is.
    pub subscriber: SubscriberId,
    /// What it asked for.
    pub subscription: Arc<Subscription>,
    /// What is due.
    pub work: Work,
}

/// What is handed to a consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// A delivery.
    Deliver(Delivery),
    /// A marker: a list is complete.
    Listed(Listed),
}

/// Names one admission. Used once; one of a run that has ended is ignored.
#[derive(Debug)]
pub struct Ticket {
    pub(super) run: u32,
    pub(super) place: Place,
}

impl Ticket {
    /// Whose admission it is.
    pub(crate) fn subscriber(&self) -> SubscriberId {
        self.place.subscriber
    }
}

/// What became of an admission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The consumer is done with this state.
    Done {
        /// Whether the hold was removed for it.
        released: bool,
    },
    /// The consumer is done with a version at which the resource is not any more. It is delivered again,
    /// as a change.
    Changed,
    /// The consumer wants it again.
    RequeueAfter {
        /// The longest wait.
        after: Duration,
        /// What ends the wait sooner.
        wake: Option<WakeKey>,
    },
    /// It failed.
    Failed(Retry),
}

/// A resource, as one subscription sees it: subscriber, attachment, index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) subscriber: SubscriberId,
    pub(super) at: u16,
    pub(super) index: Index,
}

/// Stands for the marker of an attachment where an index is expected.
pub(super) const MARKER: Index = Index::MAX;

/// What becomes due later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    Delivery(Place),
    HoldWrite(SourceId, Index),
    /// The holds have stayed: nobody contests them any more.
    EndOfContest(SourceId, Index),
}

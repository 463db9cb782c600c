use std::sync::Arc;

use rewitness_messaging::Version;
use rewitness_messaging::dispatcher::Dispatcher;
use rewitness_messaging::schedule::{Observation, SourceId, Via};

/// What a list and watch has to tell, in its order.
#[derive(Debug)]
pub enum Seen<'a> {
    /// The server serves the kind; a list follows.
    Served {
        /// Whether its resources live in namespaces.
        namespaced: bool,
    },
    /// A list begins: what it does not show until [`Seen::ListFinished`] is gone. One that was under way
    /// has failed.
    ListStarted,
    /// These resources are there: a page of the list, or events of the watch.
    Shown {
        /// By which of the two.
        via: Via,
        /// They, with all their labels.
        page: Vec<Observation<'a>>,
    },
    /// The list shows a resource that cannot be read. With neither name nor uid, it may be any.
    Unreadable {
        /// Its namespace.
        namespace: Option<&'a str>,
        /// Its name.
        name: Option<&'a str>,
        /// Its uid.
        uid: Option<&'a str>,
    },
    /// A resource has left, or no longer matches the selector.
    Removed {
        /// Which.
        uid: &'a str,
        /// The version at which it left.
        version: Version,
    },
    /// The list is complete.
    ListFinished,
    /// It cannot be listed or watched, and is tried again.
    Failing {
        /// Why, for a person to act on.
        reason: Arc<str>,
        /// Whether the kind is not served, or may not be seen: what was seen says nothing any more.
        is_hidden: bool,
    },
    /// It can be listed and watched again.
    Recovered,
    /// The server's versions moved backwards; a list follows.
    RolledBack,
    /// So many resources cannot be read at present.
    Poisoned {
        /// How many.
        count: u64,
    },
}

/// Who is told what a list and watch shows; see [`KubernetesQueue::observe`](crate::KubernetesQueue::observe).
pub trait Observer: Send + 'static {
    /// Takes note of it. MUST be short: the list and watch waits for it.
    fn see(&mut self, seen: Seen<'_>);

    /// Whether the kind is observed in other namespaces too. Should it turn out to have none, each of them
    /// would show all of it.
    fn is_one_of_several(&self) -> bool {
        false
    }
}

/// A source of the queue.
pub(super) struct QueueSource {
    pub(super) dispatcher: Dispatcher,
    pub(super) id: SourceId,
}

impl Observer for QueueSource {
    fn see(&mut self, seen: Seen<'_>) {
        let Self { dispatcher, id } = self;
        match seen {
            Seen::Served { .. } => {}
            Seen::ListStarted => dispatcher.list_started(*id),
            Seen::Shown { via, page } => dispatcher.observe(*id, via, page),
            Seen::Unreadable { namespace, name, uid } => dispatcher.unreadable(*id, namespace, name, uid),
            Seen::Removed { uid, .. } => dispatcher.removed(*id, uid),
            Seen::ListFinished => dispatcher.list_finished(*id),
            Seen::Failing { reason, .. } => dispatcher.failing(*id, reason),
            Seen::Recovered => dispatcher.recovered(*id),
            Seen::RolledBack => dispatcher.rolled_back(*id),
            Seen::Poisoned { count } => dispatcher.poisoned(*id, count),
        }
    }

    fn is_one_of_several(&self) -> bool {
        self.dispatcher.is_one_of_several(self.id)
    }
}

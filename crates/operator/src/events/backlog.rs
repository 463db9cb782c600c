use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::core::v1::ObjectReference;
use rewitness_cascade::Event;
use rewitness_messaging::Timestamp;
use tokio::sync::Notify;

/// How many Events wait to be written: about a megabyte, and what one task writes in some seconds.
pub(super) const BACKLOG: usize = 1024;

/// What the sinks and the writer share.
#[derive(Default)]
pub(super) struct Shared {
    backlog: Mutex<Backlog>,
    pub(super) notify: Notify,
}

impl Shared {
    pub(super) fn backlog(&self) -> MutexGuard<'_, Backlog> {
        self.backlog.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What waits to be written, the oldest first.
#[derive(Default)]
pub(super) struct Backlog {
    pub(super) events: VecDeque<Written>,
    pub(super) left_out: u64,
}

/// One Event, and the object that it is about.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) regarding: ObjectReference,
    pub(super) related: ObjectReference,
    pub(super) event: Event,
    pub(super) at: Timestamp,
}

impl Backlog {
    pub(super) fn push(&mut self, event: Written) {
        if self.events.len() == BACKLOG {
            self.events.pop_front();
            self.left_out += 1;
        }
        self.events.push_back(event);
    }
}

//! Events on parents and on Cascades: what `kubectl describe` tells.
//!
//! What is to be told is decided by [`DeletionEvents`]; here it is written, by one task behind a bounded
//! channel, so that no deletion ever waits for it or fails by it.
//!
//! # Guarantees
//!
//! - [`CascadeEvents::report`] does not block. If Events come faster than they can be written, the
//!   oldest are left out, and how many is logged.
//! - One deletion of many cannot fill a Cascade's Events: beyond a burst they are thinned out, and
//!   the next one says how many were left out.
//! - A failure is logged once per cause. A namespace that has gone or is going is none.
//!
//! # Rights
//!
//! `create` on `events` in the group `events.k8s.io`, in the parents' namespaces and in `default`,
//! where Events about objects without a namespace live.
//!
//! # Why not the recorder of kube-runtime
//!
//! It keeps what it wrote for six minutes, in any number, and takes a second Event of one reason
//! about one object for a repetition of the first, whatever its note says: the second stage of a
//! deletion would be lost in the first. Its names of Events are invalid for some names of objects.

mod writer;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{Client, Resource};
use rewitness_cascade::{About, DeletionEvents, DeletionState, Event, Report};
use rewitness_crds::Cascade;
use rewitness_messaging::{ResourceId, Timestamp, Uid};
use tokio::sync::broadcast;
pub use writer::EventWriter;
use writer::Written;

/// How many Events wait to be written: about a megabyte, and what one task writes in some seconds.
const BACKLOG: usize = 1024;

/// How many Events about one Cascade are written at once, and how often one more is.
const BURST: u32 = 60;
const REFILL: Duration = Duration::from_secs(10);

/// The two ends of the channel: where Events come from, and the task that writes them.
pub fn events(client: Client) -> (EventSink, EventWriter) {
    let (sink, events) = broadcast::channel(BACKLOG);
    (EventSink(sink), EventWriter::new(client, events))
}

/// Where Events are put. Clones are the same.
#[derive(Clone)]
pub struct EventSink(broadcast::Sender<Written>);

impl EventSink {
    /// The Events of one Cascade, to be kept as long as it is followed.
    pub fn of(&self, cascade: &Cascade) -> CascadeEvents {
        CascadeEvents {
            sink: self.clone(),
            name: cascade.metadata.name.clone().unwrap_or_default(),
            cascade: cascade.object_ref(&()),
            parent_api_version: cascade.spec.parent.api_version.clone(),
            state: Mutex::default(),
        }
    }
}

/// The Events of one Cascade and of its parents.
pub struct CascadeEvents {
    sink: EventSink,
    name: String,
    cascade: ObjectReference,
    parent_api_version: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// One for each parent that is held.
    deletions: HashMap<Uid, DeletionEvents>,
    budget: Budget,
}

impl CascadeEvents {
    /// Tells what is new since the last report of the same parent.
    pub fn report(&self, report: &Report) {
        let mut told = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let uid = &report.parent.uid;
        let events = told.deletions.entry(uid.clone()).or_default().next(&self.name, report);
        if matches!(report.state, DeletionState::Finished { .. } | DeletionState::Left) {
            told.deletions.remove(uid);
        }
        let parent = reference(&report.parent, &self.parent_api_version);
        for event in events {
            let written = match event.about {
                About::Parent => Some((parent.clone(), self.cascade.clone(), event)),
                About::Cascade => told
                    .budget
                    .admit(event, report.at)
                    .map(|event| (self.cascade.clone(), parent.clone(), event)),
            };
            if let Some((regarding, related, event)) = written {
                // Without a writer the process is ending.
                let _ = self.sink.0.send(Written { regarding, related, event, at: report.at });
            }
        }
    }
}

fn reference(parent: &ResourceId, api_version: &str) -> ObjectReference {
    ObjectReference {
        api_version: Some(api_version.to_owned()),
        kind: Some(parent.kind.kind.to_string()),
        namespace: parent.namespace.as_deref().map(str::to_owned),
        name: Some(parent.name.to_string()),
        uid: Some(parent.uid.to_string()),
        ..ObjectReference::default()
    }
}

/// How many Events one object may get: a bucket of tokens.
struct Budget {
    tokens: u32,
    refilled: Option<Timestamp>,
    left_out: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { tokens: BURST, refilled: None, left_out: 0 }
    }
}

impl Budget {
    /// The event, unless there were too many.
    fn admit(&mut self, mut event: Event, now: Timestamp) -> Option<Event> {
        let refilled = *self.refilled.get_or_insert(now);
        let seconds = now.duration_since(refilled).as_secs().max(0).unsigned_abs();
        let earned = u32::try_from(seconds / REFILL.as_secs()).unwrap_or(BURST);
        if earned > 0 {
            self.tokens = BURST.min(self.tokens.saturating_add(earned));
            self.refilled = Some(now);
        }
        if self.tokens == 0 {
            self.left_out += 1;
            return None;
        }
        self.tokens -= 1;
        match std::mem::take(&mut self.left_out) {
            0 => {}
            // Notes leave room for this.
            left_out => event.note = format!("({left_out} Events before this were left out) {}", event.note),
        }
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use rewitness_cascade::Severity;
    use rewitness_crds::Reason;

    use tokio::sync::broadcast::error::TryRecvError;

    use super::*;

    fn event(note: &str) -> Event {
        Event {
            about: About::Cascade,
            severity: Severity::Normal,
            reason: Reason::StageStarted,
            note: note.to_owned(),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_thousand_deletions_do_not_fill_the_events_of_their_cascade() {
        let mut budget = Budget::default();
        let admitted = (0..1000).filter_map(|_| budget.admit(event("n"), at(0))).count();
        assert_eq!(admitted, BURST as usize);
        let next = budget.admit(event("n"), at(10)).unwrap();
        assert_eq!(next.note, "(940 Events before this were left out) n");
        assert!(budget.admit(event("n"), at(19)).is_none());
        assert!(budget.admit(event("n"), at(3600)).is_some());
    }

    #[tokio::test]
    async fn a_full_backlog_leaves_out_the_oldest_and_counts_them() {
        let nowhere = kube::Config::new("http://127.0.0.1:1".parse().unwrap());
        let (sink, mut writer) = events(Client::try_from(nowhere).unwrap());
        for index in 0..BACKLOG + 5 {
            let written = Written {
                regarding: ObjectReference::default(),
                related: ObjectReference::default(),
                event: event(&index.to_string()),
                at: at(0),
            };
            sink.0.send(written).unwrap();
        }
        assert_eq!(writer.events.try_recv().unwrap_err(), TryRecvError::Lagged(5));
        assert_eq!(writer.events.len(), BACKLOG);
        assert_eq!(writer.events.try_recv().unwrap().event.note, "5");
    }
}

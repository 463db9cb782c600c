//! Events on parents and on Cascades: what `kubectl describe` tells.
//!
//! What is to be told is decided by [`Story`]; here it is written, by one task behind a bounded
//! backlog, so that no deletion ever waits for it or fails by it.
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

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event as KubernetesEvent;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client, Resource};
use rewitness_consumers::cascade::{About, Event, Report, Standing, Story};
use rewitness_crds::Cascade;
use rewitness_messaging::{ResourceId, Timestamp, Uid};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// Who says so, as `kubectl describe` shows it.
const REPORTER: &str = "rewitness.dev/operator";

/// How many Events wait to be written: about a megabyte, and what one task writes in some seconds.
const BACKLOG: usize = 1024;

/// How many Events about one Cascade are written at once, and how often one more is.
const BURST: u32 = 60;
const REFILL: Duration = Duration::from_secs(10);

/// How long one call may take, and how long the last ones may when the process ends.
const CALL: Duration = Duration::from_secs(10);
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The pauses between the tries of one Event. It is then left out.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(250), Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(8)];

/// The two ends of the backlog: where Events come from, and the task that writes them.
pub(crate) fn events(client: Client) -> (EventSink, EventWriter) {
    let shared = Arc::new(Shared { backlog: Mutex::default(), bell: Notify::new() });
    let writer = EventWriter {
        client,
        shared: shared.clone(),
        current: None,
        said: HashSet::new(),
        last: Timestamp::UNIX_EPOCH,
    };
    (EventSink(shared), writer)
}

/// Where Events are put. Clones are the same.
#[derive(Clone)]
pub(crate) struct EventSink(Arc<Shared>);

struct Shared {
    backlog: Mutex<Backlog>,
    bell: Notify,
}

impl Shared {
    fn backlog(&self) -> MutexGuard<'_, Backlog> {
        self.backlog.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What waits to be written, the oldest first.
#[derive(Default)]
struct Backlog {
    events: VecDeque<Written>,
    left_out: u64,
}

/// One Event, and the object that it is about.
#[derive(Clone, Debug)]
struct Written {
    regarding: ObjectReference,
    related: ObjectReference,
    event: Event,
    at: Timestamp,
}

impl Backlog {
    fn push(&mut self, event: Written) {
        if self.events.len() == BACKLOG {
            self.events.pop_front();
            self.left_out += 1;
        }
        self.events.push_back(event);
    }
}

impl EventSink {
    /// The Events of one Cascade, to be kept as long as it is followed.
    pub(crate) fn of(&self, cascade: &Cascade) -> CascadeEvents {
        CascadeEvents {
            sink: self.clone(),
            name: cascade.metadata.name.clone().unwrap_or_default(),
            cascade: cascade.object_ref(&()),
            parent_api_version: cascade.spec.parent.api_version.clone(),
            told: Mutex::default(),
        }
    }
}

/// The Events of one Cascade and of its parents.
pub(crate) struct CascadeEvents {
    sink: EventSink,
    name: String,
    cascade: ObjectReference,
    parent_api_version: String,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    /// One for each parent that is held.
    stories: HashMap<Uid, Story>,
    budget: Budget,
}

impl CascadeEvents {
    /// Tells what is new since the last report of the same parent.
    pub(crate) fn report(&self, report: &Report) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let uid = &report.parent.uid;
        let events = told.stories.entry(uid.clone()).or_default().tell(&self.name, report);
        if matches!(report.standing, Standing::Finished { .. } | Standing::Left) {
            told.stories.remove(uid);
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
                self.sink.0.backlog().push(Written { regarding, related, event, at: report.at });
            }
        }
        self.sink.0.bell.notify_one();
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

/// The task that writes.
pub(crate) struct EventWriter {
    client: Client,
    shared: Arc<Shared>,
    /// What is being written, also if that was interrupted. It keeps its name, so that a try whose
    /// answer was lost is not made twice.
    current: Option<KubernetesEvent>,
    /// The causes of failures that were logged, by their status; 0 is no answer.
    said: HashSet<u16>,
    /// When the last Event was named; names are times, and are used once.
    last: Timestamp,
}

impl EventWriter {
    /// Writes until it is told to stop, and then what is left, for a short time.
    pub(crate) async fn run(mut self, stop: impl Future<Output = ()>) {
        tokio::select! {
            () = self.write_on() => {}
            () = stop => {}
        }
        if timeout(LAST_WORDS, self.write_all()).await.is_err() {
            let events = self.shared.backlog().events.len() + usize::from(self.current.is_some());
            tracing::warn!(events, "Events are left unwritten");
        }
    }

    async fn write_on(&mut self) {
        loop {
            self.shared.clone().bell.notified().await;
            self.write_all().await;
        }
    }

    async fn write_all(&mut self) {
        loop {
            let (next, left_out) = {
                let mut backlog = self.shared.backlog();
                let next = if self.current.is_none() { backlog.events.pop_front() } else { None };
                (next, std::mem::take(&mut backlog.left_out))
            };
            if let Some(next) = next {
                self.last = Timestamp::now().max(self.last + Duration::from_nanos(1));
                self.current = Some(as_kubernetes(&next, self.last));
            }
            if left_out > 0 {
                tracing::warn!(
                    left_out,
                    "Events come faster than they can be written; the oldest are left out"
                );
            }
            let Some(current) = self.current.clone() else { return };
            self.write(&current).await;
            self.current = None;
        }
    }

    async fn write(&mut self, event: &KubernetesEvent) {
        for pause in PAUSES {
            match self.create(event).await {
                Outcome::Written => return,
                Outcome::Refused(failure) => return self.say(failure),
                Outcome::Later(failure) => {
                    self.say(failure);
                    sleep(pause).await;
                }
            }
        }
    }

    async fn create(&self, event: &KubernetesEvent) -> Outcome {
        let namespace = event.metadata.namespace.as_deref().unwrap_or_default();
        let api: Api<KubernetesEvent> = Api::namespaced(self.client.clone(), namespace);
        match timeout(CALL, api.create(&PostParams::default(), event)).await {
            Ok(Ok(_)) => Outcome::Written,
            Ok(Err(error)) => Outcome::of(error),
            Err(_) => Outcome::Later(Failure { code: 0, message: "no answer in time".to_owned() }),
        }
    }

    fn say(&mut self, failure: Failure) {
        let Failure { code, message } = failure;
        if !self.said.insert(code) {
            return tracing::debug!(code, message, "an Event was not written");
        }
        match code {
            403 => tracing::warn!(
                message,
                "Events are not written: grant the operator create on events in the group events.k8s.io; deletions \
                 go on"
            ),
            _ => tracing::warn!(
                code,
                message,
                "an Event was not written; this is said once, and deletions go on"
            ),
        }
    }
}

/// What became of one try.
enum Outcome {
    /// It is written, or of no use to anybody.
    Written,
    /// It never will be.
    Refused(Failure),
    Later(Failure),
}

struct Failure {
    code: u16,
    message: String,
}

impl Outcome {
    fn of(error: kube::Error) -> Self {
        let kube::Error::Api(status) = error else {
            return Self::Later(Failure { code: 0, message: error.to_string() });
        };
        let mut causes = status.details.iter().flat_map(|details| &details.causes);
        // An earlier try arrived; or the namespace has gone or is going, where nobody reads Events.
        if matches!(status.code, 409 | 404) || causes.any(|cause| cause.reason == "NamespaceTerminating") {
            return Self::Written;
        }
        let failure = Failure { code: status.code, message: status.message.clone() };
        match status.code {
            429 | 500.. => Self::Later(failure),
            _ => Self::Refused(failure),
        }
    }
}

/// The name begins with the object's and goes on with the time, because `kubectl describe` shows
/// Events in the order of their names.
fn as_kubernetes(written: &Written, named_at: Timestamp) -> KubernetesEvent {
    let Written { regarding, related, event, at } = written;
    let object = regarding.name.as_deref().unwrap_or_default();
    let name = format!("{}.{:x}", name_prefix(object), named_at.as_nanosecond());
    let namespace = regarding.namespace.clone().unwrap_or_else(|| "default".to_owned());
    KubernetesEvent {
        metadata: ObjectMeta { name: Some(name), namespace: Some(namespace), ..ObjectMeta::default() },
        event_time: Some(MicroTime(*at)),
        type_: Some(event.severity.as_str().to_owned()),
        reason: Some(event.reason.as_str().to_owned()),
        action: Some("Cascade".to_owned()),
        note: Some(event.note.clone()),
        regarding: Some(regarding.clone()),
        related: Some(related.clone()),
        reporting_controller: Some(REPORTER.to_owned()),
        reporting_instance: Some("rewitness".to_owned()),
        ..KubernetesEvent::default()
    }
}

/// An object's name as the beginning of an Event's, which has to be a DNS subdomain of at most 253
/// characters. Objects may have names that are none.
fn name_prefix(name: &str) -> String {
    let is_part = |part: &str| {
        let edge =
            |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        edge(part.bytes().next())
            && edge(part.bytes().last())
            && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    match name.len() <= 230 && name.split('.').all(is_part) {
        true => name.to_owned(),
        false => "rewitness".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rewitness_consumers::cascade::{Reason, Severity};

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

    #[test]
    fn a_full_backlog_leaves_out_the_oldest_and_counts_them() {
        let mut backlog = Backlog::default();
        for index in 0..BACKLOG + 5 {
            backlog.push(Written {
                regarding: ObjectReference::default(),
                related: ObjectReference::default(),
                event: event(&index.to_string()),
                at: at(0),
            });
        }
        assert_eq!((backlog.events.len(), backlog.left_out), (BACKLOG, 5));
        assert_eq!(backlog.events[0].event.note, "5");
    }

    #[test]
    fn an_event_has_a_valid_name_whatever_its_object_is_called() {
        let (ok, long) = ("x".repeat(230), "x".repeat(231));
        for (name, prefix) in [
            ("web", "web"),
            ("web.team-a", "web.team-a"),
            (&*ok, &*ok),
            (&*long, "rewitness"),
            ("system:node", "rewitness"),
            ("Web", "rewitness"),
            ("a..b", "rewitness"),
            ("", "rewitness"),
        ] {
            assert_eq!(name_prefix(name), prefix);
        }
    }
}

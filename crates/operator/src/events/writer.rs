use std::collections::HashSet;
use std::future::Future;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event as KubernetesEvent;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};
use rewitness_cascade::Event;
use rewitness_crds::is_dns_subdomain;
use rewitness_messaging::{Backoff, Timestamp};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{sleep, timeout};

/// Who says so, as `kubectl describe` shows it.
const REPORTER: &str = "rewitness.dev/operator";

/// How long one call may take, and how long the last ones may when the process ends.
const CALL: Duration = Duration::from_secs(10);
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How often one Event is tried, and the pauses in between. It is then left out.
const ATTEMPTS: u32 = 6;
const BACKOFF: Backoff = Backoff { base: Duration::from_millis(250), cap: Duration::from_secs(8) };

/// One Event, and the object that it is about.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) regarding: ObjectReference,
    pub(super) related: ObjectReference,
    pub(super) event: Event,
    pub(super) at: Timestamp,
}

/// The task that writes.
pub struct EventWriter {
    client: Client,
    pub(super) events: Receiver<Written>,
    /// What is being written, also if that was interrupted. It keeps its name, so that an attempt whose
    /// answer was lost is not made twice.
    current: Option<KubernetesEvent>,
    /// The causes of failures that were logged, by their status; 0 is no answer.
    logged: HashSet<u16>,
    /// When the last Event was named; names are times, and are used once.
    last: Timestamp,
}

impl EventWriter {
    pub(super) fn new(client: Client, events: Receiver<Written>) -> Self {
        Self { client, events, current: None, logged: HashSet::new(), last: Timestamp::UNIX_EPOCH }
    }

    /// Writes until it is told to stop, and then what is left, for a short time.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        tokio::select! {
            () = self.write_all(false) => {}
            () = stop => {}
        }
        if timeout(LAST_WORDS, self.write_all(true)).await.is_err() {
            let events = self.events.len() + usize::from(self.current.is_some());
            tracing::warn!(events, "Events are left unwritten");
        }
    }

    /// Writes what there is, and then what comes, unless it `is_ending`.
    async fn write_all(&mut self, is_ending: bool) {
        loop {
            if let Some(current) = self.current.clone() {
                self.write(&current).await;
                self.current = None;
            }
            if is_ending && self.events.is_empty() {
                return;
            }
            match self.events.recv().await {
                Ok(next) => {
                    self.last = Timestamp::now().max(self.last + Duration::from_nanos(1));
                    self.current = Some(as_kubernetes(&next, self.last));
                }
                Err(RecvError::Lagged(left_out)) => tracing::warn!(
                    left_out,
                    "Events come faster than they can be written; the oldest are left out"
                ),
                // Nobody is left to report anything, and the end is for `stop` to say.
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    }

    async fn write(&mut self, event: &KubernetesEvent) {
        for attempt in 1..=ATTEMPTS {
            match self.create(event).await {
                Outcome::Written => return,
                Outcome::Refused(failure) => return self.log(failure),
                Outcome::Later(failure) => {
                    self.log(failure);
                    sleep(BACKOFF.interval(attempt)).await;
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

    fn log(&mut self, failure: Failure) {
        let Failure { code, message } = failure;
        if !self.logged.insert(code) {
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

/// What became of one attempt.
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
        // An earlier attempt arrived; or the namespace has gone or is going, where nobody reads Events.
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
    match name.len() <= 230 && is_dns_subdomain(name) {
        true => name.to_owned(),
        false => "rewitness".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let answer = |code: u16, cause: &str| {
            let details = json!({ "causes": [{ "reason": cause }] });
            let status = serde_json::from_value(json!({ "code": code, "details": details })).unwrap();
            kube::Error::Api(Box::new(status))
        };
        for (code, cause, expected) in [
            (409, "", "written"),
            (404, "", "written"),
            (403, "NamespaceTerminating", "written"),
            (403, "", "refused"),
            (422, "", "refused"),
            (429, "", "later"),
            (503, "", "later"),
        ] {
            let outcome = match Outcome::of(answer(code, cause)) {
                Outcome::Written => "written",
                Outcome::Refused(_) => "refused",
                Outcome::Later(_) => "later",
            };
            assert_eq!(outcome, expected, "{code} {cause}");
        }
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

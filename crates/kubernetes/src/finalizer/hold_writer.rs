use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::call::ApiError;
use rewitness_messaging::Kind;
use rewitness_messaging::dispatcher::Dispatcher;
use rewitness_messaging::schedule::{HoldWrite, HoldWriteResult, HoldWriteTicket};
use tokio::time::Instant;

use super::access::Finalizers;
use super::write_holds::WriteResult;
use crate::Error;
use crate::tasks::Tasks;
use crate::wire::{Entry, decode_object};

/// How long a missing right is given before the next try. Somebody has to act first.
const CALM: Duration = Duration::from_secs(30);

/// The hold write lane of one run: does what the dispatcher says is due, so many at a time. What is under
/// way when it ends can all be done again.
pub(crate) struct HoldWriter {
    dispatcher: Dispatcher,
    finalizers: Arc<Finalizers>,
    concurrency: usize,
    tasks: Tasks,
    refused: Arc<Refused>,
}

impl HoldWriter {
    pub(crate) fn new(dispatcher: Dispatcher, finalizers: Arc<Finalizers>, concurrency: usize) -> Self {
        let concurrency = concurrency.max(1);
        Self { dispatcher, finalizers, concurrency, tasks: Tasks::default(), refused: Arc::default() }
    }

    /// Begins what is due.
    pub(crate) fn begin_due(&mut self, now: std::time::Instant) {
        self.tasks.reap();
        while !self.is_full()
            && let Some(write) = self.dispatcher.next_hold_write(now)
        {
            let (dispatcher, finalizers) = (self.dispatcher.clone(), self.finalizers.clone());
            self.tasks.spawn(write_holds(dispatcher, finalizers, self.refused.clone(), write));
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.tasks.len() >= self.concurrency
    }

    /// Waits until a hold write has ended.
    pub(crate) async fn ended(&mut self) {
        self.tasks.ended().await;
    }

    pub(crate) async fn shut_down(self) {
        self.tasks.shut_down().await;
    }
}

/// One hold write, whose ticket is handed back in any case.
async fn write_holds(
    dispatcher: Dispatcher,
    finalizers: Arc<Finalizers>,
    refused: Arc<Refused>,
    write: HoldWrite,
) {
    let call = finalizers.hold_calls.begin(&write.add);
    let result = finalizers.write_holds(&write).await;
    match &result {
        Err(error) if may_still_happen(error) => call.unanswered(),
        _ => drop(call),
    }
    let HoldWrite { ticket, resource, .. } = write;
    let back =
        |ticket: HoldWriteTicket, result| dispatcher.hold_written(ticket, result, Instant::now().into_std());
    match result {
        Ok(WriteResult::Observed(body)) => match decode_object(&body) {
            Entry::Object(seen) => {
                refused.forget(&resource.kind);
                back(ticket, HoldWriteResult::Observed(seen));
            }
            Entry::Unreadable { .. } => back(
                ticket,
                HoldWriteResult::Failed { after: None, reason: "the answer cannot be read".into() },
            ),
        },
        Ok(WriteResult::Gone) => back(ticket, HoldWriteResult::Gone),
        Ok(WriteResult::Changed) => back(ticket, HoldWriteResult::Changed),
        Err(error) => {
            let after = match &error {
                Error::Patch { error: ApiError::Forbidden { .. }, .. }
                | Error::Read { error: ApiError::Forbidden { .. }, .. } => Some(CALM),
                Error::Patch { error, .. } | Error::Read { error, .. } => error.retry_after(),
                _ => None,
            };
            if after == Some(CALM) && refused.is_new(&resource.kind) {
                tracing::warn!(%error, kind = %resource.kind, "resources cannot be held: a right is missing");
            } else {
                tracing::debug!(%error, %resource, "a resource could not be held, and will be tried again");
            }
            back(ticket, HoldWriteResult::Failed { after, reason: reason_of(&error).into() });
        }
    }
}

/// Whether the server may still do what it was asked for, or has done it.
fn may_still_happen(error: &Error) -> bool {
    let Error::Patch { error, .. } = error else { return false };
    matches!(
        error,
        ApiError::Timeout { .. } | ApiError::Unreachable { .. } | ApiError::Status { status: 500.., .. }
    )
}

/// For a person to act on. It is shown for the kind, so it does not name the resource.
fn reason_of(error: &Error) -> String {
    match error {
        Error::Patch { error, .. } | Error::Read { error, .. } => error.to_string(),
        error => error.to_string(),
    }
}

/// The kinds for which a right is missing, so that each is said once and not per resource.
#[derive(Default)]
struct Refused(Mutex<HashSet<Kind>>);

impl Refused {
    fn is_new(&self, kind: &Kind) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(kind.clone())
    }

    fn forget(&self, kind: &Kind) {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !kinds.is_empty() {
            kinds.remove(kind);
        }
    }
}

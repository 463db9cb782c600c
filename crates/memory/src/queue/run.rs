use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use rewitness_messaging::dispatcher::{Admission, Dispatcher};
use rewitness_messaging::schedule::{Answer, HoldWrite, HoldWriteResult, SourceChange, SourceId};
use rewitness_messaging::{Failure, ResourceId, Source, Stopped, Version};
use tokio::task::{AbortHandle, JoinError, JoinSet};

use super::config::{Config, now};
use super::intake::{Intake, observation};
use crate::{Store, StoreError};

/// How long a write of holds waits for a store that cannot be reached.
const UNREACHABLE: Duration = Duration::from_millis(250);

/// One run of a queue, and the owner of its tasks: an intake per source, a task per delivery.
pub(super) struct Run<'a> {
    store: &'a Store,
    dispatcher: &'a Dispatcher,
    config: &'a Config,
    intakes: JoinSet<()>,
    open: HashMap<SourceId, (Source, AbortHandle)>,
    deliveries: JoinSet<()>,
}

impl<'a> Run<'a> {
    pub(super) fn begin(store: &'a Store, dispatcher: &'a Dispatcher, config: &'a Config) -> Self {
        Self {
            store,
            dispatcher,
            config,
            intakes: JoinSet::new(),
            open: HashMap::new(),
            deliveries: JoinSet::new(),
        }
    }

    /// Delivers until `stop` completes.
    pub(super) async fn until(&mut self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        loop {
            let notified = self.dispatcher.notified();
            self.change_sources();
            self.admit();
            self.write_holds();
            let timer = self.dispatcher.next_timer(now());
            tokio::select! {
                biased;
                () = &mut stop => return,
                () = notified => {}
                () = sleep_until(timer) => {}
                Some(ended) = self.deliveries.join_next() => check(ended),
                Some(ended) = self.intakes.join_next() => check(ended),
            }
        }
    }

    /// Starts nothing more, gives what is in flight the grace period, and cuts off the rest.
    pub(super) async fn drain(mut self) -> Stopped {
        self.dispatcher.drain();
        self.intakes.shutdown().await;
        let all_done = async {
            while let Some(ended) = self.deliveries.join_next().await {
                check(ended);
            }
        };
        let in_time = tokio::time::timeout(self.config.grace, all_done).await.is_ok();
        let cut_off = if in_time { 0 } else { self.dispatcher.in_flight() };
        self.deliveries.shutdown().await;
        Stopped { cut_off }
    }

    fn change_sources(&mut self) {
        for change in self.dispatcher.source_changes() {
            match change {
                SourceChange::Open { id, source } => self.follow(id, source),
                SourceChange::Relist { id } => {
                    if let Some(source) = self.leave(id) {
                        self.follow(id, source);
                    }
                }
                SourceChange::Close { id } => drop(self.leave(id)),
            }
        }
    }

    /// Lists and watches, from the beginning.
    fn follow(&mut self, id: SourceId, source: Source) {
        let intake = Intake::new(
            self.store.clone(),
            self.dispatcher.clone(),
            id,
            source.clone(),
            self.config.page_size,
        );
        let task = self.intakes.spawn(intake.follow());
        if let Some((_, former)) = self.open.insert(id, (source, task)) {
            former.abort();
        }
    }

    fn leave(&mut self, id: SourceId) -> Option<Source> {
        let (source, task) = self.open.remove(&id)?;
        task.abort();
        Some(source)
    }

    fn admit(&mut self) {
        while let Some(admission) = self.dispatcher.admit(now()) {
            self.deliveries.spawn(deliver(self.store.clone(), self.dispatcher.clone(), admission));
        }
    }

    fn write_holds(&self) {
        while let Some(HoldWrite { ticket, resource, version, add, remove }) =
            self.dispatcher.next_hold_write(now())
        {
            // A hold is removed for what the labels said at this version, and at no other.
            let at = (!remove.is_empty()).then_some(version);
            let marked = self.store.write_holds(&resource, &add, &remove, at);
            let result = match &marked {
                Ok(Ok(object)) if object.is_readable() => HoldWriteResult::Observed(observation(object)),
                Ok(Ok(_) | Err(StoreError::Deleting { .. } | StoreError::Changed { .. })) => {
                    HoldWriteResult::Changed
                }
                Ok(Err(_)) => HoldWriteResult::Gone,
                Err(error) => {
                    HoldWriteResult::Failed { after: error.retry_after(), reason: error.reason().into() }
                }
            };
            self.dispatcher.hold_written(ticket, result, now());
        }
    }
}

/// One delivery: consume, release, answer.
async fn deliver(store: Store, dispatcher: Dispatcher, admission: Admission) {
    let release = |resource, hold, at| release(store, resource, hold, at);
    let answer = admission.deliver(release).await.unwrap_or_else(|failure| {
        tracing::debug!(subscription = %admission.subscription.name, %failure, "a delivery failed");
        Answer::Failed(failure.retry())
    });
    dispatcher.answer(admission.ticket, answer, now());
}

/// Takes a hold off, at this version if one is given. The consumer's `Done` stands whatever the store
/// says, so this tries until it is off instead of asking for it again.
async fn release(
    store: Store,
    resource: ResourceId,
    hold: Arc<str>,
    at: Option<Version>,
) -> Result<bool, Failure> {
    loop {
        match store.write_holds(&resource, &[], std::slice::from_ref(&hold), at) {
            Ok(Err(StoreError::Changed { .. })) => return Ok(false),
            // Off, or the resource is there no more.
            Ok(_) => return Ok(true),
            Err(error) => tokio::time::sleep(error.retry_after().unwrap_or(UNREACHABLE)).await,
        }
    }
}

async fn sleep_until(timer: Option<std::time::Instant>) {
    match timer {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// An intake or a delivery that panics has broken an invariant: consumers' panics are caught.
fn check(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}

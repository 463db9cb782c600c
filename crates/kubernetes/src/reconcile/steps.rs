use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use kube::runtime::controller::Action;
use rewitness_messaging::dispatcher::{Admission, answer, is_release_due};
use rewitness_messaging::schedule::Work;
use rewitness_messaging::{Delivery, Failure, Hold, Outcome};
use thiserror::Error;
use tokio::sync::oneshot;

use super::context::{Context, Given};
use super::slot::Slot;

/// Why a delivery comes back.
#[derive(Debug, Error)]
pub(super) enum Undone {
    #[error("{subscription}: {what}, attempt {attempt}: {failure}")]
    Failed { subscription: Arc<str>, what: String, attempt: u32, failure: String },
    #[error("a delivery was cut off")]
    CutOff,
}

/// One reconcile: the delivery that has waited longest, in a task of its own as soon as it waits.
pub(super) fn reconcile(_: Arc<Slot>, context: Arc<Context>) -> BoxFuture<'static, Result<Action, Undone>> {
    // What was admitted but has not begun does not begin after the end (Q10).
    let Some(given) = context.take().filter(|_| !context.is_stopping()) else {
        return std::future::ready(Ok(Action::await_change())).boxed();
    };
    let mut delivery = deliver(context.clone(), given).boxed();
    if context.begins_in_place
        && let Some(ended) = delivery.as_mut().now_or_never()
    {
        return std::future::ready(ended).boxed();
    }
    let (sender, completed) = oneshot::channel();
    context.tasks().spawn(async move {
        // Nobody listens any more once the run is over.
        let _ = sender.send(delivery.await);
    });
    async { completed.await.unwrap_or(Err(Undone::CutOff)) }.boxed()
}

/// What failed is brought back by the dispatcher, which has its answer already.
pub(super) fn error_policy(_: Arc<Slot>, undone: &Undone, _: Arc<Context>) -> Action {
    tracing::info!(error = %undone, "a delivery failed, and will come back");
    Action::await_change()
}

/// The steps of a delivery: consume, release, answer.
async fn deliver(context: Arc<Context>, given: Given) -> Result<Action, Undone> {
    let Some(admission) = given.admission() else { return Ok(Action::await_change()) };
    let consumed = admission.consume().await;
    let (outcome, released) = match consumed {
        Ok(Outcome::Done) => release(&context, admission).await,
        other => (other, false),
    };
    let undone = match &outcome {
        Ok(_) => None,
        Err(failure) => Some(undone(admission, failure)),
    };
    given.answer(answer(outcome, released));
    undone.map_or_else(|| Ok(Action::await_change()), Err)
}

/// Takes the hold off, if the consumer is done with a deletion that it held (Q6). Only then the
/// delivery has ended.
async fn release(context: &Context, admission: &Admission) -> (Result<Outcome, Failure>, bool) {
    let Some((delivery, hold)) = held_deletion(admission) else { return (Ok(Outcome::Done), false) };
    match context.finalizers.release(&delivery.envelope.resource, &hold.name).await {
        Ok(_) => (Ok(Outcome::Done), true),
        Err(error) => (Err(error.into_failure()), false),
    }
}

fn held_deletion(admission: &Admission) -> Option<(&Delivery, &Hold)> {
    match &admission.work {
        Work::Deliver(delivery) if is_release_due(delivery) => {
            Some((delivery, admission.subscription.hold.as_ref()?))
        }
        Work::Deliver(_) | Work::Listed(_) => None,
    }
}

fn undone(admission: &Admission, failure: &Failure) -> Undone {
    let (what, attempt) = match &admission.work {
        Work::Deliver(delivery) => {
            (format!("{} {}", delivery.state, delivery.envelope.resource), delivery.attempt)
        }
        Work::Listed(listed) => (format!("the list of {}", listed.kind), 1),
    };
    Undone::Failed {
        subscription: admission.subscription.name.clone(),
        what,
        attempt,
        failure: failure.to_string(),
    }
}

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use kube::runtime::controller::Action;
use rewitness_messaging::dispatcher::Admission;
use rewitness_messaging::schedule::{Answer, Work};
use rewitness_messaging::{Failure, ResourceId};
use tokio::sync::oneshot;

use super::context::{Context, Given};
use super::slot::Slot;
use crate::Error;

/// Why a delivery comes back.
#[derive(Debug, thiserror::Error)]
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
    let finalizers = context.finalizers.clone();
    let release = |resource: ResourceId, hold: Arc<str>, at| async move {
        finalizers.release(&resource, &hold, at).await.map_err(Error::into_failure)
    };
    let (answer, undone) = match admission.deliver(release).await {
        Ok(answer) => (answer, None),
        Err(failure) => (Answer::Failed(failure.retry()), Some(undone(admission, &failure))),
    };
    given.answer(answer);
    undone.map_or_else(|| Ok(Action::await_change()), Err)
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

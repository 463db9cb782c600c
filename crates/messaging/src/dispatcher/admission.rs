use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;

use crate::schedule::{Answer, Ticket, Work};
use crate::{DynConsumer, Failure, Hold, HoldState, Outcome, ResourceId, State, Subscription, Version};

/// One delivery or marker that is due, with the consumer that it is for.
pub struct Admission {
    /// To be handed back with the answer.
    pub ticket: Ticket,
    /// What is due.
    pub work: Work,
    /// Who gets it.
    pub consumer: Arc<dyn DynConsumer>,
    /// What that one asked for.
    pub subscription: Arc<Subscription>,
}

impl Admission {
    /// Hands it to its consumer, and removes the hold if that is done with a deletion that it holds
    /// (Q6). Only then the delivery has ended. An error is an answer, too: [`Answer::Failed`].
    ///
    /// `release` takes a hold off a resource, at this version if one is given, and answers whether it is
    /// off. `false`: the resource is at another version.
    ///
    /// # Errors
    ///
    /// The consumer failed, or the hold could not be removed. A panic of the consumer is caught, and is
    /// a failure that is retried with backoff.
    pub async fn deliver<Fut>(
        &self,
        release: impl FnOnce(ResourceId, Arc<str>, Option<Version>) -> Fut,
    ) -> Result<Answer, Failure>
    where
        Fut: Future<Output = Result<bool, Failure>>,
    {
        let at = match self.consume().await? {
            Outcome::Done => None,
            Outcome::DoneAt(Version::UNKNOWN) => {
                return Err(Failure::backoff("the version at which the consumer is done is unknown"));
            }
            Outcome::DoneAt(version) => Some(version),
            Outcome::RequeueAfter { after, wake } => return Ok(Answer::RequeueAfter { after, wake }),
        };
        let Some((resource, hold)) = self.hold_to_release() else {
            return Ok(Answer::Done { released: false });
        };
        let released = match release(resource.clone(), hold.name.clone(), at).await {
            Ok(false) => return Ok(Answer::Changed),
            Ok(true) => Ok(()),
            Err(failure) => Err(failure),
        };
        let is_off = released.is_ok();
        let notified = AssertUnwindSafe(|| self.consumer.released_dyn(resource, released));
        match std::panic::catch_unwind(notified).unwrap_or_else(|panic| Err(panicked(&*panic))) {
            _ if is_off => Ok(Answer::Done { released: true }),
            Ok(Outcome::RequeueAfter { after, wake }) => Ok(Answer::RequeueAfter { after, wake }),
            Ok(Outcome::Done | Outcome::DoneAt(_)) => Ok(Answer::Done { released: false }),
            Err(failure) => Err(failure),
        }
    }

    async fn consume(&self) -> Result<Outcome, Failure> {
        let answered = async {
            match &self.work {
                Work::Deliver(delivery) => self.consumer.consume_boxed(delivery.clone()).await,
                Work::Listed(marker) => {
                    self.consumer.listed_boxed(marker.clone()).await.map(|()| Outcome::Done)
                }
            }
        };
        AssertUnwindSafe(answered).catch_unwind().await.unwrap_or_else(|panic| Err(panicked(&*panic)))
    }

    fn hold_to_release(&self) -> Option<(&ResourceId, &Hold)> {
        match &self.work {
            Work::Deliver(delivery)
                if delivery.state == State::Deleting && delivery.hold == HoldState::Held =>
            {
                Some((&delivery.envelope.resource, self.subscription.hold.as_ref()?))
            }
            Work::Deliver(_) | Work::Listed(_) => None,
        }
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Failure {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Failure::backoff(format!("the consumer panicked: {}", text.unwrap_or("it did not say why")))
}

//! Bugs against Q5.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt;
use rewitness_messaging::{Delivery, Outcome};

use super::catalogue;
use super::field::{Answering, Key, Met, Recipient, lock};
use super::plant::{Plant, put_off, swallowed};

catalogue! {
    Q5 ServesOneConsumerAtATime::default() => q5_a_slow_consumer_delays_nobody,
        q5_two_consumers_have_the_same_resource_at_once;
    Q5 RunsAllAgainWhenOneFails => q5_a_failing_consumer_makes_no_other_run_again;
    Q5 StopsAtTheFirstError::default() => q5_a_consumer_that_always_fails_keeps_nothing_from_the_rest;
    Q5 EndsAllWithOne::default() => q5_the_end_of_one_subscription_leaves_the_others_alone;
    Q5 LosesWhoPanics::default() => q5_a_panic_is_a_failure_like_any_other;
}

#[derive(Default)]
struct ServesOneConsumerAtATime(tokio::sync::Mutex<()>);

impl Plant for ServesOneConsumerAtATime {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        async move {
            let _alone = self.0.lock().await;
            to.hand(delivery).await
        }
        .boxed()
    }
}

/// As a list of consumers that is retried as a whole.
struct RunsAllAgainWhenOneFails;

impl Plant for RunsAllAgainWhenOneFails {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        async move {
            let answer = to.hand(delivery.clone()).await;
            if answer.is_err() {
                for other in to.field.recipients().into_iter().filter(|one| one.spec.name != to.spec.name) {
                    let _ = other.hand(delivery.clone()).await;
                }
            }
            answer
        }
        .boxed()
    }
}

/// As a list of consumers that is served in order.
#[derive(Default)]
struct StopsAtTheFirstError(Met<Key>);

impl Plant for StopsAtTheFirstError {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        let key = to.key(&delivery);
        if lock(&self.0).iter().any(|(name, uid)| *name != key.0 && *uid == key.1) {
            return put_off();
        }
        async move {
            let answer = to.hand(delivery).await;
            if answer.is_err() {
                lock(&self.0).insert(key);
            }
            answer
        }
        .boxed()
    }
}

#[derive(Default)]
struct LosesWhoPanics(Met<Arc<str>>);

impl Plant for LosesWhoPanics {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        if lock(&self.0).contains(&to.spec.name) {
            return swallowed();
        }
        async move {
            let answered = AssertUnwindSafe(to.hand(delivery)).catch_unwind().await;
            answered.unwrap_or_else(|_| {
                lock(&self.0).insert(to.spec.name.clone());
                Ok(Outcome::Done)
            })
        }
        .boxed()
    }
}

#[derive(Default)]
struct EndsAllWithOne(AtomicBool);

impl Plant for EndsAllWithOne {
    fn closed(&self, _who: &Recipient) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        if self.0.load(Ordering::Relaxed) { put_off() } else { to.hand(delivery) }
    }
}

//! Bugs against Q2.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use rewitness_messaging::{
    Cause, Delivery, Failure, Outcome, ResourceId, Retry, State, Subscription, WakeKey,
};

use super::catalogue;
use super::field::{Answering, Field, Key, Met, Notes, Recipient, lock};
use super::plant::{Plant, Write, put_off};
use crate::Result;
use crate::queue::driver::Fault;
use crate::queue::world::YEAR;

catalogue! {
    Q2 Answers(swallows_errors) => q2_a_failure_comes_again_until_it_is_done_and_then_no_more,
        q5_a_panic_is_a_failure_like_any_other;
    Q2 Answers(never_waits_longer) => q2_backoff_doubles_with_full_jitter_up_to_its_cap;
    Q2 Answers(has_no_jitter) => q2_backoff_doubles_with_full_jitter_up_to_its_cap;
    Q2 HasNoCap => q2_backoff_doubles_with_full_jitter_up_to_its_cap;
    Q2 NeverForgetsAFailure::default() => q2_success_resets_the_attempts_and_the_backoff;
    Q2 TakesAWriteForAChange(Write::Touch) => q2_a_status_write_does_not_shorten_the_backoff,
        q2_a_status_write_does_not_reset_the_attempts, q2_never_parks_a_live_resource_until_it_changes,
        q2_a_requeue_waits_for_its_time;
    Q2 TakesAWriteForAChange(Write::Relabel) => q2_a_label_counts_as_a_change_if_it_was_asked_for;
    Q2 TakesAWriteForAChange(Write::Strip) => q2_a_hold_that_is_put_on_again_does_not_shorten_the_backoff;
    Q2 KnowsNoLabels => q2_a_label_counts_as_a_change_if_it_was_asked_for,
        q1_a_later_subscription_is_given_what_it_alone_asks_for;
    Q2 TakesAListForAChange => q2_a_new_list_neither_shortens_the_backoff_nor_resets_the_attempts;
    Q2 LetsChangesWaitForTheBackoff::default() => q2_a_change_ends_the_backoff_and_resets_the_attempts,
        q2_never_parks_a_live_resource_until_it_changes, q2_a_change_ends_the_wait_of_a_requeue,
        q2_a_change_that_comes_with_a_lost_hold_is_not_lost;
    Q2 SpacesAllResourcesAlike::default() => q2_backoff_is_per_resource_and_consumer;
    Q2 Answers(ignores_retry_after) => q2_a_retry_after_is_kept;
    Q2 Answers(comes_late) => q2_a_retry_after_is_kept, q2_a_requeue_comes_back_in_time_and_counts_as_no_attempt;
    Q2 Answers(retries_what_cannot_succeed) => q2_never_parks_a_live_resource_until_it_changes;
    Q2 Answers(parks_deletions) => q2_never_does_not_park_a_deletion, q6_the_hold_stays_until_the_deletion_is_done;
    Q2 Answers(spins_on_deletions) => q2_never_does_not_park_a_deletion;
    Q2 CountsRequeues::default() => q2_a_requeue_comes_back_in_time_and_counts_as_no_attempt;
    Q2 Answers(spins_on_requeues) => q2_a_requeue_waits_for_its_time;
    Q2 Answers(forgets_requeues) => q2_a_requeue_comes_back_in_time_and_counts_as_no_attempt;
    Q2 WakesNobody => q2_a_wake_reaches_all_who_wait_for_its_key_and_nobody_else;
    Q2 WakesOne::default() => q2_a_wake_reaches_all_who_wait_for_its_key_and_nobody_else;
    Q2 WakesEverybody::default() => q2_a_wake_reaches_all_who_wait_for_its_key_and_nobody_else;
    Q2 RemembersWakesForEver::default() => q2_a_wake_from_before_the_delivery_is_over;
    Q2 RedeliversNothing => q2_a_resource_that_is_redelivered_comes_again_to_that_consumer_alone;
    Q2 RedeliversToAll => q2_a_resource_that_is_redelivered_comes_again_to_that_consumer_alone;
    Q2 RedeliversWhatBacksOff => q2_what_backs_off_is_not_redelivered_sooner;
    Q2 MissesAWakeWhileAtWork::default() => q2_a_wake_during_the_delivery_is_not_lost;
}

type Answer = Result<Outcome, Failure>;

/// Makes something else of a consumer's answers.
struct Answers(fn(&Recipient, &Delivery, Answer) -> Answer);

impl Plant for Answers {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        async move {
            // A panic is an answer as well.
            let answering = std::panic::AssertUnwindSafe(to.hand(delivery.clone())).catch_unwind();
            let answer = answering.await.unwrap_or_else(|_| Err(Failure::backoff("it panicked")));
            (self.0)(to, &delivery, answer)
        }
        .boxed()
    }
}

fn swallows_errors(_: &Recipient, _: &Delivery, answer: Answer) -> Answer {
    answer.or(Ok(Outcome::Done))
}

fn never_waits_longer(to: &Recipient, _: &Delivery, answer: Answer) -> Answer {
    answer.map_err(|_| Failure::after(to.spec.backoff.base, "planted"))
}

fn has_no_jitter(to: &Recipient, delivery: &Delivery, answer: Answer) -> Answer {
    answer.map_err(|_| Failure::after(to.spec.backoff.interval(delivery.attempt), "planted"))
}

fn ignores_retry_after(_: &Recipient, _: &Delivery, answer: Answer) -> Answer {
    answer.map_err(|failure| match failure.retry() {
        Retry::After(_) => Failure::backoff("planted"),
        _ => failure,
    })
}

fn comes_late(_: &Recipient, _: &Delivery, answer: Answer) -> Answer {
    match answer {
        Ok(Outcome::RequeueAfter { after, wake }) => Ok(Outcome::RequeueAfter { after: 3 * after, wake }),
        Err(failure) => Err(match failure.retry() {
            Retry::After(after) => Failure::after(3 * after, "planted"),
            _ => failure,
        }),
        done => done,
    }
}

fn retries_what_cannot_succeed(_: &Recipient, _: &Delivery, answer: Answer) -> Answer {
    answer.map_err(|_| Failure::backoff("planted"))
}

fn parks_deletions(_: &Recipient, delivery: &Delivery, answer: Answer) -> Answer {
    match answer {
        Err(failure) if failure.retry() == Retry::Never && delivery.state == State::Deleting => {
            Ok(Outcome::requeue_after(YEAR))
        }
        answer => answer,
    }
}

fn spins_on_deletions(_: &Recipient, delivery: &Delivery, answer: Answer) -> Answer {
    answer.map_err(|failure| match (failure.retry(), delivery.state) {
        (Retry::Never, State::Deleting) => Failure::after(Duration::from_millis(1), "planted"),
        _ => failure,
    })
}

fn spins_on_requeues(_: &Recipient, _: &Delivery, answer: Answer) -> Answer {
    match answer {
        Ok(Outcome::RequeueAfter { .. }) => Ok(Outcome::requeue_after(Duration::from_secs(1))),
        answer => answer,
    }
}

fn forgets_requeues(_: &Recipient, _: &Delivery, answer: Answer) -> Answer {
    answer.map(|_| Outcome::Done)
}

struct HasNoCap;

impl Plant for HasNoCap {
    fn subscription(&self, mut asked: Subscription) -> Subscription {
        asked.backoff.cap = YEAR;
        asked
    }
}

#[derive(Default)]
struct NeverForgetsAFailure(Notes<Key, u32>);

impl Plant for NeverForgetsAFailure {
    fn deliver<'a>(&'a self, to: &'a Recipient, mut delivery: Delivery) -> Answering<'a> {
        let key = to.key(&delivery);
        delivery.attempt = 1 + lock(&self.0).get(&key).copied().unwrap_or(0);
        let wait = to.spec.backoff.interval(delivery.attempt).div_f64(2.0);
        async move {
            to.hand(delivery).await.map_err(|_| {
                *lock(&self.0).entry(key).or_default() += 1;
                Failure::after(wait, "planted")
            })
        }
        .boxed()
    }
}

/// What is no change becomes one.
struct TakesAWriteForAChange(Write);

impl Plant for TakesAWriteForAChange {
    fn after_write<'a>(
        &'a self,
        field: &'a Field,
        write: Write,
        resource: &'a ResourceId,
    ) -> BoxFuture<'a, ()> {
        if write == self.0 { field.hands.update(resource) } else { std::future::ready(()).boxed() }
    }
}

struct KnowsNoLabels;

impl Plant for KnowsNoLabels {
    fn subscription(&self, mut asked: Subscription) -> Subscription {
        asked.labels.clear();
        asked
    }
}

struct TakesAListForAChange;

impl Plant for TakesAListForAChange {
    fn after_fault<'a>(&'a self, field: &'a Field, _: Fault, _: Option<&'a ResourceId>) -> BoxFuture<'a, ()> {
        let made = lock(&field.made).clone();
        async move {
            for resource in &made {
                field.hands.update(resource).await;
            }
        }
        .boxed()
    }
}

#[derive(Default)]
struct LetsChangesWaitForTheBackoff(Met<Key>);

impl Plant for LetsChangesWaitForTheBackoff {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        let key = to.key(&delivery);
        if delivery.cause == Cause::Change && lock(&self.0).contains(&key) {
            return put_off();
        }
        async move {
            let answer = to.hand(delivery).await;
            if !matches!(answer, Ok(Outcome::Done)) {
                lock(&self.0).insert(key);
            }
            answer
        }
        .boxed()
    }
}

#[derive(Default)]
struct SpacesAllResourcesAlike(AtomicUsize);

impl Plant for SpacesAllResourcesAlike {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        if self.0.load(Ordering::Relaxed) > 0 {
            return put_off();
        }
        async move {
            let answer = to.hand(delivery).await;
            self.0.fetch_add(usize::from(answer.is_err()), Ordering::Relaxed);
            answer
        }
        .boxed()
    }
}

#[derive(Default)]
struct CountsRequeues(Notes<Key, u32>);

impl Plant for CountsRequeues {
    fn deliver<'a>(&'a self, to: &'a Recipient, mut delivery: Delivery) -> Answering<'a> {
        let mut counted = lock(&self.0);
        let requeues = counted.entry(to.key(&delivery)).or_default();
        *requeues += u32::from(delivery.cause == Cause::Requeue);
        delivery.attempt += *requeues;
        to.hand(delivery)
    }
}

struct RedeliversNothing;

impl Plant for RedeliversNothing {
    fn redeliver(&self, _to: &str, _all: Vec<String>) -> Vec<String> {
        Vec::new()
    }
}

struct RedeliversToAll;

impl Plant for RedeliversToAll {
    fn redeliver(&self, _to: &str, all: Vec<String>) -> Vec<String> {
        all
    }
}

/// Takes the wait after a failure for one that the consumer asked for.
struct RedeliversWhatBacksOff;

impl Plant for RedeliversWhatBacksOff {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        async move {
            match to.hand(delivery).await {
                Ok(done) => Ok(done),
                Err(_) => put_off().await,
            }
        }
        .boxed()
    }
}

struct WakesNobody;

impl Plant for WakesNobody {
    fn wake(&self, _key: &WakeKey) -> Vec<WakeKey> {
        Vec::new()
    }
}

/// The first who waits for a key takes it from those who come later.
#[derive(Default)]
struct WakesOne(Met<WakeKey>);

impl Plant for WakesOne {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        async move {
            Ok(match to.hand(delivery).await? {
                Outcome::RequeueAfter { after, wake } => {
                    let wake = wake.filter(|key| lock(&self.0).insert(key.clone()));
                    Outcome::RequeueAfter { after, wake }
                }
                done => done,
            })
        }
        .boxed()
    }
}

#[derive(Default)]
struct WakesEverybody(Met<WakeKey>);

impl Plant for WakesEverybody {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        async move {
            let answer = to.hand(delivery).await;
            if let Ok(Outcome::RequeueAfter { wake: Some(key), .. }) = &answer {
                lock(&self.0).insert(key.clone());
            }
            answer
        }
        .boxed()
    }

    fn wake(&self, _key: &WakeKey) -> Vec<WakeKey> {
        lock(&self.0).iter().cloned().collect()
    }
}

#[derive(Default)]
struct RemembersWakesForEver(Met<WakeKey>);

impl Plant for RemembersWakesForEver {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        async move {
            Ok(match to.hand(delivery).await? {
                Outcome::RequeueAfter { wake: Some(key), .. } if lock(&self.0).contains(&key) => {
                    Outcome::requeue_after(Duration::from_secs(1))
                }
                answer => answer,
            })
        }
        .boxed()
    }

    fn wake(&self, key: &WakeKey) -> Vec<WakeKey> {
        lock(&self.0).insert(key.clone());
        vec![key.clone()]
    }
}

#[derive(Default)]
struct MissesAWakeWhileAtWork(AtomicUsize);

impl Plant for MissesAWakeWhileAtWork {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        async move {
            self.0.fetch_add(1, Ordering::Relaxed);
            let answer = to.hand(delivery).await;
            self.0.fetch_sub(1, Ordering::Relaxed);
            answer
        }
        .boxed()
    }

    fn wake(&self, key: &WakeKey) -> Vec<WakeKey> {
        match self.0.load(Ordering::Relaxed) {
            0 => vec![key.clone()],
            _ => Vec::new(),
        }
    }
}

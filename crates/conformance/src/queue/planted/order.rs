//! Bugs against Q3, Q4 and Q8.

use std::sync::Mutex;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use rewitness_messaging::{Cause, Delivery, Outcome, ResourceId, State, Subscription, Version};
use tokio::time::Instant;

use super::catalogue;
use super::field::{Answering, Field, Key, Met, Notes, Recipient, lock, made_up};
use super::plant::{Plant, put_off};
use crate::queue::driver::Fault;

catalogue! {
    Q3 DeliversLiveAfterDeleting => q3_what_is_being_deleted_is_never_live_again, q3_the_deletion_timestamp_decides;
    Q3 TakesDeletingForLive => q3_the_deletion_timestamp_decides, q1_a_resource_that_is_being_deleted_is_replayed_too;
    Q3 LetsDeletionsWait::default() => q3_a_deletion_overtakes_what_waits, q2_a_deletion_ends_the_backoff;
    Q3 UndoesDeletions => q3_a_roll_back_makes_no_deletion_undone;
    Q4 DeliversTwiceAtATime => q4_what_happens_meanwhile_is_one_more_delivery_of_the_newest_state,
        q4_retries_and_changes_never_overlap;
    Q4 Meanwhile::lost() => q4_what_happens_meanwhile_is_one_more_delivery_of_the_newest_state,
        q4_a_change_during_a_failure_is_one_more_delivery_and_no_retry,
        q4_a_deletion_meanwhile_is_the_one_more_delivery, q3_a_deletion_during_a_live_delivery_comes_next;
    Q4 Meanwhile::one_by_one() => q4_what_happens_meanwhile_is_one_more_delivery_of_the_newest_state,
        q4_a_change_during_a_failure_is_one_more_delivery_and_no_retry,
        q4_a_status_write_meanwhile_is_one_more_delivery_at_most;
    Q4 DeliversAStaleState::default() => q4_what_happens_meanwhile_is_one_more_delivery_of_the_newest_state,
        q4_a_deletion_meanwhile_is_the_one_more_delivery;
    Q4 DeliversOneResourceAtATime::default() => q4_different_resources_go_in_parallel;
    Q4 KnowsNoBound => q4_the_concurrency_is_a_bound;
    Q4 TakesAChangeForARetry::default() => q4_a_change_during_a_failure_is_one_more_delivery_and_no_retry,
        q2_a_change_ends_the_backoff_and_resets_the_attempts;
    Q8 Starves::new(is_replay) => q8_every_lane_has_one_delivery_in_four_while_it_has_any;
    Q8 Starves::new(is_change) => q8_every_lane_has_one_delivery_in_four_while_it_has_any,
        q8_deletions_go_before_changes_and_those_before_replay;
    Q8 Starves::new(is_deletion) => q8_every_lane_has_one_delivery_in_four_while_it_has_any,
        q8_deletions_go_before_changes_and_those_before_replay;
    Q8 LetsABacklogDelayAll::default() => q8_a_backlog_delays_no_other_consumer;
}

struct DeliversLiveAfterDeleting;

impl Plant for DeliversLiveAfterDeleting {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        async move {
            let was_deleting = delivery.state == State::Deleting;
            let resource = delivery.envelope.resource.clone();
            let answer = to.hand(delivery).await;
            if was_deleting {
                let _ = to.hand(made_up(&resource, State::Live)).await;
            }
            answer
        }
        .boxed()
    }
}

struct TakesDeletingForLive;

impl Plant for TakesDeletingForLive {
    fn deliver<'a>(&'a self, to: &'a Recipient, mut delivery: Delivery) -> Answering<'a> {
        if delivery.state == State::Deleting {
            delivery.state = State::Live;
        }
        to.hand(delivery)
    }
}

#[derive(Default)]
struct LetsDeletionsWait(Met<Key>);

impl Plant for LetsDeletionsWait {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        let key = to.key(&delivery);
        if delivery.state == State::Deleting && lock(&self.0).contains(&key) {
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

struct UndoesDeletions;

impl Plant for UndoesDeletions {
    fn after_fault<'a>(&'a self, field: &'a Field, _: Fault, _: Option<&'a ResourceId>) -> BoxFuture<'a, ()> {
        async move {
            let made = lock(&field.made).clone();
            for recipient in field.recipients() {
                for resource in &made {
                    let _ = recipient.hand(made_up(resource, State::Live)).await;
                }
            }
        }
        .boxed()
    }
}

struct DeliversTwiceAtATime;

impl Plant for DeliversTwiceAtATime {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        async move {
            let (answer, _) = tokio::join!(to.hand(delivery.clone()), to.hand(delivery));
            answer
        }
        .boxed()
    }
}

/// Treats what happened during a delivery, and is therefore delivered the moment that one ends, in
/// its own way: a number of times, which should be one.
struct Meanwhile {
    ended: Notes<Key, Instant>,
    times: usize,
}

impl Meanwhile {
    fn lost() -> Self {
        Self { ended: Notes::default(), times: 0 }
    }

    fn one_by_one() -> Self {
        Self { ended: Notes::default(), times: 3 }
    }
}

impl Plant for Meanwhile {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        let key = to.key(&delivery);
        let just_ended = lock(&self.ended).get(&key).is_some_and(|ended| *ended == Instant::now());
        let times = if just_ended { self.times } else { 1 };
        async move {
            let mut answer = Ok(Outcome::Done);
            for _ in 0..times {
                answer = to.hand(delivery.clone()).await;
            }
            lock(&self.ended).insert(key, Instant::now());
            answer
        }
        .boxed()
    }
}

#[derive(Default)]
struct DeliversAStaleState(Notes<Key, Version>);

impl Plant for DeliversAStaleState {
    fn deliver<'a>(&'a self, to: &'a Recipient, mut delivery: Delivery) -> Answering<'a> {
        let newest = delivery.version;
        delivery.version = lock(&self.0).insert(to.key(&delivery), newest).unwrap_or(newest);
        to.hand(delivery)
    }
}

#[derive(Default)]
struct DeliversOneResourceAtATime(tokio::sync::Mutex<()>);

impl Plant for DeliversOneResourceAtATime {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        async move {
            let _alone = self.0.lock().await;
            to.hand(delivery).await
        }
        .boxed()
    }
}

struct KnowsNoBound;

impl Plant for KnowsNoBound {
    fn subscription(&self, mut asked: Subscription) -> Subscription {
        asked.concurrency *= 4;
        asked
    }
}

#[derive(Default)]
struct TakesAChangeForARetry(Notes<Key, u32>);

impl Plant for TakesAChangeForARetry {
    fn deliver<'a>(&'a self, to: &'a Recipient, mut delivery: Delivery) -> Answering<'a> {
        let key = to.key(&delivery);
        let failures = lock(&self.0).get(&key).copied().unwrap_or(0);
        if failures > 0 {
            (delivery.cause, delivery.attempt) = (Cause::Retry, failures + 1);
        }
        async move {
            let answer = to.hand(delivery).await;
            lock(&self.0).insert(key, if answer.is_err() { failures + 1 } else { 0 });
            answer
        }
        .boxed()
    }
}

fn is_replay(delivery: &Delivery) -> bool {
    delivery.state == State::Live && &delivery.envelope.resource.name[..1] == "r"
}

fn is_change(delivery: &Delivery) -> bool {
    delivery.state == State::Live && &delivery.envelope.resource.name[..1] == "c"
}

fn is_deletion(delivery: &Delivery) -> bool {
    delivery.state == State::Deleting
}

/// Puts off what stands in one lane for as long as anything else comes.
struct Starves {
    lane: fn(&Delivery) -> bool,
    another: Mutex<Option<Instant>>,
}

impl Starves {
    fn new(lane: fn(&Delivery) -> bool) -> Self {
        Self { lane, another: Mutex::default() }
    }
}

impl Plant for Starves {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        const WHILE: Duration = Duration::from_secs(1);
        if to.spec.concurrency > 1 {
            return to.hand(delivery);
        }
        let mut another = lock(&self.another);
        if !(self.lane)(&delivery) {
            *another = Some(Instant::now());
        } else if another.is_none_or(|another| another.elapsed() < WHILE) {
            return std::future::ready(Ok(Outcome::requeue_after(WHILE))).boxed();
        }
        to.hand(delivery)
    }
}

#[derive(Default)]
struct LetsABacklogDelayAll(Met<Key>);

impl Plant for LetsABacklogDelayAll {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        let key = to.key(&delivery);
        if lock(&self.0).iter().any(|(name, _)| *name != key.0) {
            return put_off();
        }
        async move {
            let answer = to.hand(delivery).await;
            match answer {
                Ok(Outcome::Done) => lock(&self.0).remove(&key),
                _ => lock(&self.0).insert(key),
            };
            answer
        }
        .boxed()
    }
}

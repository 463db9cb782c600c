//! Bugs against Q1.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use rewitness_messaging::{Cause, Delivery, Outcome, ResourceId, Scope, State, Subscription, Version};

use super::catalogue;
use super::field::{Answering, Field, Key, Met, Notes, Recipient, lock};
use super::plant::{Plant, swallowed};
use crate::queue::driver::Fault;

catalogue! {
    Q1 LeavesOneOut => q1_what_is_active_at_the_start_is_replayed_to_every_consumer;
    Q1 ForgetsThoseWhoComeLate => q1_a_subscription_that_begins_while_running_is_replayed;
    Q1 ReplaysWhatIsDoneOnlyOnce::default() =>
        q1_every_start_replays_everything_again, q1_a_queue_that_is_run_again_replays_everything_again;
    Q1 ReplaysWhatIsBegunOnlyOnce::default() =>
        q1_a_kill_during_the_replay_is_made_good_by_the_next_start, q10_what_was_unfinished_comes_again;
    Q1 WaitsForTheWholeList::default() => q1_deliveries_begin_before_the_list_ends;
    Q1 KnowsResourcesByTheirName::default() => q1_the_same_name_in_two_namespaces_and_kinds_is_four_resources;
    Q1 IgnoresTheScope => q1_what_is_outside_of_the_scope_or_the_selector_is_not_delivered;
    Q1 ReplaysNoDeletions => q1_a_resource_that_is_being_deleted_is_replayed_too,
        q6_a_deletion_while_nothing_ran_is_delivered, q6_a_deletion_that_a_killed_queue_had_begun_is_begun_again;
    Q1 ReplaysWhatItKnewFirst::default() => q1_what_is_replayed_is_the_newest_state;
    Q1 SeesOneNamespaceOnly => q1_everywhere_means_every_namespace;
}

struct LeavesOneOut;

impl Plant for LeavesOneOut {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        let left_out = delivery.cause == Cause::Replay && &*delivery.envelope.resource.name == "web-002";
        if left_out { swallowed() } else { to.hand(delivery) }
    }
}

struct ForgetsThoseWhoComeLate;

impl Plant for ForgetsThoseWhoComeLate {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        let forgotten = to.late && delivery.cause == Cause::Replay;
        if forgotten { swallowed() } else { to.hand(delivery) }
    }
}

/// As a queue that keeps a cursor would.
#[derive(Default)]
struct ReplaysWhatIsDoneOnlyOnce(Met<Key>);

impl Plant for ReplaysWhatIsDoneOnlyOnce {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        let key = to.key(&delivery);
        if delivery.cause == Cause::Replay && lock(&self.0).contains(&key) {
            return swallowed();
        }
        async move {
            let answer = to.hand(delivery).await;
            if matches!(answer, Ok(Outcome::Done)) {
                lock(&self.0).insert(key);
            }
            answer
        }
        .boxed()
    }
}

/// As a queue that acknowledges before it has an answer would.
#[derive(Default)]
struct ReplaysWhatIsBegunOnlyOnce(Met<Key>);

impl Plant for ReplaysWhatIsBegunOnlyOnce {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        let is_new = lock(&self.0).insert(to.key(&delivery));
        if is_new || delivery.cause != Cause::Replay { to.hand(delivery) } else { swallowed() }
    }
}

#[derive(Default)]
struct WaitsForTheWholeList(AtomicBool);

impl Plant for WaitsForTheWholeList {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        async move {
            while self.0.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
            to.hand(delivery).await
        }
        .boxed()
    }

    fn after_fault<'a>(&'a self, _: &'a Field, fault: Fault, _: Option<&'a ResourceId>) -> BoxFuture<'a, ()> {
        self.0.store(fault == Fault::StallLists, Ordering::Relaxed);
        std::future::ready(()).boxed()
    }
}

#[derive(Default)]
struct KnowsResourcesByTheirName(Notes<(Arc<str>, Arc<str>), ResourceId>);

impl Plant for KnowsResourcesByTheirName {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        let resource = &delivery.envelope.resource;
        let name = (to.spec.name.clone(), resource.name.clone());
        let known = lock(&self.0).entry(name).or_insert_with(|| resource.clone()).clone();
        if known == *resource { to.hand(delivery) } else { swallowed() }
    }
}

struct IgnoresTheScope;

impl Plant for IgnoresTheScope {
    fn subscription(&self, mut asked: Subscription) -> Subscription {
        asked.scope = Scope::All;
        asked
    }
}

struct ReplaysNoDeletions;

impl Plant for ReplaysNoDeletions {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        let skipped = delivery.cause == Cause::Replay && delivery.state == State::Deleting;
        if skipped { swallowed() } else { to.hand(delivery) }
    }
}

#[derive(Default)]
struct ReplaysWhatItKnewFirst(Notes<Key, Version>);

impl Plant for ReplaysWhatItKnewFirst {
    fn deliver<'a>(&'a self, to: &'a Recipient, mut delivery: Delivery) -> Answering<'a> {
        delivery.version = *lock(&self.0).entry(to.key(&delivery)).or_insert(delivery.version);
        to.hand(delivery)
    }
}

struct SeesOneNamespaceOnly;

impl Plant for SeesOneNamespaceOnly {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        let unseen = to.spec.scope == Scope::All && &*delivery.envelope.resource.name == "there";
        if unseen { swallowed() } else { to.hand(delivery) }
    }
}

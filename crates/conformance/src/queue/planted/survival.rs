//! Bugs against Q11 and Q12.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use rewitness_messaging::{Delivery, Progress, ResourceId, SourceState, State, Uid, Version};

use super::catalogue;
use super::field::{Answering, Field, Key, Met, Notes, Recipient, lock};
use super::plant::{Plant, put_off, swallowed};
use super::progress::Shows;
use crate::queue::driver::Fault;

catalogue! {
    Q11 FallsSilent::after(Fault::Corrupt) => q11_an_unreadable_resource_stops_itself_alone,
        q11_a_resource_that_becomes_unreadable_stops_itself_alone;
    Q11 TakesItForGone(Fault::Corrupt) => q11_a_resource_that_becomes_unreadable_stops_itself_alone,
        q11_an_unreadable_resource_is_not_gone;
    Q11 Shows(nothing_poisoned) => q11_an_unreadable_resource_stops_itself_alone;
    Q11 NeverReadsItAgain::default() => q11_a_resource_that_is_mended_is_delivered;
    Q12 FallsSilent::after(Fault::Disconnect) => q12_a_broken_connection_is_resumed;
    Q12 FallsSilent::after(Fault::Expire) => q12_an_expired_version_leads_to_a_new_list;
    Q12 FallsSilent::after(Fault::Overload) => q12_an_overload_at_the_start_is_waited_out,
        q12_an_overload_delays_holds_and_loses_none;
    Q12 FallsSilent::after(Fault::Outage) => q12_an_outage_is_shown_and_survived,
        q12_an_outage_at_the_start_is_waited_out, q12_an_outage_in_the_middle_of_a_list_is_survived;
    Q12 FallsSilent::after(Fault::RollBack) => q12_a_version_that_moved_backwards_is_noticed,
        q12_a_roll_back_brings_back_what_had_gone;
    Q12 Exits::after(Fault::Disconnect) => q12_a_broken_connection_is_resumed;
    Q12 Exits::after(Fault::Expire) => q12_an_expired_version_leads_to_a_new_list;
    Q12 Exits::after(Fault::Outage) => q12_an_outage_is_shown_and_survived;
    Q12 LosesDeletions::after(Fault::Disconnect) => q12_a_broken_connection_is_resumed,
        q7_a_resource_recreated_while_disconnected_is_another;
    Q12 LosesDeletions::after(Fault::Outage) => q12_an_outage_during_a_release_loses_nothing,
        q14_a_new_list_that_lacks_it_is_a_gone;
    Q12 TakesItForGone(Fault::Outage) => q12_an_outage_is_shown_and_survived,
        q12_an_outage_in_the_middle_of_a_list_is_survived;
    Q12 Shows(no_failure) => q12_an_outage_is_shown_and_survived;
    Q12 Shows(no_roll_back) => q12_a_version_that_moved_backwards_is_noticed;
    Q12 IgnoresOlderVersions::default() => q12_a_version_that_moved_backwards_is_noticed;
}

/// Whether a fault has happened.
struct Happened {
    fault: Fault,
    yet: AtomicBool,
}

impl Happened {
    fn new(fault: Fault) -> Self {
        Self { fault, yet: AtomicBool::new(false) }
    }

    fn yet(&self) -> bool {
        self.yet.load(Ordering::Relaxed)
    }

    fn note(&self, fault: Fault) -> BoxFuture<'static, ()> {
        self.yet.fetch_or(fault == self.fault, Ordering::Relaxed);
        std::future::ready(()).boxed()
    }
}

struct FallsSilent(Happened);

impl FallsSilent {
    fn after(fault: Fault) -> Self {
        Self(Happened::new(fault))
    }
}

impl Plant for FallsSilent {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        if self.0.yet() { put_off() } else { to.hand(delivery) }
    }

    fn after_fault<'a>(&'a self, _: &'a Field, fault: Fault, _: Option<&'a ResourceId>) -> BoxFuture<'a, ()> {
        self.0.note(fault)
    }
}

struct Exits(std::sync::Arc<Happened>);

impl Exits {
    fn after(fault: Fault) -> Self {
        Self(std::sync::Arc::new(Happened::new(fault)))
    }
}

impl Plant for Exits {
    fn stop(&self, mut asked: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
        let happened = self.0.clone();
        async move {
            while !happened.yet() {
                if tokio::time::timeout(Duration::from_millis(1), &mut asked).await.is_ok() {
                    return;
                }
            }
        }
        .boxed()
    }

    fn after_fault<'a>(&'a self, _: &'a Field, fault: Fault, _: Option<&'a ResourceId>) -> BoxFuture<'a, ()> {
        self.0.note(fault)
    }
}

struct LosesDeletions(Happened);

impl LosesDeletions {
    fn after(fault: Fault) -> Self {
        Self(Happened::new(fault))
    }
}

impl Plant for LosesDeletions {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        async move {
            match delivery.state {
                State::Live => to.hand(delivery).await,
                _ if self.0.yet() => put_off().await,
                _ => {
                    let answer = to.hand(delivery).await;
                    // Also the answer to one that was in flight by then.
                    if self.0.yet() { put_off().await } else { answer }
                }
            }
        }
        .boxed()
    }

    fn after_fault<'a>(&'a self, _: &'a Field, fault: Fault, _: Option<&'a ResourceId>) -> BoxFuture<'a, ()> {
        self.0.note(fault)
    }
}

/// Takes what it cannot see for gone: one resource, or everything.
struct TakesItForGone(Fault);

impl Plant for TakesItForGone {
    fn after_fault<'a>(
        &'a self,
        field: &'a Field,
        fault: Fault,
        resource: Option<&'a ResourceId>,
    ) -> BoxFuture<'a, ()> {
        async move {
            if fault != self.0 {
                return;
            }
            let unseen = match resource {
                Some(resource) => vec![resource.clone()],
                None => lock(&field.made).clone(),
            };
            for resource in &unseen {
                field.tell_gone(resource).await;
            }
        }
        .boxed()
    }
}

fn nothing_poisoned(shown: &mut Progress) {
    shown.sources.iter_mut().for_each(|source| source.poisoned = 0);
}

fn no_failure(shown: &mut Progress) {
    shown.sources.iter_mut().for_each(|source| source.state = SourceState::Synced);
}

fn no_roll_back(shown: &mut Progress) {
    shown.sources.iter_mut().for_each(|source| source.rollbacks = 0);
}

#[derive(Default)]
struct NeverReadsItAgain(Met<Uid>);

impl Plant for NeverReadsItAgain {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        let is_poisoned = lock(&self.0).contains(&delivery.envelope.resource.uid);
        if is_poisoned { swallowed() } else { to.hand(delivery) }
    }

    fn after_fault<'a>(
        &'a self,
        _: &'a Field,
        _: Fault,
        resource: Option<&'a ResourceId>,
    ) -> BoxFuture<'a, ()> {
        lock(&self.0).extend(resource.map(|resource| resource.uid.clone()));
        std::future::ready(()).boxed()
    }
}

#[derive(Default)]
struct IgnoresOlderVersions(Notes<Key, Version>);

impl Plant for IgnoresOlderVersions {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        let mut newest = lock(&self.0);
        let newest = newest.entry(to.key(&delivery)).or_insert(delivery.version);
        if delivery.version.is_older_than(*newest) && delivery.state == State::Live {
            return swallowed();
        }
        *newest = delivery.version;
        to.hand(delivery)
    }
}

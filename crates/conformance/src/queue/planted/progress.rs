//! Bugs against Q9.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures::FutureExt;
use futures::future::BoxFuture;
use rewitness_messaging::{Delivery, Failure, Kind, Listed, Progress, SourceState, Subscription};

use super::catalogue;
use super::field::{Answering, Met, Recipient, lock};
use super::plant::Plant;
use crate::Result;

catalogue! {
    Q9 Shows(replayed_at_once) => q9_replayed_waits_until_everything_was_answered_once,
        q1_deliveries_begin_before_the_list_ends, q13_a_pause_before_the_start_holds_the_replay_back;
    Q9 Shows(replayed_only_where_nothing_fails) => q9_an_answer_counts_whatever_it_is;
    Q9 Shows(nothing_delivered) => q9_replayed_waits_until_everything_was_answered_once;
    Q9 Shows(nothing_synced) => q9_a_source_shows_that_it_is_synced;
    Q9 WaitsForWhatHasGone::default() => q9_what_goes_before_it_was_delivered_is_not_waited_for;
    Q9 WakesOneWaiter::default() => q9_any_number_of_waiters_is_woken;
    Q9 MarksTooEarly::default() => q9_the_marker_comes_after_everything_that_was_listed,
        q9_the_marker_waits_for_the_last_answer, q9_the_marker_waits_for_what_waits_for_its_hold;
    Q9 MarksTwice => q9_the_marker_comes_after_everything_that_was_listed, q9_where_nothing_is_the_replay_is_complete;
    Q9 MarksForAll => q9_the_marker_comes_after_everything_that_was_listed;
    Q9 MarksNothingForThoseWhoComeLate => q9_a_later_subscription_has_its_own_marker;
    Q9 MarksNoEmptyList::default() => q9_where_nothing_is_the_replay_is_complete;
    Q9 SwallowsTheErrorsOfMarkers => q9_a_marker_whose_consumer_failed_comes_again;
}

/// Makes something else of the progress.
pub(super) struct Shows(pub(super) fn(&mut Progress));

impl Plant for Shows {
    fn progress(&self, mut shown: Progress) -> Progress {
        (self.0)(&mut shown);
        shown
    }
}

fn replayed_at_once(shown: &mut Progress) {
    shown.replayed = true;
}

fn replayed_only_where_nothing_fails(shown: &mut Progress) {
    shown.replayed &= shown.failing == 0;
}

fn nothing_delivered(shown: &mut Progress) {
    shown.delivered = 0;
}

fn nothing_synced(shown: &mut Progress) {
    shown.sources.iter_mut().for_each(|source| source.state = SourceState::Listing);
}

#[derive(Default)]
struct WaitsForWhatHasGone(AtomicU64);

impl Plant for WaitsForWhatHasGone {
    fn progress(&self, mut shown: Progress) -> Progress {
        let ever_listed = self.0.fetch_max(shown.listed, Ordering::Relaxed).max(shown.listed);
        shown.replayed &= shown.delivered >= ever_listed;
        shown
    }
}

#[derive(Default)]
struct WakesOneWaiter(AtomicBool);

impl Plant for WakesOneWaiter {
    fn changed(&self, notified: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
        match self.0.swap(true, Ordering::Relaxed) {
            false => notified,
            true => std::future::pending().boxed(),
        }
    }
}

#[derive(Default)]
struct MarksTooEarly(Met<Kind>);

impl Plant for MarksTooEarly {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        async move {
            let resource = &delivery.envelope.resource;
            let listed = Listed { kind: resource.kind.clone(), namespace: resource.namespace.clone() };
            let is_first = lock(&self.0).insert(resource.kind.clone());
            if to.spec.listed && is_first {
                let _ = to.consumer.listed_boxed(listed).await;
            }
            to.hand(delivery).await
        }
        .boxed()
    }

    fn listed<'a>(&'a self, _to: &'a Recipient, _marker: Listed) -> BoxFuture<'a, Result<(), Failure>> {
        std::future::ready(Ok(())).boxed()
    }
}

struct MarksTwice;

impl Plant for MarksTwice {
    fn listed<'a>(&'a self, to: &'a Recipient, marker: Listed) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            to.consumer.listed_boxed(marker.clone()).await?;
            to.consumer.listed_boxed(marker).await
        }
        .boxed()
    }
}

struct MarksForAll;

impl Plant for MarksForAll {
    fn subscription(&self, mut asked: Subscription) -> Subscription {
        asked.listed = true;
        asked
    }
}

struct MarksNothingForThoseWhoComeLate;

impl Plant for MarksNothingForThoseWhoComeLate {
    fn listed<'a>(&'a self, to: &'a Recipient, marker: Listed) -> BoxFuture<'a, Result<(), Failure>> {
        if to.late { std::future::ready(Ok(())).boxed() } else { to.consumer.listed_boxed(marker) }
    }
}

#[derive(Default)]
struct MarksNoEmptyList(AtomicBool);

impl Plant for MarksNoEmptyList {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        self.0.store(true, Ordering::Relaxed);
        to.hand(delivery)
    }

    fn listed<'a>(&'a self, to: &'a Recipient, marker: Listed) -> BoxFuture<'a, Result<(), Failure>> {
        match self.0.load(Ordering::Relaxed) {
            true => to.consumer.listed_boxed(marker),
            false => std::future::ready(Ok(())).boxed(),
        }
    }
}

struct SwallowsTheErrorsOfMarkers;

impl Plant for SwallowsTheErrorsOfMarkers {
    fn listed<'a>(&'a self, to: &'a Recipient, marker: Listed) -> BoxFuture<'a, Result<(), Failure>> {
        to.consumer.listed_boxed(marker).map(|_| Ok(())).boxed()
    }
}

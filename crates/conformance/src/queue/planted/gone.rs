//! Bugs against Q14.

use std::sync::atomic::Ordering;

use futures::FutureExt;
use futures::future::BoxFuture;
use rewitness_messaging::{Delivery, HoldState, Outcome, ResourceId, State, Subscription};

use super::catalogue;
use super::field::{Answering, Field, Key, Met, Recipient, lock, made_up};
use super::plant::{Plant, Write, swallowed};

catalogue! {
    Q14 Tells(twice) => q14_what_has_left_is_told_once_to_those_who_ask, q14_gone_is_never_routed_as_anything_else,
        q14_gone_waits_for_the_delivery_in_flight;
    Q14 Tells(nobody) => q14_what_has_left_is_told_once_to_those_who_ask, q14_a_new_list_that_lacks_it_is_a_gone;
    Q14 Tells(as_live) => q14_what_has_left_is_told_once_to_those_who_ask, q14_gone_ends_every_wait;
    Q14 Tells(without_values) => q14_what_has_left_is_told_once_to_those_who_ask;
    Q14 Tells(whatever_the_answer) => q14_gone_comes_again_until_it_is_done;
    Q14 Tells(and_comes_back) => q14_gone_ends_every_wait, q14_what_has_left_is_told_once_to_those_who_ask;
    Q14 Tells(of_the_last_of_its_name_only) => q14_a_recreated_resource_is_live_and_its_former_gone,
        q7_a_resource_recreated_while_disconnected_is_another;
    Q14 Tells(in_the_first_run_only) => q14_what_left_between_two_runs_of_a_queue_is_told;
    Q14 TellsAll => q14_what_has_left_is_told_once_to_those_who_ask;
    Q14 TellsTooEarly(Write::Delete) => q14_gone_waits_for_the_delivery_in_flight;
    Q14 TellsTooEarly(Write::Relabel) => q14_leaving_the_selector_is_not_leaving;
    Q14 TellsWhoReleasedIt => q14_whose_own_done_released_it_is_not_told;
    Q14 TellsNobodyWhoSawTheDeletion::default() => q14_whose_hold_was_taken_by_force_is_told,
        q14_gone_is_never_routed_as_anything_else;
}

/// Does something else with `Gone` than to hand it over.
struct Tells(for<'a> fn(&'a Recipient, Delivery) -> Answering<'a>);

impl Plant for Tells {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        if delivery.state == State::Gone { (self.0)(to, delivery) } else { to.hand(delivery) }
    }
}

fn twice(to: &Recipient, gone: Delivery) -> Answering<'_> {
    async move {
        to.hand(gone.clone()).await?;
        to.hand(gone).await
    }
    .boxed()
}

fn nobody(_: &Recipient, _: Delivery) -> Answering<'_> {
    swallowed()
}

fn as_live(to: &Recipient, gone: Delivery) -> Answering<'_> {
    to.hand(made_up(&gone.envelope.resource, State::Live))
}

fn without_values(to: &Recipient, gone: Delivery) -> Answering<'_> {
    to.hand(made_up(&gone.envelope.resource, State::Gone))
}

fn whatever_the_answer(to: &Recipient, gone: Delivery) -> Answering<'_> {
    to.hand(gone).map(|answer| answer.or(Ok(Outcome::Done))).boxed()
}

fn and_comes_back(to: &Recipient, gone: Delivery) -> Answering<'_> {
    async move {
        let resource = gone.envelope.resource.clone();
        to.hand(gone).await?;
        to.hand(made_up(&resource, State::Live)).await
    }
    .boxed()
}

fn of_the_last_of_its_name_only(to: &Recipient, gone: Delivery) -> Answering<'_> {
    let resource = &gone.envelope.resource;
    let is_last = to.field.latest(&resource.name).is_none_or(|latest| latest == *resource);
    if is_last { to.hand(gone) } else { swallowed() }
}

fn in_the_first_run_only(to: &Recipient, gone: Delivery) -> Answering<'_> {
    if to.field.runs.load(Ordering::Relaxed) == 1 { to.hand(gone) } else { swallowed() }
}

struct TellsAll;

impl Plant for TellsAll {
    fn subscription(&self, asked: Subscription) -> Subscription {
        asked.with_gone()
    }
}

/// Takes a write for the end.
struct TellsTooEarly(Write);

impl Plant for TellsTooEarly {
    fn after_write<'a>(
        &'a self,
        field: &'a Field,
        write: Write,
        resource: &'a ResourceId,
    ) -> BoxFuture<'a, ()> {
        match write == self.0 {
            true => field.tell_gone(resource).boxed(),
            false => std::future::ready(()).boxed(),
        }
    }
}

struct TellsWhoReleasedIt;

impl Plant for TellsWhoReleasedIt {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        async move {
            let releases = delivery.state == State::Deleting && delivery.hold == HoldState::Held;
            let resource = delivery.envelope.resource.clone();
            let answer = to.hand(delivery).await;
            if releases && matches!(answer, Ok(Outcome::Done)) {
                let _ = to.hand(made_up(&resource, State::Gone)).await;
            }
            answer
        }
        .boxed()
    }
}

#[derive(Default)]
struct TellsNobodyWhoSawTheDeletion(Met<Key>);

impl Plant for TellsNobodyWhoSawTheDeletion {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        let key = to.key(&delivery);
        match delivery.state {
            State::Gone if lock(&self.0).contains(&key) => return swallowed(),
            State::Deleting => drop(lock(&self.0).insert(key)),
            _ => {}
        }
        to.hand(delivery)
    }
}

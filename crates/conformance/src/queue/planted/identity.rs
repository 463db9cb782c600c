//! Bugs against Q7.

use std::sync::Arc;

use futures::FutureExt;
use rewitness_messaging::{Delivery, Outcome, State, Uid, WakeKey};

use super::catalogue;
use super::field::{Answering, Met, Notes, Recipient, lock, made_up};
use super::plant::{Plant, swallowed};

catalogue! {
    Q7 FreesTheSuccessor => q7_a_release_meant_for_the_former_does_not_free_its_successor;
    Q7 TakesTheSuccessorForTheFormer::default() => q7_a_resource_recreated_while_nothing_ran_is_another,
        q7_a_resource_recreated_during_a_delivery_is_another,
        q7_a_resource_recreated_while_its_former_failed_starts_afresh,
        q7_a_resource_recreated_while_disconnected_is_another;
    Q7 ForgetsTheSuccessor::default() => q7_a_resource_recreated_while_disconnected_is_another,
        q7_a_resource_recreated_between_two_lists_is_another, q14_a_recreated_resource_is_live_and_its_former_gone;
    Q7 LetsTheSuccessorInheritFailures::default() =>
        q7_a_resource_recreated_while_its_former_failed_starts_afresh;
    Q7 WakesTheSuccessor::default() => q7_what_waited_for_the_former_does_not_wake_its_successor;
}

type Name = (Arc<str>, Arc<str>);

fn name(to: &Recipient, delivery: &Delivery) -> Name {
    (to.spec.name.clone(), delivery.envelope.resource.name.clone())
}

/// As a patch by name without a test of the uid does.
struct FreesTheSuccessor;

impl Plant for FreesTheSuccessor {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        async move {
            let deleting =
                (delivery.state == State::Deleting).then(|| delivery.envelope.resource.name.clone());
            let answer = to.hand(delivery).await;
            if let (Some(name), Ok(Outcome::Done)) = (deleting, &answer)
                && let Some(latest) = to.field.latest(&name)
            {
                to.let_go(&latest).await;
            }
            answer
        }
        .boxed()
    }
}

#[derive(Default)]
struct TakesTheSuccessorForTheFormer(Notes<Name, Uid>);

impl Plant for TakesTheSuccessorForTheFormer {
    fn deliver<'a>(&'a self, to: &'a Recipient, mut delivery: Delivery) -> Answering<'a> {
        let uid = delivery.envelope.resource.uid.clone();
        delivery.envelope.resource.uid = lock(&self.0).entry(name(to, &delivery)).or_insert(uid).clone();
        to.hand(delivery)
    }
}

#[derive(Default)]
struct ForgetsTheSuccessor(Notes<Name, Uid>);

impl Plant for ForgetsTheSuccessor {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        let uid = delivery.envelope.resource.uid.clone();
        let known = lock(&self.0).entry(name(to, &delivery)).or_insert_with(|| uid.clone()).clone();
        if known == uid { to.hand(delivery) } else { swallowed() }
    }
}

/// As a backoff that is kept by name does.
#[derive(Default)]
struct LetsTheSuccessorInheritFailures(Notes<Name, u32>);

impl Plant for LetsTheSuccessorInheritFailures {
    fn deliver<'a>(&'a self, to: &'a Recipient, mut delivery: Delivery) -> Answering<'a> {
        let name = name(to, &delivery);
        delivery.attempt = 1 + lock(&self.0).get(&name).copied().unwrap_or(0);
        async move {
            let answer = to.hand(delivery).await;
            *lock(&self.0).entry(name).or_default() += u32::from(answer.is_err());
            answer
        }
        .boxed()
    }
}

/// As a table of waits that is kept by name does.
#[derive(Default)]
struct WakesTheSuccessor(Met<Name>, Notes<Name, Arc<Recipient>>);

impl Plant for WakesTheSuccessor {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        async move {
            let name = name(to, &delivery);
            let answer = to.hand(delivery).await;
            if let Ok(Outcome::RequeueAfter { wake: Some(_), .. }) = &answer {
                let this = to.field.recipients().into_iter().find(|one| one.spec.name == to.spec.name);
                if let Some(this) = this.filter(|_| lock(&self.0).insert(name.clone())) {
                    lock(&self.1).insert(name, this);
                }
            }
            answer
        }
        .boxed()
    }

    fn wake(&self, key: &WakeKey) -> Vec<WakeKey> {
        for ((_, name), waiting) in lock(&self.1).drain() {
            if let Some(latest) = waiting.field.latest(&name) {
                let _ = waiting.hand(made_up(&latest, State::Live)).now_or_never();
            }
        }
        vec![key.clone()]
    }
}

//! Bugs against Q6.

use std::sync::Arc;

use futures::FutureExt;
use rewitness_messaging::{
    Capabilities, Delivery, Failure, Hold, HoldState, Outcome, Progress, ResourceId, Scope, Selector, State,
    Subscription,
};

use super::catalogue;
use super::field::{Answering, Key, Met, Recipient, lock};
use super::plant::{Plant, put_off, swallowed};

catalogue! {
    Q6 HoldsNothing => q6_a_deletion_while_nothing_ran_is_delivered, q6_the_hold_is_on_before_the_first_live_delivery,
        q6_a_hold_that_a_foreign_hand_takes_off_is_put_on_again,
        q6_a_hold_that_is_taken_off_again_and_again_is_put_on_with_growing_pauses, q6_what_comes_back_into_the_selector_is_held_again,
        q6_a_later_subscription_holds_what_is_there, q13_a_held_deletion_waits_with_its_hold;
    Q6 HoldsTooLate => q6_the_hold_is_on_before_the_first_live_delivery,
        q6_a_delivery_whose_hold_is_lost_before_its_turn_waits_for_it;
    Q6 ClaimsToHold => q6_what_is_first_seen_deleting_is_not_held_and_is_told_so;
    Q6 NeverReleases => q6_a_deletion_while_nothing_ran_is_delivered, q6_it_goes_when_every_consumer_is_done,
        q10_what_is_done_within_the_grace_period_counts;
    Q6 ReleasesBeforeItIsDone => q6_the_hold_stays_until_the_deletion_is_done,
        q6_a_deletion_that_a_killed_queue_had_begun_is_begun_again;
    Q6 ReleasesWhateverTheAnswer => q6_the_hold_stays_until_the_deletion_is_done,
        q6_one_consumers_failure_keeps_its_own_hold_alone;
    Q6 ReleasesAtTheLiveDone => q6_done_with_the_live_state_releases_nothing;
    Q6 IgnoresTheVersion => q6_done_at_a_version_counts_only_at_that_version;
    Q6 CountsAChangeAsAFailure => q6_done_at_a_version_counts_only_at_that_version;
    Q6 TellsOfNoRelease => q6_the_consumer_hears_that_its_hold_is_off;
    Q6 ReleasesForAll => q6_it_goes_when_every_consumer_is_done, q6_one_consumers_failure_keeps_its_own_hold_alone;
    Q6 KeepsAllHoldsForOneFailure::default() => q6_one_consumers_failure_keeps_its_own_hold_alone;
    Q6 TakesEveryHoldOff => q6_other_holds_are_left_alone;
    Q6 ForgetsWhatWasLost => q6_a_deletion_that_is_forced_is_counted_as_lost;
    Q6 HoldsOutsideOfTheSelector => q6_what_leaves_the_selector_is_relieved_of_the_hold,
        q6_what_is_outside_of_the_selector_at_the_start_is_relieved_too;
    Q6 RelievesWhatIsDeleting => q6_a_deletion_that_left_the_selector_while_nothing_ran_is_delivered;
    Q6 ReleasesDeletionsOutsideOfTheScope => q6_a_deletion_in_a_former_scope_is_delivered;
    Q6 LetsGoAtTheEndOfASubscription => q6_an_ended_subscription_leaves_its_holds_for_the_next;
    Q6 GatesWhoActsOnDeletionsAlone => q6_a_consumer_of_deletions_alone_does_not_wait_for_its_hold;
    Q6 WritesWithoutAHold => q6_nothing_is_written_to_a_resource_that_nobody_holds;
    Q6 SharesHolds => q6_names_and_holds_belong_to_one_subscription;
    Q6 SaysThatItCannotHold => q6_a_hold_is_refused_where_it_cannot_be_kept;
}

struct HoldsNothing;

impl Plant for HoldsNothing {
    fn subscription(&self, mut asked: Subscription) -> Subscription {
        asked.hold = None;
        asked
    }

    fn deliver<'a>(&'a self, to: &'a Recipient, mut delivery: Delivery) -> Answering<'a> {
        delivery.hold = HoldState::Held;
        to.hand(delivery)
    }
}

struct HoldsTooLate;

impl Plant for HoldsTooLate {
    fn subscription(&self, mut asked: Subscription) -> Subscription {
        asked.hold = asked.hold.map(|hold| Hold::for_deletions(hold.name));
        asked
    }

    fn deliver<'a>(&'a self, to: &'a Recipient, mut delivery: Delivery) -> Answering<'a> {
        delivery.hold = HoldState::Held;
        to.hand(delivery)
    }
}

struct ClaimsToHold;

impl Plant for ClaimsToHold {
    fn deliver<'a>(&'a self, to: &'a Recipient, mut delivery: Delivery) -> Answering<'a> {
        delivery.hold = HoldState::Held;
        to.hand(delivery)
    }
}

struct NeverReleases;

impl Plant for NeverReleases {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        async move {
            let was_deleting = delivery.state == State::Deleting;
            let answer = to.hand(delivery).await?;
            if was_deleting { put_off().await } else { Ok(answer) }
        }
        .boxed()
    }
}

struct ReleasesBeforeItIsDone;

impl Plant for ReleasesBeforeItIsDone {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        async move {
            if delivery.state == State::Deleting {
                to.let_go(&delivery.envelope.resource).await;
            }
            to.hand(delivery).await
        }
        .boxed()
    }
}

struct ReleasesWhateverTheAnswer;

impl Plant for ReleasesWhateverTheAnswer {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        async move {
            let was_deleting = delivery.state == State::Deleting;
            let answer = to.hand(delivery).await;
            if was_deleting { Ok(Outcome::Done) } else { answer }
        }
        .boxed()
    }
}

struct ReleasesAtTheLiveDone;

impl Plant for ReleasesAtTheLiveDone {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        async move {
            let resource = delivery.envelope.resource.clone();
            let answer = to.hand(delivery).await;
            // Only where it does harm, or it would be added and removed for ever.
            let is_deleting = to.field.hands.is_deleting(&resource).await;
            if is_deleting && matches!(answer, Ok(Outcome::Done)) {
                to.let_go(&resource).await;
            }
            answer
        }
        .boxed()
    }
}

struct IgnoresTheVersion;

impl Plant for IgnoresTheVersion {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        async move {
            match to.hand(delivery).await? {
                Outcome::DoneAt(_) => Ok(Outcome::Done),
                other => Ok(other),
            }
        }
        .boxed()
    }
}

struct CountsAChangeAsAFailure;

impl Plant for CountsAChangeAsAFailure {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        async move {
            let resource = delivery.envelope.resource.clone();
            match to.hand(delivery).await? {
                Outcome::DoneAt(version) if to.field.hands.version(&resource).await != Some(version) => {
                    Err(Failure::backoff("it has changed"))
                }
                other => Ok(other),
            }
        }
        .boxed()
    }
}

struct TellsOfNoRelease;

impl Plant for TellsOfNoRelease {
    fn released(
        &self,
        _to: &Recipient,
        _resource: &ResourceId,
        released: Result<(), Failure>,
    ) -> Result<Outcome, Failure> {
        released.map(|()| Outcome::Done)
    }
}

struct ReleasesForAll;

impl Plant for ReleasesForAll {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        async move {
            let deleting = (delivery.state == State::Deleting).then(|| delivery.envelope.resource.clone());
            let answer = to.hand(delivery).await;
            if let (Some(resource), Ok(Outcome::Done)) = (deleting, &answer) {
                for other in to.field.recipients() {
                    other.let_go(&resource).await;
                }
            }
            answer
        }
        .boxed()
    }
}

#[derive(Default)]
struct KeepsAllHoldsForOneFailure(Met<Key>);

impl Plant for KeepsAllHoldsForOneFailure {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        async move {
            let key = to.key(&delivery);
            let answer = to.hand(delivery).await;
            let mut failed = lock(&self.0);
            if answer.is_err() {
                failed.insert(key);
            } else if failed.iter().any(|(_, uid)| *uid == key.1) {
                return Ok(Outcome::requeue_after(crate::queue::world::YEAR));
            }
            answer
        }
        .boxed()
    }
}

/// As a merge patch of the list of finalizers does.
struct TakesEveryHoldOff;

impl Plant for TakesEveryHoldOff {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        async move {
            let deleting = (delivery.state == State::Deleting).then(|| delivery.envelope.resource.clone());
            let answer = to.hand(delivery).await;
            if let Some(resource) = deleting {
                to.field.hands.strip_holds(&resource).await;
            }
            answer
        }
        .boxed()
    }
}

struct ForgetsWhatWasLost;

impl Plant for ForgetsWhatWasLost {
    fn progress(&self, mut shown: Progress) -> Progress {
        shown.lost = 0;
        shown
    }
}

struct HoldsOutsideOfTheSelector;

impl Plant for HoldsOutsideOfTheSelector {
    fn subscription(&self, mut asked: Subscription) -> Subscription {
        asked.selector = Selector::default();
        asked
    }
}

/// Goes by the labels whether or not the resource lives.
struct RelievesWhatIsDeleting;

impl Plant for RelievesWhatIsDeleting {
    fn subscription(&self, mut asked: Subscription) -> Subscription {
        asked.labels.extend(asked.selector.keys().map(str::to_owned));
        asked
    }

    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        let label =
            |key: &str| delivery.labels.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
        match delivery.state == State::Deleting && !to.spec.selector.matches(label) {
            true => swallowed(),
            false => to.hand(delivery),
        }
    }
}

struct ReleasesDeletionsOutsideOfTheScope;

impl Plant for ReleasesDeletionsOutsideOfTheScope {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        let namespace = delivery.envelope.resource.namespace.as_ref();
        let is_inside = match (&to.spec.scope, namespace) {
            (Scope::Namespaces(names), Some(namespace)) => names.contains(namespace),
            _ => true,
        };
        if is_inside { to.hand(delivery) } else { swallowed() }
    }
}

struct LetsGoAtTheEndOfASubscription;

impl Plant for LetsGoAtTheEndOfASubscription {
    fn closed(&self, who: &Recipient) {
        let made: Vec<ResourceId> = lock(&who.field.made).clone();
        for resource in &made {
            // A store in memory answers at once; with another this bug is not planted.
            let _ = who.let_go(resource).now_or_never();
        }
    }
}

struct GatesWhoActsOnDeletionsAlone;

impl Plant for GatesWhoActsOnDeletionsAlone {
    fn subscription(&self, mut asked: Subscription) -> Subscription {
        asked.hold = asked.hold.map(|hold| Hold::new(hold.name));
        asked
    }
}

struct WritesWithoutAHold;

impl Plant for WritesWithoutAHold {
    fn subscription(&self, mut asked: Subscription) -> Subscription {
        asked.hold = asked.hold.or_else(|| Some(Hold::for_deletions("conformance.rewitness.dev/sneaked-in")));
        asked
    }
}

struct SharesHolds;

impl Plant for SharesHolds {
    fn subscription(&self, mut asked: Subscription) -> Subscription {
        if let Some(hold) = &mut asked.hold {
            hold.name = Arc::from(format!("{}-{}", hold.name, asked.name));
        }
        asked
    }
}

struct SaysThatItCannotHold;

impl Plant for SaysThatItCannotHold {
    fn capabilities(&self, said: Capabilities) -> Capabilities {
        said.without_holds()
    }
}

//! The Cascades of the cluster, followed by our own queue.

use std::sync::Arc;
use std::time::Duration;

use rewitness_cascade::{Rule, RuleCheck};
use rewitness_crds::{Cascade, Reason};
use rewitness_kubernetes::{Reconciler, kind_of};
use rewitness_messaging::{
    Backoff, Consumer, Delivery, Error as QueueError, Failure, Handle, Outcome, Queue, Selector, State,
    Subscription,
};
use tokio::time::Instant;

use super::decision::Decision;
use super::error::Error;
use super::followed::Followed;
use super::recheck::CHECK;
use super::rules::Rules;
use super::state::Withheld;

/// The name of the subscription. Those of rules begin with `cascade/`.
const NAME: &str = "cascades";

/// How many Cascades are taken in at a time.
const AT_A_TIME: usize = 8;

/// How often they are while a kind is not served, a right is missing, or it could not be found out.
const CHECK_SOON: Duration = Duration::from_secs(15);

/// How failures are spaced. What fails here keeps a rule from being followed or left, so it is tried often.
const BACKOFF: Backoff = Backoff { base: Duration::from_millis(500), cap: Duration::from_secs(5) };

/// Follows the Cascades that the selector matches, until the handle is dropped.
pub(super) fn follow(rules: &Arc<Rules>, selector: &Selector) -> Result<Handle, QueueError> {
    let live = Reconciler::new(rules.client.clone(), rules.clone(), reconcile);
    // The subscription has no selector: what leaves one is not delivered, and here it has to be noticed.
    let subscription = Subscription::new(NAME, [kind_of::<Cascade>()])
        .with_labels(selector.keys())
        .with_gone()
        .with_concurrency(AT_A_TIME)
        .with_backoff(BACKOFF);
    rules.queue.subscribe(subscription, Follower { rules: rules.clone(), selector: selector.clone(), live })
}

/// What is delivered of a Cascade, sorted: what is not read again is done here.
struct Follower<C> {
    rules: Arc<Rules>,
    selector: Selector,
    /// Reads a Cascade, and takes it in.
    live: C,
}

impl<C: Consumer> Consumer for Follower<C> {
    async fn consume(&self, delivery: Delivery) -> Result<Outcome, Failure> {
        let (cascade, state) = (&delivery.envelope.resource, delivery.state);
        let followed = self.rules.followed_as(&cascade.name, &cascade.uid);
        let label =
            |key: &str| delivery.labels.iter().find(|(name, _)| name == key).map(|(_, value)| &**value);
        match (state, followed) {
            (State::Gone, None) => Ok(Outcome::Done),
            (State::Gone, Some(followed)) => {
                let left = self.rules.gone(&followed).await;
                left.inspect_err(|error| tell(&followed.name, error))?;
                Ok(Outcome::Done)
            }
            (_, followed) if !self.selector.matches(label) => {
                if let Some(followed) = followed {
                    tracing::info!(cascade = %followed.name, "the Cascade has left the selector");
                    self.rules.forget(&followed);
                }
                Ok(Outcome::Done)
            }
            _ => match self.live.consume(delivery).await? {
                // The read does not show it: it has gone, of which the queue tells, or it is read again.
                Outcome::Done if state == State::Live => Ok(Outcome::requeue_after(CHECK_SOON)),
                outcome => Ok(outcome),
            },
        }
    }
}

/// Takes in a Cascade as it was just read.
async fn reconcile(seen: Arc<Cascade>, rules: Arc<Rules>) -> Result<Outcome, Error> {
    let taken_in = take_in(&seen, &rules).await;
    taken_in.inspect_err(|error| tell(seen.metadata.name.as_deref().unwrap_or_default(), error))
}

/// Load, plan, apply, record.
async fn take_in(seen: &Cascade, rules: &Rules) -> Result<Outcome, Error> {
    // Before the mark is read: who sees none is waited for when there is one.
    let _reconciling = rules.reconciling.clone();
    let Some(followed) = rules.load(seen).await? else { return Ok(Outcome::Done) };
    let made = followed.rule_of(seen);
    if let Ok(rule) = &made {
        let held_back = rules.hold_back(&followed, rule).await;
        held_back.or_else(|error| record(&followed, Err(error), false))?;
    }
    followed.observe(seen, made.clone());
    let makes_rule = made.is_ok();
    let decision = match Decision::of(seen, made.ok(), rules.is_uninstalling()) {
        Decision::Follow(rule) => {
            if Instant::now() >= followed.state().check_due {
                check(rules, &followed, &rule).await;
            }
            if followed.is_in_scope(&rule) { Decision::Follow(rule) } else { Decision::Suspend }
        }
        other => other,
    };
    let is_left = matches!(decision, Decision::Leave);
    let applied = rules.apply(seen, &followed, decision).await;
    record(&followed, applied, is_left)?;
    if followed.state().ended {
        return Ok(Outcome::Done);
    }
    let check_due = (makes_rule && !is_left).then(|| followed.state().check_due);
    let after = check_due.map_or(CHECK, |next| next.saturating_duration_since(Instant::now()));
    Ok(Outcome::RequeueAfter { after, wake: Some(followed.recheck_key()) })
}

/// Notes what became of an attempt. What a person alone can mend is no error.
fn record(followed: &Followed, applied: Result<(), Error>, is_left: bool) -> Result<(), Error> {
    let withheld: Option<Withheld> = match &applied {
        Err(Error::Subscribe { source: source @ QueueError::ProtectedKind { .. } }) => {
            Some((Reason::ProtectedKind, source.to_string()))
        }
        Err(Error::Subscribe { source }) => Some((Reason::NotFollowed, source.to_string())),
        Ok(()) if is_left => Some((
            Reason::Uninstalling,
            "Rewitness is being uninstalled: nothing is held any more".to_owned(),
        )),
        _ => None,
    };
    let is_final = withheld.is_some();
    let trouble = applied.as_ref().err().filter(|_| !is_final).map(Error::describe);
    followed.attempted(withheld, trouble);
    if is_final { Ok(()) } else { applied }
}

fn tell(cascade: &str, error: &Error) {
    tracing::warn!(cascade, error = %error.describe(), "failed, and will be tried again");
}

/// Looks up whether a rule can be followed, and tells whoever waits for that.
async fn check(rules: &Rules, followed: &Followed, rule: &Rule) {
    let found = rules.cascades.check(rule).await.map_err(|error| error.to_string());
    let is_well = |check: &RuleCheck| check.not_served.is_empty() && check.missing.is_empty();
    let next = if found.as_ref().is_ok_and(is_well) { CHECK } else { CHECK_SOON };
    if let Err(reason) = &found {
        tracing::warn!(cascade = %followed.name, reason, "whether it can be followed could not be looked up");
    }
    let Some(missing) = followed.change(|state| state.checked(found, next)) else { return };
    match &*missing {
        [] => tracing::info!(cascade = %followed.name, "all rights are there"),
        missing => {
            tracing::warn!(cascade = %followed.name, missing = missing.join(", "), "rights are missing")
        }
    }
    rules.wake(followed);
}

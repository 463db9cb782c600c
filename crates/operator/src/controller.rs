//! The Cascades of the cluster, watched by kube-runtime's `Controller`.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, Stream};
use kube::runtime::controller::{self, Action};
use kube::runtime::reflector::Store;
use kube::runtime::{Controller, watcher};
use rewitness_cascade::{Rule, RuleCheck};
use rewitness_crds::{Cascade, Reason};
use rewitness_messaging::Error as QueueError;
use tokio::sync::Notify;
use tokio::time::{Instant, interval};

use super::course::{Course, HeldParents, is_ours};
use super::error::Error;
use super::followed::Followed;
use super::known::Withheld;
use super::own_finalizer::may_warn;
use super::rules::Rules;
use super::warning::Wish;
use rewitness_kubernetes::call::in_time;

/// How many Cascades are taken in at a time.
const AT_A_TIME: u16 = 8;

/// How often the rights and kinds of a rule are looked up, give or take a sixth.
pub(super) const CHECK: Duration = Duration::from_secs(180);

/// The same while a kind is not served, a right is missing, or it could not be found out.
const CHECK_SOON: Duration = Duration::from_secs(15);

/// How soon a Cascade is read again that the watch has shown, and a read has not.
const LOAD_AGAIN: Duration = Duration::from_secs(2);

/// How often those that have gone without a word are looked for.
const SWEEP: Duration = Duration::from_secs(5);

/// Takes Cascades in until `stop`; returns once those under way have been.
pub(crate) async fn run(
    rules: Arc<Rules>,
    selector: &str,
    stop: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let config = watcher::Config::default().labels(selector);
    let mut uninstall = rules.uninstall.clone();
    let marks = stream::once(async move {
        // The first value is known before any Cascade is.
        uninstall.mark_unchanged();
        uninstall
    });
    let marks = marks.flat_map(|uninstall| {
        stream::unfold(uninstall, |mut uninstall| async move {
            uninstall.changed().await.ok().map(|()| ((), uninstall))
        })
    });
    let controller = Controller::new(rules.api.clone(), config)
        .with_config(controller::Config::default().concurrency(AT_A_TIME))
        .reconcile_all_on(notifications(rules.recheck.clone()))
        .reconcile_all_on(marks)
        .graceful_shutdown_on(stop);
    let store = controller.store();
    let taken_in = controller.run(reconcile, on_error, rules.clone()).for_each(|result| {
        if let Err(controller::Error::QueueError(error)) = result {
            tracing::warn!(%error, "Cascades cannot be watched");
        }
        std::future::ready(())
    });
    tokio::select! {
        () = taken_in => {}
        () = sweeps(&rules, &store) => {}
    }
}

fn notifications(notify: Arc<Notify>) -> impl Stream<Item = ()> + Send + 'static {
    stream::unfold(notify, |notify| async move {
        notify.notified().await;
        Some(((), notify))
    })
}

/// Load, plan, apply, record.
async fn reconcile(seen: Arc<Cascade>, rules: Arc<Rules>) -> Result<Action, Error> {
    // Before the mark is read: who sees none is waited for when there is one.
    let _taking_in = rules.begin_taking_in();
    let Some(followed) = rules.load(&seen).await? else {
        // Another replica of the server may know it. Once it has gone nobody asks again.
        return Ok(if is_ours(&seen) { Action::requeue(LOAD_AGAIN) } else { Action::await_change() });
    };
    let made = followed.rule_of(&seen);
    if let Ok(rule) = &made {
        let held_back = rules.hold_back(&followed, rule).await;
        held_back.or_else(|error| record(&followed, Err(error), false))?;
    }
    followed.observe(&seen, made.clone());
    let rule = made.as_ref().ok();
    let course = match Course::of(&seen, rule.map(|rule| &**rule), rules.is_uninstalling()) {
        Course::Follow(grip, parents) => {
            look_up(&rules, &followed, rule).await;
            let is_in_scope = rule.is_some_and(|rule| followed.is_in_scope(rule));
            if is_in_scope { Course::Follow(grip, parents) } else { Course::Suspend }
        }
        other => other,
    };
    let is_left = course == Course::Leave;
    let wish = Wish::of(&seen, rule.map(|rule| &**rule), &course);
    let applied = apply(&rules, &seen, rule, &followed, course, &wish).await;
    let result = record(&followed, applied, is_left);
    let check_due = rule.filter(|_| !is_left).map(|_| followed.check_due());
    let next = check_due.into_iter().chain(followed.warning_due()).min();
    result.map(|()| match next {
        Some(next) => Action::requeue(next.saturating_duration_since(Instant::now())),
        None => Action::await_change(),
    })
}

/// Does what a Cascade says now, and sees to its warning. That waits until parents are held, but letting
/// them go does not wait for it.
async fn apply(
    rules: &Rules,
    seen: &Cascade,
    rule: Option<&Arc<Rule>>,
    followed: &Arc<Followed>,
    course: Course,
    wish: &Wish,
) -> Result<(), Error> {
    let applied = rules.apply(seen, rule, followed, course);
    match wish {
        Wish::Warn(_) => {
            let applied = applied.await;
            let wish = if may_hold(seen, followed, &applied) { wish } else { &Wish::Keep };
            rules.see_to_warning(followed, wish, may_warn(seen)).await;
            applied
        }
        Wish::Silence { .. } | Wish::Keep => {
            tokio::join!(applied, rules.see_to_warning(followed, wish, may_warn(seen))).0
        }
    }
}

/// Whether there may be parents to warn of. What was held before an edit that cannot be followed is still
/// held, and what is said of it has to be true. A Cascade that has gone, or is to let everything go, gets
/// no policy any more.
fn may_hold(seen: &Cascade, followed: &Followed, applied: &Result<(), Error>) -> bool {
    match applied {
        Ok(()) => true,
        Err(Error::Uninstalling | Error::NotThere) => false,
        Err(_) => followed.holds() || HeldParents::remembered(seen).is_some(),
    }
}

/// Looks up whether a rule can be followed, if that is due.
async fn look_up(rules: &Rules, followed: &Followed, rule: Option<&Arc<Rule>>) {
    if let Some(rule) = rule.filter(|_| Instant::now() >= followed.check_due()) {
        check(rules, followed, rule).await;
    }
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
    followed.withhold(withheld);
    followed.trouble(applied.as_ref().err().filter(|_| !is_final).map(Error::describe));
    if is_final { Ok(()) } else { applied }
}

fn on_error(cascade: Arc<Cascade>, error: &Error, _: Arc<Rules>) -> Action {
    tell(cascade.metadata.name.as_deref().unwrap_or_default(), error);
    Action::requeue(error.retry_after())
}

fn tell(cascade: &str, error: &Error) {
    tracing::warn!(cascade, error = %error.describe(), "failed, and will be tried again");
}

/// Looks up whether a rule can be followed, and tells whoever waits for that.
async fn check(rules: &Rules, followed: &Followed, rule: &Rule) {
    let found = rules.cascades.check(rule).await.map_err(|error| error.to_string());
    let is_well = |check: &RuleCheck| check.not_served.is_empty() && check.missing.is_empty();
    let next = if found.as_ref().is_ok_and(is_well) { jittered(CHECK) } else { CHECK_SOON };
    if let Err(reason) = &found {
        tracing::warn!(cascade = %followed.name, reason, "whether it can be followed could not be looked up");
    }
    let Some(missing) = followed.checked(found, next) else { return };
    match &*missing {
        [] => tracing::info!(cascade = %followed.name, "all rights are there"),
        missing => {
            tracing::warn!(cascade = %followed.name, missing = missing.join(", "), "rights are missing")
        }
    }
    rules.wake(followed);
}

/// A `Controller` is not told of Cascades that have gone; it is looked for them for ever.
async fn sweeps(rules: &Rules, store: &Store<Cascade>) {
    let mut ticks = interval(SWEEP);
    loop {
        ticks.tick().await;
        sweep(rules, store).await;
    }
}

async fn sweep(rules: &Rules, store: &Store<Cascade>) {
    for followed in rules.all() {
        let is_there = |cascade: &Arc<Cascade>| cascade.metadata.name.as_ref() == Some(&followed.name);
        if store.state().iter().any(is_there) {
            continue;
        }
        match in_time(rules.api.get_opt(&followed.name)).await {
            // It has left the selector, and is for another operator to follow.
            Ok(Some(live)) if live.metadata.uid.as_ref() == Some(&followed.uid) => rules.forget(&followed),
            Ok(_) => {
                tracing::info!(cascade = %followed.name, "the Cascade has gone");
                if let Err(error) = rules.abandon(&followed).await {
                    tell(&followed.name, &error);
                }
            }
            Err(error) => tracing::debug!(%error, "whether a Cascade is there could not be read"),
        }
    }
}

/// Five to seven sixths of a time, so that many rules are not checked all at once.
pub(super) fn jittered(time: Duration) -> Duration {
    use std::hash::{BuildHasher, RandomState};
    // The keys of a fresh hasher are random, which is all the chance that is needed.
    let jitter = RandomState::new().hash_one(0) % 1000;
    time.mul_f64(5.0 / 6.0 + jitter as f64 / 3000.0)
}

//! One Cascade as this process follows it: what is known of it, for whoever acts and whoever writes
//! its status.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{Either, pending, select};
use rewitness_cascade::{Cause, DeletionState, InvalidRule, Records, Refused, Report, Rule, RuleCheck};
use rewitness_crds::cascade::{Mode, Planned};
use rewitness_crds::{Cascade, CascadeStatus};
use rewitness_kubernetes::KubernetesQueue;
use rewitness_messaging::{Failure, Queue, ResourceId, Timestamp, WakeKey};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::counts::{Counts, Shrunk};
use super::events::CascadeEvents;
use super::state::{Following, Former, Pending, State, Withheld, is_failing};

/// How soon a rule is checked again when something was refused.
const SUSPICION: Duration = Duration::from_secs(10);

/// How old what a plan would delete may be; to count it takes a look at each parent.
const PLAN_ANEW: Duration = Duration::from_secs(5);

/// How old it may be while a count is missing.
const COUNTS_ANEW: Duration = Duration::from_millis(500);

/// What a rule would delete.
struct Plan {
    revision: String,
    at: Instant,
    /// Whether no count was missing.
    is_known: bool,
    planned: Planned,
}

/// One Cascade, from its first sight to its end. Another of its name has another.
pub(crate) struct Followed {
    pub(crate) name: String,
    pub(crate) uid: String,
    within: Option<Arc<[String]>>,
    events: CascadeEvents,
    counts: Option<Counts>,
    plan: Mutex<Option<Plan>>,
    /// Delivers the Cascade.
    queue: KubernetesQueue,
    /// Rings when the status may have changed.
    notify: Notify,
    state: Mutex<State>,
}

impl Followed {
    pub(crate) fn new(
        cascade: &Cascade,
        within: Option<Arc<[String]>>,
        events: CascadeEvents,
        counts: Option<Counts>,
        queue: KubernetesQueue,
    ) -> Self {
        Self {
            name: cascade.metadata.name.clone().unwrap_or_default(),
            uid: cascade.metadata.uid.clone().unwrap_or_default(),
            within,
            events,
            counts,
            plan: Mutex::default(),
            queue,
            notify: Notify::new(),
            state: Mutex::new(State::of(cascade)),
        }
    }

    /// What is known. What changes the status goes by [`change`](Self::change).
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is known, and has the status written.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state());
        self.notify.notify_one();
        result
    }

    /// Takes in what the Cascade says.
    pub(crate) fn observe(&self, cascade: &Cascade, rule: Result<Arc<Rule>, InvalidRule>) {
        self.change(|state| {
            let generation = cascade.metadata.generation.unwrap_or_default();
            if state.generation != generation {
                state.check_due = Instant::now();
                // Nothing begins any more by a rule of which the status no longer speaks.
                if let Some(following) = &state.following {
                    following.rule.supersede();
                }
            }
            (state.generation, state.rule) = (generation, rule);
            state.said = (cascade.spec.stages.clone(), cascade.spec.limits);
        });
    }

    /// The rule that a Cascade describes, with the revisions that its status keeps by now.
    pub(crate) fn rule_of(&self, cascade: &Cascade) -> Result<Arc<Rule>, InvalidRule> {
        let status = CascadeStatus { revisions: self.state().revisions.clone(), ..CascadeStatus::default() };
        let rule = Rule::new(&Cascade { status: Some(status), ..cascade.clone() })?;
        Ok(Arc::new(match &self.within {
            Some(namespaces) => rule.within(namespaces.clone()),
            None => rule,
        }))
    }

    /// Whether the operator works where the rule's parents and dependents live. That has to be looked
    /// up before they are watched: a kind without namespaces would be watched as a whole.
    pub(crate) fn is_in_scope(&self, rule: &Rule) -> bool {
        if self.within.is_none() {
            return true;
        }
        self.change(|state| {
            let is_in_scope = match &state.check {
                Some(Ok(RuleCheck { refused: Some(Refused::OutOfScope(_)), .. })) => false,
                Some(Ok(check)) => !check.not_served.contains(rule.parent_kind()),
                _ => state.following.is_some() || state.former.is_some(),
            };
            state.is_elsewhere = !is_in_scope;
            is_in_scope
        })
    }

    /// Takes in what became of an attempt: why the rule is not followed at all, or why the attempt failed.
    pub(crate) fn attempted(&self, withheld: Option<Withheld>, trouble: Option<String>) {
        self.change(|state| (state.withheld, state.trouble) = (withheld, trouble));
    }

    pub(crate) fn following(&self) -> Option<Following> {
        self.state().following.clone()
    }

    /// It is followed, and has nothing left of what it was before.
    pub(crate) fn follow(&self, following: Following) {
        self.change(|state| (state.following, state.former) = (Some(following), None));
    }

    /// From now on what a rule looks for is counted.
    pub(crate) fn count(&self, rule: &Rule) {
        if let Some(counts) = &self.counts {
            counts.follow(rule);
        }
    }

    /// Ends the subscription, if there is one, and answers the one that ended last, unless it is over.
    pub(crate) fn unfollow(&self) -> Option<Former> {
        if let Some(counts) = &self.counts {
            counts.forget(&self.name);
        }
        // The handle, which ends it, is dropped outside of the lock.
        let (_ended, former) = self.change(|state| {
            let ended = state.following.take();
            if let Some(ended) = &ended {
                ended.rule.set((*ended.rule.current()).clone().planning());
                state.former = Some(Former::from(ended));
            }
            (ended, state.former.clone())
        });
        former
    }

    /// Whether anything may be held in its name, as far as this process knows.
    pub(crate) fn holds(&self) -> bool {
        let state = self.state();
        let follows = state.following.as_ref().is_some_and(|following| following.mode == Mode::Enforce);
        follows || state.former.as_ref().is_some_and(|former| former.held.is_some())
    }

    /// Something was refused: the rights may have changed.
    fn suspect(&self) {
        let is_sooner = {
            let mut state = self.state();
            let soon = state.checked.map_or_else(Instant::now, |checked| checked + SUSPICION);
            let is_sooner = soon < state.check_due;
            state.check_due = soon.min(state.check_due);
            is_sooner
        };
        if is_sooner {
            self.recheck();
        }
    }

    /// What the Cascade waits under until it is to be looked at again.
    pub(crate) fn recheck_key(&self) -> WakeKey {
        format!("cascades/{}", self.uid).into()
    }

    /// The Cascade is looked at again before its time.
    pub(crate) fn recheck(&self) {
        self.queue.wake(&self.recheck_key());
    }

    /// The parents that are held, to be woken when the rule has changed.
    pub(crate) fn held(&self) -> Vec<ResourceId> {
        self.state().ledger.held().cloned().collect()
    }

    /// Whether nothing more comes of what is there: it cannot be followed, or everything was looked
    /// at, and each deletion under way waits for something that does not go by itself.
    pub(crate) fn is_worked_off(&self) -> bool {
        let state = self.state();
        let is_in_error = state.rule.is_err() || state.withheld.is_some() || state.trouble.is_some();
        let is_checked = state.check.is_some();
        let following = state.following.as_ref();
        let is_done = following.map_or(state.is_elsewhere, |following| {
            let progress = following.handle.progress();
            let is_looked_at = progress.replayed && progress.in_flight == 0 && progress.awaiting_hold == 0;
            is_looked_at || is_failing(&progress)
        });
        is_in_error || (is_checked && is_done && state.is_at_rest() && self.is_counted(&state))
    }

    /// A parent is no longer held, without its deletion having been finished.
    pub(crate) fn left(&self, parent: ResourceId) {
        let (at, state) = (Timestamp::now(), DeletionState::Left);
        self.report(Report { parent, since: None, at, state, confirmation: None, revision: None });
    }

    /// Completes once what is known now, with these deletions counted, is in the status.
    ///
    /// # Errors
    ///
    /// Why it could not be written; then they are not counted.
    pub(crate) async fn written(&self, count: u64, at: Timestamp) -> Result<(), String> {
        let (done, answer) = oneshot::channel();
        self.change(|state| {
            // Whom nobody will answer is answered by the end of the channel.
            if !state.ended {
                state.pending.push(Pending { count, at, done });
            }
        });
        answer.await.unwrap_or_else(|_| Err("the status is not written any more".to_owned()))
    }

    /// Completes when the status may have changed.
    pub(crate) async fn changed(&self) {
        let progress = match self.state().following.as_ref() {
            Some(following) => Either::Left(following.handle.changed()),
            None => Either::Right(pending()),
        };
        select(std::pin::pin!(self.notify.notified()), std::pin::pin!(progress)).await;
    }

    /// The status as it should be, after this one; `None` if it is too early to say.
    pub(crate) fn status(&self, before: &CascadeStatus, now: Timestamp) -> Option<CascadeStatus> {
        let planned = self.planned(now);
        let (status, is_failing) = {
            let state = self.state();
            if !state.is_settled() {
                return None;
            }
            let progress = state.following.as_ref().map(|following| following.handle.progress());
            let is_failing = progress.as_ref().is_some_and(is_failing);
            (state.status(before, progress.as_ref(), planned.as_ref(), now), is_failing)
        };
        if is_failing {
            self.suspect();
        }
        Some(status)
    }

    /// What the rule would delete, if it plans and that is known.
    fn planned(&self, now: Timestamp) -> Option<Planned> {
        let following = self.following().filter(|following| following.mode == Mode::Plan)?;
        // Some parents alone would make numbers that stay in the status for half a minute.
        if !following.handle.progress().replayed {
            return None;
        }
        let (rule, counts) = (following.rule.current(), self.counts.as_ref()?);
        let mut last = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = |plan: &Plan| {
            let lasts = if plan.is_known { PLAN_ANEW } else { COUNTS_ANEW };
            plan.revision == rule.revision() && plan.at.elapsed() < lasts
        };
        if let Some(fresh) = last.as_ref().filter(|plan| is_fresh(plan)) {
            return Some(fresh.planned.clone());
        }
        let planned = following.counted.with_all(|parents| counts.planned(&rule, parents, now));
        let revision = rule.revision().to_owned();
        *last = Some(Plan {
            revision,
            at: Instant::now(),
            is_known: counts.is_known(&rule),
            planned: planned.clone(),
        });
        Some(planned)
    }

    /// Whether the status waits for counts, which notify nobody.
    pub(crate) fn awaits_counts(&self) -> bool {
        !self.is_counted(&self.state())
    }

    /// Whether all is counted that the status of a rule which plans is to show, or never will be.
    fn is_counted(&self, state: &State) -> bool {
        let plans = state.following.as_ref().filter(|following| following.mode == Mode::Plan);
        let (Some(following), Some(counts)) = (plans, &self.counts) else { return true };
        let is_hindered = matches!(&state.check, Some(Ok(check)) if !check.missing.is_empty() || !check.not_served.is_empty());
        is_hindered || counts.is_known(&following.rule.current())
    }

    /// What the parents wait under that are held, and that less refers to by now.
    pub(crate) fn concerned(&self, shrunk: &Shrunk) -> Vec<WakeKey> {
        let (Some(following), Some(counts)) = (self.following(), &self.counts) else { return Vec::new() };
        counts.wakes(&following.rule.current(), &self.held(), shrunk)
    }

    /// What is to be answered once a write has ended that begins now.
    pub(crate) fn begin_writing(&self) -> Vec<Pending> {
        let mut state = self.state();
        let pending = std::mem::take(&mut state.pending);
        state.in_writing = pending.iter().map(|pending| pending.count).sum();
        pending
    }

    /// The write has ended; if it succeeded, what it counted is counted.
    pub(crate) fn end_writing(&self, pending: Vec<Pending>, result: Result<&CascadeStatus, String>) {
        {
            let mut state = self.state();
            state.in_writing = 0;
            if let Ok(status) = &result {
                state.revisions = status.revisions.clone();
                pending.iter().for_each(|one| one.count_in(&mut state.ledger));
            }
        }
        let result = result.map(drop);
        pending.into_iter().for_each(|one| one.answer(result.clone()));
    }
}

/// Records that outlast the process: a deletion begins only once the status has counted it.
///
/// # Assumptions
///
/// The runtime has one thread, and nothing is awaited between [`hour_remaining`](Records::hour_remaining) and
/// [`begin`](Records::begin), so that no two parents take the same room.
impl Records for Followed {
    fn hour_remaining(&self, limit: u32, now: Timestamp) -> u64 {
        let state = self.state();
        let pending: u64 = state.pending.iter().map(|pending| pending.count).sum();
        state.ledger.hour().remaining(limit, now).saturating_sub(pending + state.in_writing)
    }

    async fn begin(&self, _: &ResourceId, count: u64, now: Timestamp) -> Result<(), Failure> {
        debug_assert_eq!(Handle::current().runtime_flavor(), RuntimeFlavor::CurrentThread, "one thread");
        self.written(count, now).await.map_err(Failure::backoff)
    }

    fn report(&self, report: Report) {
        let is_refused = matches!(&report.state, DeletionState::Waiting { waits, .. }
            if waits.iter().any(|wait| matches!(wait.cause, Cause::Forbidden { .. } | Cause::Refused { .. })));
        self.change(|state| state.ledger.report(report.clone()));
        self.events.report(&report);
        if is_refused {
            self.suspect();
        }
    }
}

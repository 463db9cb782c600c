//! One Cascade as this process follows it: what is known of it, for whoever acts and whoever writes
//! its status.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{Either, pending, select};
use rewitness_consumers::cascade::{
    Cause, Facts, InvalidRule, Ledger, Refused, Report, Rule, RuleCheck, RuleHandle, Standing, keep_revision,
    status,
};
use rewitness_crds::cascade::{Limits, Mode, Revision, Stage};
use rewitness_crds::{Cascade, CascadeStatus};
use rewitness_messaging::{Handle, Progress, ResourceId, SourceState, Timestamp};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::course::{Grip, HeldParents};
use super::parents::Parents;
use super::reporter::Reporter;

/// How long a status is not written after a subscription began, so that a restart does not show for
/// a moment that nothing is held.
const FIRST_LOOK: Duration = Duration::from_secs(3);

/// How soon a rule is checked again when something was refused.
const SUSPICION: Duration = Duration::from_secs(10);

/// One Cascade, from its first sight to its end. Another of its name has another.
pub(crate) struct Followed {
    pub(crate) name: String,
    pub(crate) uid: String,
    within: Option<Arc<[String]>>,
    reporter: Arc<dyn Reporter>,
    /// Rings when a rule is to be looked at again before its time.
    recheck: Arc<Notify>,
    /// Rings when the status may have changed.
    bell: Notify,
    state: Mutex<State>,
}

/// Why a rule is not followed: a word from a fixed set, and a text for people.
pub(crate) type Withheld = (&'static str, String);

struct State {
    generation: i64,
    rule: Result<Arc<Rule>, InvalidRule>,
    /// What a deletion goes by, as the spec says it now.
    said: (Vec<Stage>, Limits),
    check: Option<Result<RuleCheck, String>>,
    missing: Vec<String>,
    checked: Option<Instant>,
    check_due: Instant,
    withheld: Option<Withheld>,
    /// Why the last attempt to do what the Cascade says failed.
    trouble: Option<String>,
    following: Option<Following>,
    /// Whether it is not followed because the operator works elsewhere.
    is_elsewhere: bool,
    /// Parents that are still to be let go, by which rule.
    owed: Option<(Arc<Rule>, HeldParents)>,
    ledger: Ledger,
    /// The revisions that are in the status.
    revisions: Vec<Revision>,
    pending: Vec<Pending>,
    /// How many deletions are in the write that is under way.
    in_writing: u64,
    ended: bool,
}

/// A subscription of a rule.
#[derive(Clone)]
pub(crate) struct Following {
    pub(crate) handle: Arc<Handle>,
    pub(crate) rule: RuleHandle,
    /// Which parents it is about.
    pub(crate) parents: HeldParents,
    /// What is done to them.
    pub(crate) grip: Grip,
    pub(crate) counted: Arc<Parents>,
    pub(crate) since: Instant,
}

/// Deletions that may begin once they are counted in the status.
pub(crate) struct Pending {
    count: u64,
    at: Timestamp,
    done: oneshot::Sender<Result<(), String>>,
}

impl Pending {
    pub(crate) fn answer(self, answer: Result<(), String>) {
        // Whoever asked may have been stopped meanwhile.
        let _ = self.done.send(answer);
    }
}

impl Followed {
    pub(crate) fn new(
        cascade: &Cascade,
        within: Option<Arc<[String]>>,
        reporter: Arc<dyn Reporter>,
        recheck: Arc<Notify>,
    ) -> Self {
        let ledger = cascade.status.as_ref().map(Ledger::restore).unwrap_or_default();
        let state = State {
            generation: 0,
            rule: Rule::new(cascade).map(Arc::new),
            said: (cascade.spec.stages.clone(), cascade.spec.limits),
            check: None,
            missing: Vec::new(),
            checked: None,
            check_due: Instant::now(),
            withheld: None,
            trouble: None,
            following: None,
            is_elsewhere: false,
            owed: None,
            ledger,
            revisions: cascade.status.iter().flat_map(|status| status.revisions.clone()).collect(),
            pending: Vec::new(),
            in_writing: 0,
            ended: false,
        };
        Self {
            name: cascade.metadata.name.clone().unwrap_or_default(),
            uid: cascade.metadata.uid.clone().unwrap_or_default(),
            within,
            reporter,
            recheck,
            bell: Notify::new(),
            state: Mutex::new(state),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state());
        self.bell.notify_one();
        result
    }

    /// Takes in what the Cascade says, and whether that is new.
    pub(crate) fn observe(&self, cascade: &Cascade, rule: Result<Arc<Rule>, InvalidRule>) -> bool {
        self.change(|state| {
            let generation = cascade.metadata.generation.unwrap_or_default();
            let is_new = state.generation != generation;
            if is_new {
                state.check_due = Instant::now();
            }
            (state.generation, state.rule) = (generation, rule);
            state.said = (cascade.spec.stages.clone(), cascade.spec.limits);
            is_new
        })
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
                _ => state.following.is_some(),
            };
            state.is_elsewhere = !is_in_scope;
            is_in_scope
        })
    }

    /// Whether the status keeps what a rule says.
    pub(crate) fn keeps(&self, rule: &Rule) -> bool {
        self.state().revisions.iter().any(|revision| revision.hash == rule.revision())
    }

    pub(crate) fn withhold(&self, withheld: Option<Withheld>) {
        self.change(|state| state.withheld = withheld);
    }

    pub(crate) fn trouble(&self, trouble: Option<String>) {
        self.change(|state| state.trouble = trouble);
    }

    pub(crate) fn following(&self) -> Option<Following> {
        self.state().following.clone()
    }

    pub(crate) fn follow(&self, following: Option<Following>) {
        // The former one's handle is dropped outside of the lock.
        let _former = self.change(|state| std::mem::replace(&mut state.following, following));
    }

    /// These parents are to be let go, by this rule.
    pub(crate) fn owe(&self, owed: Option<(Arc<Rule>, HeldParents)>) {
        self.state().owed = owed;
    }

    pub(crate) fn owed(&self) -> Option<(Arc<Rule>, HeldParents)> {
        self.state().owed.clone()
    }

    /// When the rule is to be checked again.
    pub(crate) fn check_due(&self) -> Instant {
        self.state().check_due
    }

    /// Takes in what a check has found, and whether the missing rights are other ones than before.
    pub(crate) fn checked(&self, check: Result<RuleCheck, String>, next: Duration) -> bool {
        self.change(|state| {
            let now = Instant::now();
            (state.checked, state.check_due) = (Some(now), now + next);
            let missing = |check: &Option<Result<RuleCheck, String>>| match check {
                Some(Ok(check)) => check.missing.clone(),
                _ => Vec::new(),
            };
            let before = missing(&state.check);
            state.check = Some(check);
            before != missing(&state.check)
        })
    }

    /// From now on these rights are missing.
    pub(crate) fn rights_changed(&self, missing: Vec<String>) {
        let mut state = self.state();
        if let Some(following) = &state.following {
            following.rule.set_missing_rights(missing.clone());
        }
        state.missing = missing;
    }

    /// The rights that are missing, as texts for people.
    pub(crate) fn missing(&self) -> Vec<String> {
        self.state().missing.clone()
    }

    /// Something was refused: the rights may have changed.
    fn suspect(&self) {
        let mut state = self.state();
        let soon = state.checked.map_or_else(Instant::now, |checked| checked + SUSPICION);
        if soon < state.check_due {
            state.check_due = soon;
            self.recheck.notify_one();
        }
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
        is_in_error || (is_checked && is_done && state.is_at_rest())
    }

    /// Takes in where a deletion stands, and tells of it.
    pub(crate) fn report(&self, report: Report) {
        let is_refused = matches!(&report.standing, Standing::Waiting { waits, .. }
            if waits.iter().any(|wait| matches!(wait.cause, Cause::Forbidden { .. } | Cause::Refused { .. })));
        let before = self.change(|state| {
            let before = state.ledger.standing(&report.parent.uid).cloned();
            state.ledger.report(report.clone());
            before
        });
        self.reporter.report(before.as_ref(), &report);
        if is_refused {
            self.suspect();
        }
    }

    /// A parent is no longer held, without its deletion having been finished.
    pub(crate) fn left(&self, parent: ResourceId) {
        let (at, standing) = (Timestamp::now(), Standing::Left);
        self.report(Report { parent, since: None, at, standing, confirmation: None, revision: None });
    }

    pub(crate) fn hour_room(&self, limit: u32, now: Timestamp) -> u64 {
        let state = self.state();
        let pending: u64 = state.pending.iter().map(|pending| pending.count).sum();
        state.ledger.hour().room(limit, now).saturating_sub(pending + state.in_writing)
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

    /// No more is done for it; what is known is written once more.
    pub(crate) fn end(&self) {
        self.change(|state| state.ended = true);
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.state().ended
    }

    /// Completes when the status may have changed.
    pub(crate) async fn changed(&self) {
        let progress = match self.state().following.as_ref() {
            Some(following) => Either::Left(following.handle.changed()),
            None => Either::Right(pending()),
        };
        select(std::pin::pin!(self.bell.notified()), std::pin::pin!(progress)).await;
    }

    /// The status as it should be, after this one; `None` if it is too early to say.
    pub(crate) fn status(&self, before: &CascadeStatus, now: Timestamp) -> Option<CascadeStatus> {
        let (status, is_failing) = {
            let state = self.state();
            if !state.is_settled() {
                return None;
            }
            let progress = state.following.as_ref().map(|following| following.handle.progress());
            let is_failing = progress.as_ref().is_some_and(is_failing);
            (state.status(before, progress.as_ref(), now), is_failing)
        };
        if is_failing && !before.conditions.is_empty() {
            self.suspect();
        }
        Some(status)
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
                pending.iter().for_each(|one| state.begin(one));
            }
        }
        let result = result.map(drop);
        pending.into_iter().for_each(|one| one.answer(result.clone()));
    }
}

impl State {
    fn is_at_rest(&self) -> bool {
        let moves = |report: &Report| match &report.standing {
            Standing::Refused(_) => false,
            Standing::Waiting { waits, .. } => waits.iter().all(|wait| wait.cause.passes()),
            _ => true,
        };
        let mut held = self.ledger.held().filter_map(|id| self.ledger.standing(&id.uid));
        self.pending.is_empty() && self.in_writing == 0 && !held.any(moves)
    }

    fn begin(&mut self, pending: &Pending) {
        if pending.count > 0 {
            self.ledger.begin(pending.count, pending.at);
        }
    }

    fn is_settled(&self) -> bool {
        let is_known =
            self.check.is_some() || self.withheld.is_some() || self.rule.is_err() || self.trouble.is_some();
        let is_replayed = self.following.as_ref().is_none_or(|following| {
            following.since.elapsed() > FIRST_LOOK || following.handle.progress().replayed
        });
        (is_known && is_replayed) || !self.pending.is_empty()
    }

    fn status(&self, before: &CascadeStatus, progress: Option<&Progress>, now: Timestamp) -> CascadeStatus {
        let unsynced = self.unsynced(progress);
        let parents = self.following.as_ref().map_or(0, |following| following.counted.count());
        let facts = Facts {
            generation: self.generation,
            rule: self.rule.as_deref(),
            check: self.check.as_ref().map(|check| check.as_ref().map_err(String::as_str)),
            parents,
            unsynced: unsynced.as_deref(),
            withheld: self.withheld.as_ref().map(|(reason, why)| (*reason, &**why)),
            planned: None,
        };
        let mut ledger = self.ledger.clone();
        let counted = self.pending.iter().filter(|pending| pending.count > 0);
        counted.for_each(|pending| ledger.begin(pending.count, pending.at));
        let mut status = status(before, &facts, &ledger, now);
        if let Ok(rule) = &self.rule {
            status.revisions = self.revisions(before, rule, progress);
        }
        status
    }

    /// Only an enforced rule begins deletions, which go by a revision.
    fn revisions(&self, before: &CascadeStatus, rule: &Rule, progress: Option<&Progress>) -> Vec<Revision> {
        if rule.mode() != Mode::Enforce {
            return before.revisions.clone();
        }
        // Until all parents were looked at, any of them may be deleted by any of the revisions.
        let is_known = progress.is_some_and(|progress| progress.replayed);
        let in_use: Vec<&str> = match is_known {
            true => self.ledger.revisions().collect(),
            false => before.revisions.iter().map(|revision| &*revision.hash).collect(),
        };
        keep_revision(&before.revisions, rule, (&self.said.0, self.said.1), self.generation, &in_use)
    }

    fn unsynced(&self, progress: Option<&Progress>) -> Option<String> {
        if let Some(trouble) = &self.trouble {
            return Some(trouble.clone());
        }
        let Some(progress) = progress else { return Some("the parents are not watched".to_owned()) };
        let state =
            |source: &rewitness_messaging::SourceProgress| match (&source.state, &source.holds_failing) {
                (SourceState::Failing { reason }, _) => Some(reason.to_string()),
                (SourceState::Synced, Some(reason)) => Some(format!("parents cannot be held: {reason}")),
                (SourceState::Synced, None) => None,
                (SourceState::Listing, _) => Some("the parents are being listed".to_owned()),
            };
        progress.sources.iter().find_map(state)
    }
}

fn is_failing(progress: &Progress) -> bool {
    let fails = |source: &rewitness_messaging::SourceProgress| {
        matches!(source.state, SourceState::Failing { .. }) || source.holds_failing.is_some()
    };
    progress.sources.iter().any(fails)
}

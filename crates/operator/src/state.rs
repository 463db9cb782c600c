//! What is known of a Cascade, and the status that says it: values, and functions of them.

use std::sync::Arc;
use std::time::Duration;

use rewitness_cascade::{
    DeletionState, Facts, InvalidRule, Ledger, Report, Rule, RuleCheck, RuleHandle, keep_revision, status,
};
use rewitness_crds::Reason;
use rewitness_crds::cascade::{Limits, Mode, Planned, Revision, Stage};
use rewitness_crds::{Cascade, CascadeStatus};
use rewitness_messaging::{Handle, Progress, SourceProgress, SourceState, Timestamp};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::decision::HeldParents;
use super::parents::Parents;

/// How long a status is not written after a subscription began, so that a restart does not show for
/// a moment that nothing is held.
const FIRST_LOOK: Duration = Duration::from_secs(10);

/// What is missing for as long as it was not found out which rights are.
const UNKNOWN_RIGHTS: &str = "which rights there are could not be looked up yet";

/// What is known of a Cascade.
pub(super) struct State {
    pub(super) generation: i64,
    pub(super) rule: Result<Arc<Rule>, InvalidRule>,
    /// What a deletion goes by, as the spec says it now.
    pub(super) said: (Vec<Stage>, Limits),
    pub(super) check: Option<Result<RuleCheck, String>>,
    /// The rights that are missing, as texts for people, and the generation for which they were
    /// looked up; the last time that this succeeded.
    pub(super) missing: Option<(i64, Vec<String>)>,
    pub(super) checked: Option<Instant>,
    pub(super) check_due: Instant,
    pub(super) withheld: Option<Withheld>,
    /// Why the last attempt to do what the Cascade says failed.
    pub(super) trouble: Option<String>,
    pub(super) following: Option<Following>,
    /// The subscription before, until what it held is let go or held by another.
    pub(super) former: Option<Former>,
    /// Whether it is not followed because the operator works elsewhere.
    pub(super) is_elsewhere: bool,
    pub(super) ledger: Ledger,
    /// The revisions that are in the status.
    pub(super) revisions: Vec<Revision>,
    pub(super) pending: Vec<Pending>,
    /// How many deletions are in the write that is under way.
    pub(super) in_writing: u64,
    /// No more is done for it; what is known is written once more.
    pub(super) ended: bool,
}

/// Why a rule is not followed: a word from a fixed set, and a text for people.
pub(crate) type Withheld = (Reason, String);

/// A subscription of a rule.
#[derive(Clone)]
pub(crate) struct Following {
    pub(crate) handle: Arc<Handle>,
    pub(crate) rule: RuleHandle,
    /// Which parents it is about.
    pub(crate) parents: HeldParents,
    /// Where else it finishes deletions: what it was about before.
    pub(crate) former_parents: Option<HeldParents>,
    /// What is done to them.
    pub(crate) mode: Mode,
    pub(crate) counted: Arc<Parents>,
    pub(crate) since: Instant,
}

/// A subscription that has ended. Deliveries, and patches of its finalizer, may still be under way, however often
/// they were waited for in vain.
#[derive(Clone)]
pub(crate) struct Former {
    pub(crate) rule: RuleHandle,
    /// Which parents it may have held; `None` if it only counted.
    pub(crate) held: Option<HeldParents>,
    pub(crate) counted: Arc<Parents>,
}

impl From<&Following> for Former {
    fn from(following: &Following) -> Self {
        let Following { rule, parents, former_parents, mode, counted, .. } = following;
        let all = former_parents.as_ref().map_or_else(|| parents.clone(), |former| parents.and_where(former));
        let held = (*mode == Mode::Enforce).then_some(all);
        Self { rule: rule.clone(), held, counted: counted.clone() }
    }
}

/// Deletions that may begin once they are counted in the status.
pub(crate) struct Pending {
    pub(super) count: u64,
    pub(super) at: Timestamp,
    pub(super) done: oneshot::Sender<Result<(), String>>,
}

impl Pending {
    pub(super) fn count_in(&self, ledger: &mut Ledger) {
        if self.count > 0 {
            ledger.begin(self.count, self.at);
        }
    }

    pub(crate) fn answer(self, answer: Result<(), String>) {
        // Whoever asked may have been stopped meanwhile.
        let _ = self.done.send(answer);
    }
}

impl State {
    pub(super) fn of(cascade: &Cascade) -> Self {
        let ledger = cascade
            .status
            .as_ref()
            .map(|status| Ledger::restore(status, Timestamp::now()))
            .unwrap_or_default();
        Self {
            generation: 0,
            rule: Rule::new(cascade).map(Arc::new),
            said: (cascade.spec.stages.clone(), cascade.spec.limits),
            check: None,
            missing: None,
            checked: None,
            check_due: Instant::now(),
            withheld: None,
            trouble: None,
            following: None,
            former: None,
            is_elsewhere: false,
            ledger,
            revisions: cascade.status.iter().flat_map(|status| status.revisions.clone()).collect(),
            pending: Vec::new(),
            in_writing: 0,
            ended: false,
        }
    }

    /// Takes in what a check has found, and answers the missing rights if they are other ones than
    /// before. One that failed has found nothing: what was known stays.
    pub(super) fn checked(
        &mut self,
        check: Result<RuleCheck, String>,
        next: Duration,
    ) -> Option<Vec<String>> {
        let now = Instant::now();
        (self.checked, self.check_due) = (Some(now), now + next);
        let texts = |check: &RuleCheck| check.missing.iter().map(ToString::to_string).collect();
        let found = check.as_ref().ok().map(|check| (self.generation, texts(check)));
        self.check = Some(check);
        let found = found.filter(|found| self.missing.as_ref() != Some(found))?;
        let missing = self.missing.insert(found).1.clone();
        if let Some(following) = &self.following {
            following.rule.set_missing_rights(missing.clone());
        }
        Some(missing)
    }

    /// The rights that are missing, as texts for people. What the spec says now may need others than
    /// it did before, so until they were looked up something is missing: no deletion begins.
    pub(super) fn missing_rights(&self) -> Vec<String> {
        match &self.missing {
            Some((generation, missing)) if *generation == self.generation => missing.clone(),
            _ => vec![UNKNOWN_RIGHTS.to_owned()],
        }
    }

    /// Whether the status keeps what a rule says.
    pub(super) fn keeps(&self, rule: &Rule) -> bool {
        self.revisions.iter().any(|revision| revision.hash == rule.revision())
    }

    pub(super) fn is_at_rest(&self) -> bool {
        let moves = |report: &Report| match &report.state {
            DeletionState::Refused(_) => false,
            DeletionState::Waiting { waits, .. } => waits.iter().all(|wait| wait.cause.passes()),
            _ => true,
        };
        let mut held = self.ledger.held().filter_map(|id| self.ledger.state(&id.uid));
        let is_written = self.pending.is_empty() && self.in_writing == 0;
        is_written && !held.any(moves)
    }

    /// Whether enough is known for a status: why it is not followed, or what its parents' first look
    /// has shown. Whoever waits for a write does not wait for that.
    pub(super) fn is_settled(&self) -> bool {
        let has_reason = self.withheld.is_some() || self.rule.is_err() || self.trouble.is_some();
        let is_looked_at = match &self.following {
            Some(following) => following.since.elapsed() > FIRST_LOOK || following.handle.progress().replayed,
            None => has_reason || self.is_elsewhere,
        };
        ((has_reason || self.check.is_some()) && is_looked_at) || !self.pending.is_empty()
    }

    /// The status as it should be, after this one.
    pub(super) fn status(
        &self,
        before: &CascadeStatus,
        progress: Option<&Progress>,
        planned: Option<&Planned>,
        now: Timestamp,
    ) -> CascadeStatus {
        let unsynced = self.unsynced(progress);
        let parents = self.following.as_ref().map_or(0, |following| following.counted.count());
        let facts = Facts {
            generation: self.generation,
            rule: self.rule.as_deref(),
            check: self.check.as_ref().map(|check| check.as_ref().map_err(String::as_str)),
            parents,
            unsynced: unsynced.as_deref(),
            contested: progress
                .map_or(0, |progress| progress.sources.iter().map(|source| source.contested).sum()),
            withheld: self.withheld.as_ref().map(|(reason, why)| (*reason, &**why)),
            planned,
        };
        let mut ledger = self.ledger.clone();
        self.pending.iter().for_each(|pending| pending.count_in(&mut ledger));
        let mut status = status(before, &facts, &ledger, now);
        if let (Ok(rule), Some(following)) = (&self.rule, &self.following) {
            status.counts.unreferable = following.counted.with_all(|parents| rule.unreferable(parents));
        }
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
        let state = |source: &SourceProgress| match (&source.state, &source.holds_failing) {
            (SourceState::Failing { reason }, _) => Some(reason.to_string()),
            (SourceState::Synced, Some(reason)) => Some(format!("parents cannot be held: {reason}")),
            (SourceState::Synced, None) => None,
            (SourceState::Listing, _) => Some("the parents are being listed".to_owned()),
        };
        progress.sources.iter().find_map(state)
    }
}

/// Whether any of its kinds cannot be listed, watched or held.
pub(super) fn is_failing(progress: &Progress) -> bool {
    let fails = |source: &SourceProgress| {
        matches!(source.state, SourceState::Failing { .. }) || source.holds_failing.is_some()
    };
    progress.sources.iter().any(fails)
}

#[cfg(test)]
mod tests {
    use rewitness_cascade::Right;
    use serde_json::json;

    use super::*;

    const NEXT: Duration = Duration::from_secs(180);

    fn known() -> State {
        let cascade = json!({
            "apiVersion": "rewitness.dev/v1alpha1", "kind": "Cascade", "metadata": { "name": "project" },
            "spec": { "mode": "Enforce", "parent": { "apiVersion": "example.com/v1", "kind": "Project" },
                "stages": [{ "name": "all", "dependents": [{
                    "apiVersion": "v1", "kind": "ConfigMap", "reference": { "label": "project", "value": "UID" },
                }] }] },
        });
        State::of(&serde_json::from_value(cascade).unwrap())
    }

    fn found(missing: Vec<Right>) -> Result<RuleCheck, String> {
        let mut check = RuleCheck::default();
        check.missing = missing;
        Ok(check)
    }

    #[test]
    fn c12_a_check_that_failed_is_none_that_found_all_rights() {
        let mut known = known();
        let failed = || Err("the server is down".to_owned());
        assert_eq!(known.missing_rights(), [UNKNOWN_RIGHTS]);
        assert_eq!(known.checked(failed(), NEXT), None);
        assert_eq!(known.missing_rights(), [UNKNOWN_RIGHTS]);
        let right = Right::new("delete", "", "configmaps");
        let missing = vec![right.to_string()];
        assert_eq!(known.checked(found(vec![right.clone()]), NEXT), Some(missing.clone()));
        assert_eq!(known.checked(failed(), NEXT), None);
        assert_eq!(known.missing_rights(), missing, "what was missing is missing still");
        assert_eq!(known.checked(found(vec![right]), NEXT), None);
        assert_eq!(known.checked(found(Vec::new()), NEXT), Some(Vec::new()));
        assert_eq!(known.missing_rights(), [""; 0]);
    }

    #[test]
    fn c12_the_rights_for_what_a_spec_said_before_are_not_those_for_what_it_says_now() {
        let mut known = known();
        known.checked(found(Vec::new()), NEXT);
        known.generation += 1;
        assert_eq!(known.missing_rights(), [UNKNOWN_RIGHTS]);
        assert_eq!(known.checked(found(Vec::new()), NEXT), Some(Vec::new()));
        assert_eq!(known.missing_rights(), [""; 0]);
    }
}

mod counted;
mod rounds;
mod waiting;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use counted::CountedParents;
use rewitness_crds::cascade::{StageCount, confirm_annotation};
use rewitness_messaging::{
    Consumer, Delivery, Failure, Outcome, ResourceId, State, Timestamp, Uid, Version, WakeKey,
};
use rounds::{Rounds, Step, doubled};
use waiting::{Asked, WaitingParents};

use super::authority::{Authority, Moment, authorises};
use super::dependent::{Listing, LiveParent};
use super::handle::RuleHandle;
use super::parent_record::ParentRecord;
use super::plan::{self, Deletion, Next, Refused, Situation, plan, refused_by_rule};
use super::records::Records;
use super::report::{DeletionState, Report};
use super::rule::{Revision, Rule, Stage};
use super::shared::Shared;
use super::wait_graph::Member;
use super::waits::{Cause, Wait, group};
use crate::Error;
use crate::api::ApiError;
use crate::error::is_denial;

/// Follows one rule: deletes the dependents of each parent that is being deleted, stage by stage,
/// and has the queue take the rule's finalizer off when all of them are gone.
///
/// # Guarantees
///
/// - Nothing is done for a parent unless a live read, made after the lists, showed the uid as
///   delivered, being deleted, and carrying the rule's finalizer (C1, C2).
/// - Each delete is one call that names uid and resourceVersion (C3).
/// - The finalizer goes only after two full rounds of consistent lists found nothing (C5), and only off
///   the version of the parent that was read after them.
/// - Each step is derived again from the cluster's state, so that it may be stopped at any time.
///
/// # Caveats
///
/// A dependent that is created between the last list and the removal of the finalizer, a few
/// milliseconds later, is not seen. An admission policy that refuses references to a parent that is
/// being deleted closes that window.
///
/// What was deleted is counted after the deletes, and that a deletion is finished is told after the
/// finalizer has gone. So counts are lower bounds after a crash, and a parent that was let go just
/// before one is told of by nobody.
///
/// # Errors
///
/// [`Error`], with what is to be done next.
pub struct CascadeConsumer<R> {
    shared: Arc<Shared>,
    rule: RuleHandle,
    records: R,
    waiting: WaitingParents,
    counted: CountedParents,
    /// The parents of which nothing is left but the finalizer, and what is told once that is off.
    finishing: Mutex<HashMap<Uid, (LiveParent, DeletionState)>>,
}

/// How many rounds are made at one delivery. Each deletes something; more are made at the next.
const ROUNDS: usize = 32;

/// How soon a parent is looked at again that nothing may be done for. A change of the rule wakes it
/// sooner.
const REFUSED: Duration = Duration::from_secs(60);

/// How often a parent is read that waits for a confirmation. No watch tells of an annotation; and
/// its dependents are listed anew only when it has changed, or after [`REFUSED`].
const CONFIRMED: Duration = Duration::from_secs(3);

/// How soon a parent is read again of which the rule is about to be another: that takes some calls.
const SUPERSEDED: Duration = Duration::from_secs(1);

/// Ends the wait of a parent, given to [`Queue::wake`](rewitness_messaging::Queue::wake): by
/// whoever sees that something it waits for has gone, or that its rule has changed.
pub fn wake_key(parent: &Uid) -> WakeKey {
    format!("cascade/{parent}").into()
}

/// Nobody tells any more what the parents of an ended subscription wait for.
impl<R> Drop for CascadeConsumer<R> {
    fn drop(&mut self) {
        self.shared.graph().unfollow(&self.rule.current().finalizer);
    }
}

impl<R: Records> Consumer for CascadeConsumer<R> {
    async fn consume(&self, delivery: Delivery) -> Result<Outcome, Failure> {
        let parent = &delivery.envelope.resource;
        match delivery.state {
            State::Live => Ok(Outcome::Done),
            State::Gone => {
                self.left(parent);
                Ok(Outcome::Done)
            }
            State::Deleting => self.finish(parent).await.map_err(Error::into_failure),
        }
    }

    fn released(&self, parent: &ResourceId, released: Result<(), Failure>) -> Result<Outcome, Failure> {
        // One that was left had nothing to be finished.
        let Some((parent, finished)) = self.finishing().remove(&parent.uid) else {
            return released.map(|()| Outcome::Done);
        };
        let now = Timestamp::now();
        let Err(failure) = released else {
            self.report(&parent, finished, now);
            self.forget(&parent.id.uid);
            return Ok(Outcome::Done);
        };
        match denial(&failure) {
            Some(error) => Ok(requeue(&parent.id, self.denied(&parent, Some(error), now))),
            None => Err(failure),
        }
    }
}

impl<R: Records> CascadeConsumer<R> {
    pub(super) fn new(shared: Arc<Shared>, rule: RuleHandle, records: R) -> Self {
        let followed = rule.current();
        shared.graph().follow(&followed.finalizer, &followed.parent.kind);
        Self {
            shared,
            rule,
            records,
            waiting: WaitingParents::default(),
            counted: CountedParents::default(),
            finishing: Mutex::default(),
        }
    }

    fn finishing(&self) -> MutexGuard<'_, HashMap<Uid, (LiveParent, DeletionState)>> {
        self.finishing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn finish(&self, delivered: &ResourceId) -> Result<Outcome, Error> {
        let mut rounds = Rounds::default();
        for _ in 0..ROUNDS {
            match self.round(delivered, &mut rounds).await? {
                Step::Done => return Ok(Outcome::Done),
                Step::DoneAt(version) => return Ok(Outcome::DoneAt(version)),
                Step::Again => {}
                Step::Later(after) => return Ok(requeue(delivered, after)),
            }
        }
        Ok(requeue(delivered, Duration::ZERO))
    }

    /// One round: load, plan, apply, record.
    async fn round(&self, delivered: &ResourceId, rounds: &mut Rounds) -> Result<Step, Error> {
        let (rule, superseded) = self.rule.snapshot();
        let before = self.shared.loader.parent(&rule.parent, delivered).await?;
        let Some(before) = before.filter(|before| before.id.uid == delivered.uid) else {
            return Ok(self.left(delivered));
        };
        // Nobody can put it there any more, so it is not ours to report.
        if before.deleting.is_some() && !before.is_held_by(&rule.finalizer) {
            return Ok(self.left(delivered));
        }
        let record = ParentRecord::of(&before, &rule.name);
        let begun = record.is_some();
        let revision = match revision(&rule, record) {
            Ok(revision) => revision,
            Err(refused) => return Ok(self.refused(&rule, &before, refused)),
        };
        // Nothing is listed for a parent that nothing may be done for.
        if let Some(refused) = refused_by_rule(&rule, &revision, &self.shared.config.protection) {
            return Ok(self.refused(&rule, &before, refused));
        }
        if !begun && superseded {
            return Ok(Step::Later(SUPERSEDED));
        }
        if self.is_still_unconfirmed(&rule, &before) {
            return Ok(Step::Later(CONFIRMED));
        }
        let loaded = self.load(&rule, &revision, delivered).await?;
        let Some(parent) = loaded.parent.clone() else { return Ok(self.left(delivered)) };
        let (next, now) = self.plan(&rule, &revision, delivered, &loaded, rounds.empty);
        if !matches!(next, Next::LookAgain | Next::Release(_)) {
            rounds.empty = 0;
        }
        let done = match next {
            Next::Leave => Ok(self.left(delivered)),
            Next::Lagging => Err(Error::Lagging { resource: delivered.clone() }),
            Next::Refuse(refused) => Ok(self.refused(&rule, &parent, refused)),
            Next::Wait(remainder) => Ok(self.wait(&rule, &parent, remainder, now)),
            Next::Delete(deletion) => {
                let loader = &self.shared.loader;
                let authority = Authority::new(loader, &self.rule, &rule, &parent.id, loaded.read);
                self.delete(authority, &revision, &parent, deletion, rounds, now).await
            }
            Next::LookAgain => {
                rounds.empty += 1;
                Ok(Step::Again)
            }
            Next::Release(members) => self.release(&rule, &revision, &parent, &members, rounds).await,
        };
        let Err(error) = done else { return done };
        let Some(denial) = error.denial() else { return Err(error) };
        // Which dependents could not be deleted was reported already.
        let to_tell = (!matches!(error, Error::Delete { .. })).then_some(denial);
        Ok(Step::Later(self.denied(&parent, to_tell, now)))
    }

    /// The lists first, and then the parent, so that what is decided by both holds of a parent that
    /// was as it is after they were made.
    async fn load(&self, rule: &Rule, revision: &Revision, delivered: &ResourceId) -> Result<Loaded, Error> {
        let loader = &self.shared.loader;
        let listings = loader.listings(revision, delivered, rule.within.as_deref()).await;
        let read = Moment::now();
        let parent = loader.parent(&rule.parent, delivered).await?;
        let begun = parent.as_ref().is_some_and(|parent| ParentRecord::of(parent, &rule.name).is_some());
        // It matters only for what has not begun.
        let kind_removed = !begun && loader.is_being_removed(&rule.parent, delivered).await?;
        Ok(Loaded { listings, read, parent, kind_removed })
    }

    fn plan(
        &self,
        rule: &Rule,
        revision: &Revision,
        delivered: &ResourceId,
        loaded: &Loaded,
        empty_rounds: u32,
    ) -> (Next, Timestamp) {
        let now = Timestamp::now();
        let counted = self.counted.of(&delivered.uid, now);
        let graph = self.shared.graph();
        let next = plan(&Situation {
            rule,
            revision,
            delivered,
            parent: loaded.parent.as_ref(),
            listings: &loaded.listings,
            empty_rounds,
            missing_rights: &self.rule.missing_rights(),
            protection: &self.shared.config.protection,
            graph: Some(&graph),
            hour_remaining: self.records.hour_remaining(rule.max_per_hour, now) + counted,
            kind_removed: loaded.kind_removed,
            now,
        });
        (next, now)
    }

    /// Records what is about to be deleted, deletes it, and records what was.
    async fn delete(
        &self,
        mut authority: Authority<'_>,
        revision: &Revision,
        parent: &LiveParent,
        deletion: Deletion,
        rounds: &mut Rounds,
        now: Timestamp,
    ) -> Result<Step, Error> {
        let Deletion { record, targets, remainder } = deletion;
        let rule = authority.rule;
        let (applier, id, of) = (&self.shared.applier, parent.id.clone(), targets.len());
        let mut recorded = ParentRecord::of(parent, &rule.name);
        if let Some((record, begins)) = record {
            if begins {
                self.count(&id, record.total, now).await?;
            }
            // To be counted may have taken seconds, in which somebody may have let the parent go.
            // What the patch answers is read after that (C1, C2).
            let read = Moment::now();
            let live = applier.record(rule, parent, &record).await?;
            if !live.as_ref().is_some_and(|live| authorises(live, &id, rule)) {
                return Ok(Step::Again);
            }
            authority.renew(read);
            self.counted.forget(&id.uid);
            // Should it have been denied before.
            self.waiting.forget(&id.uid);
            recorded = Some(record);
        }
        let stage = remainder.stage.clone().unwrap_or_default();
        // Of what was denied before it is told that it was, until something comes of it.
        if !self.waiting.is_denied(&id.uid) {
            self.report(parent, DeletionState::Deleting { stage: stage.clone(), count: of as u64 }, now);
        }
        self.note(rule, parent, &remainder);
        let fan_out = applier.delete(revision, &authority, targets).await;
        if let Some(mut record) = recorded.filter(|_| !fan_out.deleted.is_empty()) {
            for (stage, count) in &fan_out.deleted {
                *record.deleted.entry(revision.stages[*stage].name.clone()).or_default() += count;
            }
            applier.record(rule, parent, &record).await?;
        }
        if fan_out.failed.is_empty() {
            self.waiting.forget(&id.uid);
            return Ok(if fan_out.contended { rounds.contended() } else { Step::Again });
        }
        let failed = fan_out.failed.iter().map(|(dependent, error)| (dependent, refused(error)));
        self.report(parent, DeletionState::Waiting { stage, waits: group(failed) }, now);
        let failed = fan_out.failed.into_iter().map(|(dependent, error)| (dependent.id, error)).collect();
        Err(Error::Delete { resource: id, of, failed })
    }

    /// Counts what begins, but for what an attempt before has counted.
    async fn count(&self, parent: &ResourceId, total: u64, now: Timestamp) -> Result<(), Error> {
        let counted = self.counted.of(&parent.uid, now);
        if total > counted {
            let begun = self.records.begin(parent, total - counted, now).await;
            begun.map_err(|failure| Error::Count { resource: parent.clone(), failure })?;
            self.counted.count(&parent.uid, total, now);
        }
        Ok(())
    }

    /// Has the finalizer removed from the parent, if it still is what the last read showed: another version
    /// is to be looked at again, by lists that are made after it.
    async fn release(
        &self,
        rule: &Rule,
        revision: &Revision,
        parent: &LiveParent,
        members: &[Member],
        rounds: &mut Rounds,
    ) -> Result<Step, Error> {
        if !self.rule.deletes() || !self.shared.applier.are_unchanged(members).await? {
            rounds.empty = 0;
            return Ok(Step::Again);
        }
        let record = ParentRecord::of(parent, &rule.name);
        let deleted = |stage: &Stage| record.as_ref()?.deleted.get(&stage.name).copied();
        let count = |stage: &Stage| StageCount {
            name: stage.name.clone(),
            deleted: deleted(stage).unwrap_or_default(),
        };
        let stages = revision.stages.iter().map(count).collect();
        let authorised = record.as_ref().map(|record| record.total);
        let finished = DeletionState::Finished { stages, authorised };
        self.finishing().insert(parent.id.uid.clone(), (parent.clone(), finished));
        Ok(Step::DoneAt(Version::parse(&parent.version)))
    }

    /// What the server denies is no failure, but a wait: it is told of, if it was not already, and whoever
    /// grants it wakes the parent. Answers how long to wait.
    fn denied(&self, parent: &LiveParent, to_tell: Option<&ApiError>, now: Timestamp) -> Duration {
        if let Some(error) = to_tell {
            let (kind, examples) = (parent.id.kind.clone(), vec![parent.id.clone()]);
            let wait = Wait { kind, cause: refused(error), count: 1, since: None, examples };
            let state = DeletionState::Waiting { stage: Default::default(), waits: vec![wait] };
            self.report(parent, state, now);
        }
        doubled(self.waiting.denied(&parent.id.uid)).min(REFUSED)
    }

    fn wait(&self, rule: &Rule, parent: &LiveParent, remainder: plan::Remainder, now: Timestamp) -> Step {
        self.note(rule, parent, &remainder);
        let looks = self.waiting.looked(&parent.id.uid, &remainder.waits);
        let stage = remainder.stage.unwrap_or_default();
        self.report(parent, DeletionState::Waiting { stage, waits: remainder.waits }, now);
        Step::Later(doubled(looks).min(self.shared.config.look_again_after))
    }

    fn refused(&self, rule: &Rule, parent: &LiveParent, refused: Refused) -> Step {
        self.shared.graph().forget(&parent.id.uid, &rule.finalizer);
        let after = match &refused {
            Refused::Unconfirmed(unconfirmed) => {
                let asked = Asked { revision: rule.current.hash.clone(), given: unconfirmed.given.clone() };
                self.waiting.asked(&parent.id.uid, asked);
                CONFIRMED
            }
            _ => REFUSED,
        };
        self.report(parent, DeletionState::Refused(refused), Timestamp::now());
        Step::Later(after)
    }

    /// Whether a person was asked of late, has not answered, and the rule asks as it did.
    fn is_still_unconfirmed(&self, rule: &Rule, parent: &LiveParent) -> bool {
        let given = parent.annotations.get(&confirm_annotation(&rule.name)).cloned();
        let asks = Asked { revision: rule.current.hash.clone(), given };
        self.waiting.is_unanswered(&parent.id.uid, &asks, REFUSED)
    }

    fn left(&self, parent: &ResourceId) -> Step {
        let report = Report {
            parent: parent.clone(),
            since: None,
            at: Timestamp::now(),
            state: DeletionState::Left,
            confirmation: None,
            revision: None,
        };
        self.records.report(report);
        self.forget(&parent.uid);
        Step::Done
    }

    fn forget(&self, parent: &Uid) {
        self.shared.graph().forget(parent, &self.rule.current().finalizer);
        self.waiting.forget(parent);
        self.counted.forget(parent);
        self.finishing().remove(parent);
    }

    fn note(&self, rule: &Rule, parent: &LiveParent, remainder: &plan::Remainder) {
        match &remainder.blocks {
            Some(waits) => self.shared.graph().wait(parent, &rule.parent, &rule.finalizer, waits.clone()),
            None => self.shared.graph().forget(&parent.id.uid, &rule.finalizer),
        }
    }

    fn report(&self, parent: &LiveParent, state: DeletionState, at: Timestamp) {
        let record = ParentRecord::of(parent, &self.rule.current().name);
        self.records.report(Report {
            parent: parent.id.clone(),
            since: parent.deleting.as_deref().and_then(|text| text.parse().ok()),
            at,
            state,
            revision: record.as_ref().map(|record| record.revision.clone()),
            confirmation: record.and_then(|record| record.confirmed),
        });
    }
}

fn requeue(parent: &ResourceId, after: Duration) -> Outcome {
    Outcome::RequeueAfter { after, wake: Some(wake_key(&parent.uid)) }
}

/// What the server denies until a person changes something, of what the queue could not do.
fn denial(failure: &Failure) -> Option<&ApiError> {
    match failure.error().downcast_ref::<rewitness_kubernetes::Error>()? {
        rewitness_kubernetes::Error::Patch { error, .. } => Some(error).filter(|one| is_denial(one)),
        _ => None,
    }
}

/// What was read for one round.
struct Loaded {
    listings: Vec<Listing>,
    /// When the parent was asked for.
    read: Moment,
    parent: Option<LiveParent>,
    kind_removed: bool,
}

/// What a parent's deletion goes by: what it began with, or what the rule says now.
fn revision(rule: &Rule, record: Option<ParentRecord>) -> Result<Arc<Revision>, Refused> {
    match record {
        None => Ok(rule.current.clone()),
        Some(record) => {
            rule.revision_of(&record.revision).cloned().ok_or(Refused::RevisionUnknown(record.revision))
        }
    }
}

fn refused(error: &ApiError) -> Cause {
    Cause::Refused { message: error.to_string() }
}

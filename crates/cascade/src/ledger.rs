use std::collections::{HashMap, VecDeque};

use rewitness_crds::CascadeStatus;
use rewitness_crds::Reason;
use rewitness_crds::cascade::{FinishedCascade, HeldParent, Remaining, Unconfirmed};
use rewitness_messaging::{ResourceId, Timestamp, Uid};

use super::hour::HourWindow;
use super::plan::Refused;
use super::report::{DeletionState, Report, being_deleted};
use super::waits::{Cause, Wait, clipped};

/// How many finished deletions are kept.
const FINISHED: usize = 20;

/// How many held parents are shown.
const HELD: usize = 10;

/// How much of what each of them waits for.
const WAITS: usize = 8;

/// How many bytes a message has.
const MESSAGE: usize = 512;

/// How long a dependent may be terminating, before whoever keeps it is said to block.
const PATIENCE_SECONDS: i64 = 60;

/// What is known of a rule's deletions: which are under way, which were finished, how many began in
/// this hour. Values only; whoever keeps it makes it durable.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    hour: HourWindow,
    held: HashMap<Uid, Report>,
    /// The newest first.
    finished: VecDeque<FinishedCascade>,
}

impl Ledger {
    /// What a status has kept. What is under way is told by the deliveries of the replay.
    pub fn restore(status: &CascadeStatus, now: Timestamp) -> Self {
        Self {
            hour: HourWindow::new(status.hour.clone(), now),
            held: HashMap::new(),
            finished: status.finished.iter().cloned().collect(),
        }
    }

    /// How many deletions were begun of late.
    pub fn hour(&self) -> &HourWindow {
        &self.hour
    }

    /// Counts deletions that begin.
    pub fn begin(&mut self, count: u64, now: Timestamp) {
        self.hour.add(count, now);
    }

    /// Takes in where a deletion stands.
    pub fn report(&mut self, report: Report) {
        let uid = report.parent.uid.clone();
        match &report.state {
            DeletionState::Left => drop(self.held.remove(&uid)),
            DeletionState::Finished { stages, authorised } => {
                self.held.remove(&uid);
                let parent = &report.parent;
                self.finished.push_front(FinishedCascade {
                    namespace: parent.namespace.as_deref().map(str::to_owned),
                    name: parent.name.to_string(),
                    uid: uid.to_string(),
                    at: report.at,
                    authorised: *authorised,
                    stages: stages.clone(),
                });
                self.finished.truncate(FINISHED);
            }
            _ => drop(self.held.insert(uid, report)),
        }
    }

    /// Where the deletion of a parent stands, while it is held.
    pub fn state(&self, parent: &Uid) -> Option<&Report> {
        self.held.get(parent)
    }

    /// The parents that are held, in no order; to be woken when their rule has changed.
    pub fn held(&self) -> impl Iterator<Item = &ResourceId> {
        self.held.values().map(|report| &report.parent)
    }

    /// The revisions by which deletions are under way.
    pub fn revisions(&self) -> impl Iterator<Item = &str> {
        self.held.values().filter_map(|report| report.revision.as_deref())
    }

    /// The reports of those that wait for something that does not go by itself.
    pub fn blocked(&self, now: Timestamp) -> impl Iterator<Item = &Report> {
        self.held.values().filter(move |report| is_blocked(report, now))
    }

    /// Whether any deletion waits for a person's confirmation.
    pub fn unconfirmed(&self) -> impl Iterator<Item = &Report> {
        let waits = |report: &&Report| matches!(&report.state, DeletionState::Refused(refused) if refused.reason() == Reason::LimitExceeded);
        self.held.values().filter(waits)
    }

    /// Writes what is known into a status: counts, held parents, finished deletions, the hour.
    pub fn write(&self, status: &mut CascadeStatus, now: Timestamp) {
        status.counts.held = self.held.len() as u64;
        status.counts.blocked = self.blocked(now).count() as u64;
        let mut held: Vec<&Report> = self.held.values().collect();
        held.sort_by_key(|report| (report.since, report.parent.uid.clone()));
        status.held_parents = held.into_iter().take(HELD).map(HeldParent::from).collect();
        status.finished = self.finished.iter().cloned().collect();
        status.hour = self.hour.clone().into_buckets();
    }
}

fn is_blocked(report: &Report, now: Timestamp) -> bool {
    match &report.state {
        DeletionState::Refused(_) => true,
        DeletionState::Waiting { waits, .. } => waits.iter().any(|wait| blocks(wait, now)),
        _ => false,
    }
}

/// Whether what is waited for does not go by itself, as far as can be seen by now.
pub(super) fn blocks(wait: &Wait, now: Timestamp) -> bool {
    match wait.cause {
        Cause::Finalizers { .. } => {
            wait.since.is_some_and(|since| now.as_second() - since.as_second() > PATIENCE_SECONDS)
        }
        _ => !wait.cause.passes(),
    }
}

impl From<&Report> for HeldParent {
    fn from(report: &Report) -> Self {
        let parent = &report.parent;
        let (stage, message, waits) = match &report.state {
            DeletionState::Refused(refused) => (None, refused.to_string(), &[][..]),
            DeletionState::Deleting { stage, count } => (Some(stage), being_deleted(*count), &[][..]),
            DeletionState::Waiting { stage, waits } => {
                let said: Vec<String> = waits.iter().map(ToString::to_string).collect();
                (Some(stage), said.join("; "), &waits[..])
            }
            DeletionState::Finished { .. } | DeletionState::Left => (None, String::new(), &[][..]),
        };
        Self {
            namespace: parent.namespace.as_deref().map(str::to_owned),
            name: parent.name.to_string(),
            uid: parent.uid.to_string(),
            since: report.since,
            stage: stage.filter(|stage| !stage.is_empty()).map(ToString::to_string),
            reason: report.state.reason().to_string(),
            message: clipped(&message, MESSAGE),
            waits_for: waits.iter().take(WAITS).map(Remaining::from).collect(),
            unconfirmed: match &report.state {
                DeletionState::Refused(Refused::Unconfirmed(plan)) => {
                    Some(Unconfirmed { hash: plan.hash.clone(), count: plan.count })
                }
                _ => None,
            },
            confirmation: report.confirmation.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use rewitness_crds::cascade::StageCount;

    use super::*;
    use crate::limits;
    use crate::testing::{dependent, parent, time};
    use crate::waits::group;

    fn report(uid: &str, at: i64, state: DeletionState) -> Report {
        Report {
            parent: parent(uid).id,
            since: Some(time(at)),
            at: time(at),
            state,
            confirmation: None,
            revision: Some("r1".to_owned()),
        }
    }

    fn waiting(cause: Cause) -> DeletionState {
        let mut one = dependent("d");
        one.deleting = Some(time(0));
        DeletionState::Waiting { stage: "s".into(), waits: group([(&one, cause)]) }
    }

    #[test]
    fn a_status_shows_the_oldest_of_the_held_and_the_newest_of_the_finished_and_is_bounded() {
        let mut ledger = Ledger::default();
        for index in 0..50 {
            ledger.report(report(&format!("h{index:02}"), 100 - index, waiting(Cause::Terminating)));
            let stages = vec![StageCount { name: "s".to_owned(), deleted: 3 }];
            let finished = DeletionState::Finished { stages, authorised: Some(4) };
            ledger.report(report(&format!("f{index:02}"), index, finished));
        }
        let mut status = CascadeStatus::default();
        ledger.write(&mut status, time(200));
        assert_eq!((status.counts.held, status.held_parents.len(), status.finished.len()), (50, 10, 20));
        assert_eq!((&*status.held_parents[0].uid, &*status.finished[0].uid), ("h49", "f49"));
        assert_eq!(status.finished[0].authorised, Some(4));
        let restored = Ledger::restore(&status, time(200));
        let mut again = CascadeStatus::default();
        restored.write(&mut again, time(200));
        assert_eq!(again.finished, status.finished);
    }

    #[test]
    fn c14_a_status_stays_small_whatever_the_dependents_of_tenants_carry() {
        let odd = "\u{202e}x/".to_owned() + &"f".repeat(60);
        let dependents: Vec<_> = (0..3000)
            .map(|index| {
                let mut one = dependent(&format!("d{index}"));
                one.deleting = Some(time(0));
                one.finalizers = (0..1000)
                    .map(|at| format!("{odd}{index}-{at}"))
                    .take(if index < 3 { 1000 } else { 1 })
                    .collect();
                one
            })
            .collect();
        let waits = group(dependents.iter().map(|one| (one, Cause::of_terminating(one, |_| false))));
        assert!(waits.len() <= 17, "{}", waits.len());
        assert!(waits.iter().all(|wait| wait.to_string().len() < 2048), "finalizers without end are told");
        assert_eq!(waits.iter().map(|wait| wait.count).sum::<u64>(), 3000);
        let refused =
            dependents.iter().map(|one| (one, Cause::Refused { message: odd.repeat(50) + &one.id.name }));
        let refused = group(refused);
        let mut ledger = Ledger::default();
        for index in 0..20 {
            let waits = if index % 2 == 0 { waits.clone() } else { refused.clone() };
            ledger.report(report(
                &format!("h{index}"),
                0,
                DeletionState::Waiting { stage: "s".into(), waits },
            ));
        }
        let mut status = CascadeStatus::default();
        ledger.write(&mut status, time(200));
        let text = serde_json::to_string(&status).unwrap();
        assert!(text.len() < 64 << 10, "{} bytes", text.len());
        assert!(!text.contains('\u{202e}'));
    }

    #[test]
    fn what_does_not_go_by_itself_blocks() {
        let foreign = || Cause::Finalizers { finalizers: vec!["x/y".to_owned()] };
        for (state, now, blocked) in [
            (waiting(Cause::Terminating), 1000, false),
            (waiting(Cause::AwaitsOthers), 1, true),
            (waiting(Cause::NotServed), 1, true),
            (waiting(foreign()), 30, false),
            (waiting(foreign()), 61, true),
            (DeletionState::Refused(Refused::Suspended), 1, true),
            (DeletionState::Deleting { stage: "s".into(), count: 1 }, 1000, false),
        ] {
            let mut ledger = Ledger::default();
            ledger.report(report("p", 0, state.clone()));
            assert_eq!(ledger.blocked(time(now)).count() == 1, blocked, "{state:?} at {now}");
        }
    }

    #[test]
    fn c7_the_hash_that_confirms_a_deletion_is_in_the_status() {
        let plan = limits::Unconfirmed { hash: "h".to_owned(), count: 3, given: None, why: Vec::new() };
        let mut ledger = Ledger::default();
        ledger.report(report("p", 0, DeletionState::Refused(Refused::Unconfirmed(plan))));
        let mut status = CascadeStatus::default();
        ledger.write(&mut status, time(1));
        let expected = Unconfirmed { hash: "h".to_owned(), count: 3 };
        assert_eq!(status.held_parents[0].unconfirmed, Some(expected));
    }

    #[test]
    fn what_has_gone_is_forgotten() {
        let mut ledger = Ledger::default();
        ledger.report(report("p", 0, waiting(Cause::Terminating)));
        assert!(ledger.state(&"p".into()).is_some());
        ledger.report(report("p", 1, DeletionState::Left));
        assert_eq!(ledger.held().count(), 0);
    }
}

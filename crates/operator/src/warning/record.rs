//! What is known of the warning of a Cascade, and when it is seen to again.

use std::mem::discriminant;
use std::time::Duration;

use rewitness_cascade::Warning;
use rewitness_crds::{Command, FIELD_MANAGER, Reason};
use rewitness_messaging::Backoff;
use tokio::time::Instant;

use super::desired::DesiredWarning;
use super::failure::Failure;
use super::objects::{BINDINGS, MANAGED_BY, POLICIES};
use crate::recheck::CHECK;

/// The pauses after failures.
const BACKOFF: Backoff = Backoff { base: Duration::from_secs(5), cap: Duration::from_secs(60) };

/// What is known of the warning.
#[derive(Default)]
pub(crate) struct Record {
    /// What was desired last, and by which generation of the Cascade.
    seen: Option<(i64, DesiredWarning)>,
    /// What became of it, or why nothing did, as a text for people; `None` until it was tried.
    found: Option<Result<(), (Reason, String)>>,
    /// Whether it was ever wished for otherwise.
    is_changed: bool,
    failures: u32,
    /// When it is seen to again; `None` while there is nothing to be done.
    due: Option<Instant>,
    /// Whether the warning stays as it is, whatever is due.
    is_kept: bool,
    is_under_way: bool,
    /// Whether there may be a policy.
    may_be_there: bool,
}

impl Record {
    /// Whether something is to be done now for this. Then [`end`](Self::end) is to follow.
    pub(crate) fn begin(
        &mut self,
        generation: i64,
        desired: &DesiredWarning,
        is_remembered: bool,
        now: Instant,
    ) -> bool {
        self.may_be_there |= is_remembered;
        self.is_kept = *desired == DesiredWarning::Unchanged;
        if self.is_kept {
            return false;
        }
        let last = self.seen.replace((generation, desired.clone()));
        if self.seen != last {
            (self.failures, self.due) = (0, Some(now));
        }
        // Where other words are said than before somebody is warned meanwhile.
        if last.is_some_and(|(_, before)| discriminant(&before) != discriminant(desired)) {
            (self.found, self.is_changed) = (None, true);
        }
        if matches!(desired, DesiredWarning::Absent { .. }) && !self.may_be_there {
            (self.found, self.due) = (Some(Ok(())), None);
        }
        self.is_under_way = self.due.is_some_and(|due| now >= due);
        self.is_under_way
    }

    /// What was begun has ended. Answers what is to be told about it, if that is anything new.
    pub(crate) fn end(&mut self, result: Result<(), Failure>, name: &str, now: Instant) -> Option<String> {
        self.is_under_way = false;
        let is_warning =
            self.seen.as_ref().is_some_and(|(_, desired)| matches!(desired, DesiredWarning::Warn(_)));
        self.may_be_there = is_warning || result.is_err();
        self.failures = if result.is_ok() { 0 } else { self.failures + 1 };
        self.due = match (&result, is_warning) {
            (Ok(()), true) => Some(now + CHECK),
            (Ok(()), false) => None,
            (Err(_), _) => Some(now + BACKOFF.interval(self.failures)),
        };
        let found = result.map_err(|failure| match is_warning {
            true => (failure.reason(), format!("no warning is given; everything else works: {failure}")),
            false => (Reason::LeftBehind, left_behind(name, &failure)),
        });
        let is_news = self.found.as_ref() != Some(&found);
        self.found.insert(found).as_ref().err().filter(|_| is_news).map(|(_, why)| why.clone())
    }

    /// When it is to be seen to again. While nothing would be done then there is no such time: once it had
    /// passed, the Cascade would be looked at again at once, for ever.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due.filter(|_| !self.is_kept)
    }

    pub(crate) fn is_under_way(&self) -> bool {
        self.is_under_way
    }

    /// What the status says of it; `None` if nobody asked for it, and nothing is left.
    pub(crate) fn said(&self) -> Option<Warning<'_>> {
        let nothing = "nothing is held, so there is nothing to warn of";
        match (&self.found, self.seen.as_ref().map(|(_, desired)| desired)) {
            (None, Some(_)) if self.is_changed => Some(Warning::Pending),
            (None, _) | (_, None) => Some(Warning::Unknown),
            (Some(Err((reason, why))), _) => Some(Warning::Missing(*reason, why)),
            (Some(Ok(())), Some(DesiredWarning::Absent { is_asked: true })) => {
                Some(Warning::Missing(Reason::NothingHeld, nothing))
            }
            (Some(Ok(())), Some(DesiredWarning::Absent { is_asked: false })) => None,
            (Some(Ok(())), Some(DesiredWarning::Warn(_) | DesiredWarning::Unchanged)) => Some(Warning::Given),
        }
    }
}

/// What is left, and the way out. It does no harm: it warns of what is held alone.
fn left_behind(policy: &str, failure: &Failure) -> String {
    let again = "it will be tried again";
    match failure {
        Failure::StillRemembered { .. } => format!("{failure}; {again}"),
        // It may not even be known whose the policy is, so the command asks for our label.
        _ => {
            let delete = Command::kubectl("delete")
                .option("-l", format!("{MANAGED_BY}={FIELD_MANAGER}"))
                .option("--field-selector", format!("metadata.name={policy}"))
                .word(format!("{BINDINGS},{POLICIES}"));
            format!("the policy that warns may still be there: {failure}; {again}, or: {delete}")
        }
    }
}

#[cfg(test)]
mod tests {
    use rewitness_messaging::Kind;

    use super::super::desired::{Parents, Tone};
    use super::*;

    const ABSENT: DesiredWarning = DesiredWarning::Absent { is_asked: false };

    fn warn(tone: Tone) -> DesiredWarning {
        let kind = Kind::new("example.com", "Project");
        DesiredWarning::Warn(Parents { kind, version: "v1".to_owned(), namespaces: None, tone })
    }

    fn failed() -> Result<(), Failure> {
        Err(Failure::new("the server is down"))
    }

    #[test]
    fn a_cascade_that_never_warned_costs_no_call_and_one_that_may_have_is_seen_to_once() {
        let (mut record, now) = (Record::default(), Instant::now());
        assert_eq!(record.said(), Some(Warning::Unknown));
        assert!(!record.begin(1, &ABSENT, false, now));
        assert_eq!((record.said(), record.due()), (None, None));
        assert!(record.begin(2, &ABSENT, true, now));
        assert_eq!(record.end(Ok(()), "p", now), None);
        assert_eq!((record.said(), record.due()), (None, None));
        assert!(!record.begin(2, &ABSENT, true, now), "the watch has not seen yet that it is forgotten");
    }

    #[test]
    fn what_failed_is_tried_again_ever_more_rarely_and_told_once() {
        let (mut record, mut now) = (Record::default(), Instant::now());
        let mut told = 0;
        for pause in [5, 10, 20, 40, 60, 60] {
            assert!(record.begin(1, &warn(Tone::Working), false, now));
            told += usize::from(record.end(failed(), "p", now).is_some());
            let next = now + Duration::from_secs(pause);
            assert_eq!(record.due(), Some(next));
            assert!(!record.begin(1, &warn(Tone::Working), false, now));
            now = next;
        }
        assert_eq!(told, 1);
        let why = "no warning is given; everything else works: the server is down";
        assert_eq!(record.said(), Some(Warning::Missing(Reason::Failed, why)));
        // An edit is a reason to try at once.
        now -= Duration::from_secs(1);
        assert!(record.begin(2, &warn(Tone::Working), false, now));
        assert_eq!(record.said(), Some(Warning::Missing(Reason::Failed, why)));
        record.end(Ok(()), "p", now);
        assert_eq!(record.said(), Some(Warning::Given));
        assert_eq!(record.due(), Some(now + CHECK));
    }

    #[test]
    fn what_is_wished_for_anew_is_not_known_until_it_was_tried() {
        let (mut record, now) = (Record::default(), Instant::now());
        assert!(record.begin(1, &warn(Tone::Working), false, now));
        assert_eq!(record.said(), Some(Warning::Unknown), "the operator has just started");
        record.end(Ok(()), "p", now);
        assert!(!record.begin(1, &DesiredWarning::Unchanged, false, now));
        assert_eq!(record.said(), Some(Warning::Given), "it is as it was");
        assert!(record.begin(2, &warn(Tone::DeletionsHeld), false, now));
        assert_eq!((record.said(), record.is_under_way()), (Some(Warning::Given), true));
        record.end(Ok(()), "p", now);
        assert!(record.begin(3, &DesiredWarning::Absent { is_asked: true }, false, now), "there may be one");
        assert_eq!(record.said(), Some(Warning::Pending));
        record.end(failed(), "p", now);
        let Some(Warning::Missing(Reason::LeftBehind, why)) = record.said() else {
            panic!("{:?}", record.said())
        };
        assert_eq!(
            why,
            "the policy that warns may still be there: the server is down; it will be tried again, or: kubectl delete \
             -l app.kubernetes.io/managed-by=rewitness --field-selector metadata.name=p \
             validatingadmissionpolicybindings,validatingadmissionpolicies"
        );
        assert!(record.begin(3, &DesiredWarning::Absent { is_asked: true }, false, record.due().unwrap()));
        record.end(Err(Failure::StillRemembered { reason: "timed out".to_owned() }), "p", now);
        let Some(Warning::Missing(Reason::LeftBehind, why)) = record.said() else {
            panic!("{:?}", record.said())
        };
        assert!(why.contains("policy is deleted") && !why.contains("kubectl"), "{why}");
        assert!(record.begin(3, &DesiredWarning::Absent { is_asked: true }, false, record.due().unwrap()));
        record.end(Ok(()), "p", now);
        assert!(matches!(record.said(), Some(Warning::Missing(Reason::NothingHeld, _))));
    }

    #[test]
    fn what_is_kept_is_due_at_no_time_however_long_ago_it_was_to_be_seen_to() {
        for result in [Ok(()), failed()] {
            let (mut record, now) = (Record::default(), Instant::now());
            assert!(record.begin(1, &warn(Tone::Working), false, now));
            record.end(result, "p", now);
            let past = record.due().unwrap() + CHECK;
            assert!(!record.begin(2, &DesiredWarning::Unchanged, true, past));
            assert_eq!(record.due(), None, "or the Cascade is looked at again at once, for ever");
            assert!(record.begin(2, &warn(Tone::Working), true, past), "it was due long ago");
        }
    }
}

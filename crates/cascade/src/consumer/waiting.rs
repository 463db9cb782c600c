use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rewitness_messaging::Uid;
use tokio::time::Instant;

use crate::waits::Wait;

/// For what parents wait, and for how long already; only to look at them less and less often.
#[derive(Debug, Default)]
pub(super) struct WaitingParents(Mutex<HashMap<Uid, Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    /// How often it was looked at and waited for the same.
    looks: u32,
    waits: Vec<Wait>,
    /// How often in a row the server denied what was to be done.
    denials: u32,
    /// When a person was asked, and how it was then.
    asked: Option<(Instant, Asked)>,
}

/// By what a person was asked to confirm. A rule that asks otherwise, or an annotation that says
/// something else, is reason to look again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// What the rule says.
    pub(super) revision: String,
    /// What the annotation says.
    pub(super) given: Option<String>,
}

impl WaitingParents {
    /// A parent was looked at, and waits for these. Answers how often it had waited for the same.
    pub(super) fn looked(&self, parent: &Uid, waits: &[Wait]) -> u32 {
        let mut parents = self.parents();
        let waiting = parents.entry(parent.clone()).or_default();
        let looks = if waiting.waits == waits { waiting.looks.saturating_add(1) } else { 0 };
        *waiting = Waiting { looks, waits: waits.to_vec(), ..Waiting::default() };
        looks
    }

    /// The server denied what was to be done for a parent. Answers how often it had done so before,
    /// whatever its words: they may be others each time.
    pub(super) fn denied(&self, parent: &Uid) -> u32 {
        let mut parents = self.parents();
        let waiting = parents.entry(parent.clone()).or_default();
        let before = waiting.denials;
        *waiting = Waiting { denials: before.saturating_add(1), ..Waiting::default() };
        before
    }

    /// Whether the server denied what was to be done for a parent when that was tried last.
    pub(super) fn is_denied(&self, parent: &Uid) -> bool {
        self.parents().get(parent).is_some_and(|waiting| waiting.denials > 0)
    }

    /// A person was asked to confirm.
    pub(super) fn asked(&self, parent: &Uid, asked: Asked) {
        let asked = Some((Instant::now(), asked));
        self.parents().insert(parent.clone(), Waiting { asked, ..Waiting::default() });
    }

    /// Whether a person was asked less than `within` ago, and all is as it was.
    pub(super) fn is_unanswered(&self, parent: &Uid, asks: &Asked, within: Duration) -> bool {
        let parents = self.parents();
        let asked = parents.get(parent).and_then(|waiting| waiting.asked.as_ref());
        asked.is_some_and(|(at, before)| at.elapsed() < within && before == asks)
    }

    pub(super) fn forget(&self, parent: &Uid) {
        self.parents().remove(parent);
    }

    fn parents(&self) -> MutexGuard<'_, HashMap<Uid, Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn whoever_was_asked_is_asked_again_once_the_rule_or_the_annotation_is_another() {
        let (waiting, web) = (WaitingParents::default(), Uid::from("web"));
        let asks = |revision: &str, given: Option<&str>| Asked {
            revision: revision.to_owned(),
            given: given.map(str::to_owned),
        };
        assert!(!waiting.is_unanswered(&web, &asks("r1", None), LONG));
        waiting.asked(&web, asks("r1", None));
        assert!(waiting.is_unanswered(&web, &asks("r1", None), LONG));
        assert!(!waiting.is_unanswered(&web, &asks("r1", Some("9f86")), LONG), "somebody has answered");
        assert!(!waiting.is_unanswered(&web, &asks("r2", None), LONG), "the limit may be another");
        assert!(!waiting.is_unanswered(&web, &asks("r1", None), Duration::ZERO));
    }

    #[test]
    fn denials_are_counted_until_something_else_comes_of_a_look() {
        let (waiting, web) = (WaitingParents::default(), Uid::from("web"));
        let denials: Vec<u32> = (0..3).map(|_| waiting.denied(&web)).collect();
        assert_eq!(denials, [0, 1, 2]);
        assert!(waiting.is_denied(&web));
        waiting.looked(&web, &[]);
        assert!(!waiting.is_denied(&web));
        assert_eq!(waiting.denied(&web), 0);
        waiting.forget(&web);
        assert_eq!(waiting.denied(&web), 0);
    }
}

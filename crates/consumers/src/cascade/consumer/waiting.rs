use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rewitness_messaging::Uid;
use tokio::time::Instant;

use crate::cascade::waits::Wait;

/// For what parents wait, and for how long already; only to look at them less and less often.
#[derive(Debug, Default)]
pub(super) struct WaitingParents(Mutex<HashMap<Uid, Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    /// How often it was looked at and waited for the same.
    looks: u32,
    waits: Vec<Wait>,
    /// When a person was asked, and what the annotation said then.
    asked: Option<(Instant, Option<String>)>,
}

impl WaitingParents {
    /// A parent was looked at, and waits for these. Answers how often it had waited for the same.
    pub(super) fn looked(&self, parent: &Uid, waits: &[Wait]) -> u32 {
        let mut parents = self.parents();
        let waiting = parents.entry(parent.clone()).or_default();
        let looks = if waiting.waits == waits { waiting.looks.saturating_add(1) } else { 0 };
        *waiting = Waiting { looks, waits: waits.to_vec(), asked: None };
        looks
    }

    /// A person was asked to confirm, while the annotation said this.
    pub(super) fn asked(&self, parent: &Uid, given: Option<String>) {
        let asked = Some((Instant::now(), given));
        self.parents().insert(parent.clone(), Waiting { asked, ..Waiting::default() });
    }

    /// Whether a person was asked less than `within` ago, and the annotation is what it was.
    pub(super) fn is_unanswered(&self, parent: &Uid, given: Option<&String>, within: Duration) -> bool {
        let parents = self.parents();
        let asked = parents.get(parent).and_then(|waiting| waiting.asked.as_ref());
        asked.is_some_and(|(at, before)| at.elapsed() < within && before.as_ref() == given)
    }

    pub(super) fn forget(&self, parent: &Uid) {
        self.parents().remove(parent);
    }

    fn parents(&self) -> MutexGuard<'_, HashMap<Uid, Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

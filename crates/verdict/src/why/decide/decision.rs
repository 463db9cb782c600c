//! Who decides: the facts, and what every part of the decision says in the same way.

use rewitness_crds::Reason;
use rewitness_messaging::{ResourceId, Timestamp};

use crate::commands::Commands;
use crate::read::Read;
use crate::step::Step;
use crate::text::{age, counted};
use crate::why::facts::Facts;
use crate::why::verdict::{Finding, Weight};

/// How long something may take, before it counts as blocked.
pub(crate) const PATIENCE_SECONDS: i64 = 60;

/// The facts, and how commands are typed.
#[derive(Clone, Copy)]
pub(super) struct Decision<'a> {
    pub(super) facts: &'a Facts,
    pub(super) commands: &'a Commands,
}

impl Decision<'_> {
    /// How long ago, as people say it.
    pub(super) fn age(&self, since: Option<Timestamp>) -> String {
        since.map_or_else(|| "an unknown time".to_owned(), |since| age(since, self.facts.now))
    }

    /// Whether something is so for longer than it should take.
    pub(super) fn is_late(&self, since: Option<Timestamp>) -> bool {
        since.is_some_and(|since| self.facts.now.as_second() - since.as_second() > PATIENCE_SECONDS)
    }

    /// A read that failed, beside another finding.
    pub(super) fn unread<T>(read: &Read<T>, what: &str) -> Option<Finding> {
        let unread = read.as_ref().err()?;
        Some(Finding::new(Weight::Unknown, Reason::Unread, format!("{what} is unknown: {unread}")))
    }

    /// The last resort for a finalizer of somebody else.
    pub(super) fn remove_finalizer(
        &self,
        id: &ResourceId,
        finalizers: &[String],
        finalizer: &str,
        caution: &str,
    ) -> Step {
        let command = self.commands.remove_finalizer(id, finalizers, finalizer);
        Step::last_resort(command, format!("removes {finalizer} by hand"), caution)
    }
}

/// `3 clusters.example.com`.
pub(super) fn of_kind(count: u64, kind: &str) -> String {
    counted(count, kind, kind)
}

//! Who decides: the facts, and what every part of the decision says in the same way.

use rewitness_messaging::Timestamp;

use crate::check::facts::Facts;
use crate::check::report::{Check, Result};
use crate::commands::Commands;
use crate::read::Unread;
use crate::text::age;
use crate::why::PATIENCE_SECONDS;

/// How many of several things a message names.
pub(super) const NAMED: usize = 5;

/// The facts, and how commands are typed.
#[derive(Clone, Copy)]
pub(super) struct Decision<'a> {
    pub(super) facts: &'a Facts,
    pub(super) commands: &'a Commands,
}

impl Decision<'_> {
    /// How long ago, as people say it.
    pub(super) fn age(&self, since: Timestamp) -> String {
        age(since, self.facts.now)
    }

    /// Whether something is so for longer than it should take.
    pub(super) fn is_late(&self, since: Timestamp) -> bool {
        self.facts.now.as_second() - since.as_second() > PATIENCE_SECONDS
    }
}

/// A check that could not be made.
pub(super) fn unknown(id: &'static str, what: &str, unread: &Unread) -> Check {
    Check::new(id, Result::Unknown, format!("{what} is unknown: {unread}"))
}

/// `a, b, c and 4 more`.
pub(super) fn some<T: ToString>(all: impl IntoIterator<Item = T>) -> String {
    let all: Vec<String> = all.into_iter().map(|one| one.to_string()).collect();
    match all.len().saturating_sub(NAMED) {
        0 => all.join(", "),
        more => format!("{} and {more} more", all[..NAMED].join(", ")),
    }
}

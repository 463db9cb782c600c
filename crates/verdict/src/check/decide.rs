//! From facts to the report. Pure: the same facts have the same report.

use rewitness_messaging::Timestamp;

use super::facts::{Facts, Phase};
use super::report::{Check, Report, Result};
use crate::text::age;
use crate::why::{PATIENCE_SECONDS, Typist, Unread};

mod cascades;
mod definition;
mod deletions;
mod finalizers;
mod install;
mod kubernetes;
mod operator;

/// How many of several things a message names.
const NAMED: usize = 5;

/// The version of Cascade that this program reads and writes.
pub(super) const VERSION: &str = "v1alpha1";

/// What is made of the facts.
pub(crate) fn decide(facts: &Facts, typist: &Typist) -> Report {
    let judge = Judge { facts, typist };
    let kubernetes = judge.kubernetes();
    match &facts.phase {
        Phase::Before { rights } => {
            Report::new(true, vec![kubernetes, judge.rights(rights), judge.present()])
        }
        Phase::After { survey } => {
            let definition = judge.definition();
            let (operator, cascades) = (judge.operator(), judge.cascades());
            Report::new(false, vec![kubernetes, definition, operator, cascades, judge.finalizers(survey)])
        }
    }
}

/// The facts, and how commands are typed.
#[derive(Clone, Copy)]
struct Judge<'a> {
    facts: &'a Facts,
    typist: &'a Typist,
}

impl Judge<'_> {
    /// How long ago, as people say it.
    fn age(&self, since: Timestamp) -> String {
        age(since, self.facts.now)
    }

    /// Whether something is so for longer than it should take.
    fn is_late(&self, since: Timestamp) -> bool {
        self.facts.now.as_second() - since.as_second() > PATIENCE_SECONDS
    }
}

/// A check that could not be made.
fn unknown(id: &'static str, what: &str, unread: &Unread) -> Check {
    Check::new(id, Result::Unknown, format!("{what} is unknown: {unread}"))
}

/// `a, b, c and 4 more`.
fn some<T: ToString>(all: impl IntoIterator<Item = T>) -> String {
    let all: Vec<String> = all.into_iter().map(|one| one.to_string()).collect();
    match all.len().saturating_sub(NAMED) {
        0 => all.join(", "),
        more => format!("{} and {more} more", all[..NAMED].join(", ")),
    }
}

#[cfg(test)]
mod tests;

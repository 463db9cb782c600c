//! What `check` answers: groups of checks, each with its result and the way out.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::document::API_VERSION;
use crate::step::Step;

/// The answer. As JSON it is documented in `rewitness check --help`: fields may be added, none is
/// renamed or changes its meaning.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    api_version: &'static str,
    kind: &'static str,
    /// Whether it is about a cluster in which Rewitness is to be installed.
    pub(crate) pre: bool,
    /// The gravest of all results; a note is as good as ok.
    pub result: Result,
    /// How many checks came out how.
    pub(crate) totals: BTreeMap<Result, u64>,
    pub(crate) groups: Vec<Group>,
}

/// How a check came out. The later, the graver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Result {
    /// As it should be.
    Ok,
    /// Good to know.
    Note,
    /// Something to see to.
    Warning,
    /// It could not be found out.
    Unknown,
    /// Something is wrong.
    Failed,
}

/// Checks about one thing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Group {
    /// From a fixed set of words.
    pub(crate) id: &'static str,
    /// The same for people.
    pub(crate) title: &'static str,
    pub(crate) checks: Vec<Check>,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Check {
    /// From a fixed set of words.
    pub(crate) id: &'static str,
    pub(crate) result: Result,
    /// For people.
    pub(crate) message: String,
    /// Which Cascade it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cascade: Option<String>,
    /// What is wrong, one by one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) details: Vec<String>,
    /// The way out, the best first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) next: Vec<Step>,
}

impl Result {
    const ALL: [Self; 5] = [Self::Ok, Self::Note, Self::Warning, Self::Unknown, Self::Failed];
}

impl Report {
    pub(crate) fn new(pre: bool, groups: Vec<Group>) -> Self {
        let mut totals = BTreeMap::from(Result::ALL.map(|result| (result, 0)));
        for check in groups.iter().flat_map(|group| &group.checks) {
            *totals.entry(check.result).or_default() += 1;
        }
        let result = match totals.iter().rfind(|(_, count)| **count > 0).map(|(result, _)| *result) {
            Some(Result::Ok | Result::Note) => Result::Ok,
            Some(gravest) => gravest,
            None => Result::Unknown,
        };
        Self { api_version: API_VERSION, kind: "Check", pre, result, totals, groups }
    }

    /// Of a server that could not be asked: nothing else can be said. The error has what is to be
    /// done in the lines after its first.
    pub(crate) fn unreachable(pre: bool, error: &anyhow::Error) -> Self {
        let text = error.to_string();
        let mut lines = text.lines().map(str::to_owned);
        let check = Check::new("reachable", Result::Failed, lines.next().unwrap_or_default()).detail(lines);
        Self::new(pre, vec![Group { id: "kubernetes", title: KUBERNETES, checks: vec![check] }])
    }
}

/// The title of the first group.
pub(crate) const KUBERNETES: &str = "The API server";

impl Check {
    pub(crate) fn new(id: &'static str, result: Result, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { id, result, message, cascade: None, details: Vec::new(), next: Vec::new() }
    }

    pub(crate) fn ok(id: &'static str, message: impl Into<String>) -> Self {
        Self::new(id, Result::Ok, message)
    }

    pub(crate) fn of_cascade(mut self, name: &str) -> Self {
        self.cascade = Some(name.to_owned());
        self
    }

    pub(crate) fn detail(mut self, details: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(details);
        self
    }

    pub(crate) fn step(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.next.extend(steps);
        self
    }
}

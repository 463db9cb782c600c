//! What `why` answers: a tree of findings, and what to type next.

use std::{fmt, iter};

use rewitness_crds::Reason;
use rewitness_messaging::{ResourceId, Timestamp};
use serde::Serialize;

use crate::document::API_VERSION;
use crate::step::Step;

/// How many next steps are listed; whoever has done them asks again.
const STEPS: usize = 8;

/// The answer. As JSON it is documented in `rewitness why --help`: fields may be added, none is
/// renamed or changes its meaning.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    pub(crate) api_version: &'static str,
    pub(crate) kind: &'static str,
    /// What it is about.
    pub resource: Resource,
    /// Whether that is there.
    pub state: State,
    /// Since when it is being deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<Timestamp>,
    pub(crate) summary: String,
    pub(crate) findings: Vec<Finding>,
    /// The best one first; what has to be thought over comes last.
    pub(crate) next: Vec<Step>,
}

/// What the verdict, or a finding, is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    pub(crate) group: String,
    pub(crate) kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
    /// Its uid; none where it was not found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

/// Whether it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum State {
    /// There is none.
    NotFound,
    /// It is, and is not being deleted.
    Live,
    /// It is being deleted.
    Terminating,
    /// That could not be read.
    Unknown,
}

/// One thing that was found, with what it is made of.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Finding {
    pub(crate) weight: Weight,
    /// From a fixed set of words.
    pub(crate) reason: Reason,
    /// The same for people.
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resource: Option<Resource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cascade: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) finalizers: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) count: Option<u64>,
    /// Some of those that were counted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) examples: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<Timestamp>,
    /// What a person may confirm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hash: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) findings: Vec<Finding>,
    #[serde(skip)]
    pub(crate) steps: Vec<Step>,
}

/// What a finding means for the deletion, the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Weight {
    /// It does not end by itself.
    Blocks,
    /// It ends by itself, as far as can be seen.
    Waits,
    /// It could not be found out.
    Unknown,
    /// It is good to know.
    Note,
}

impl Verdict {
    pub(crate) fn new(
        resource: Resource,
        state: State,
        since: Option<Timestamp>,
        summary: String,
        findings: Vec<Finding>,
    ) -> Self {
        let next = steps(&findings);
        Self { api_version: API_VERSION, kind: "Verdict", resource, state, since, summary, findings, next }
    }
}

/// The steps of all findings, each once, the readiest first.
fn steps(findings: &[Finding]) -> Vec<Step> {
    // What is deeper has to go before what is above it.
    fn gather(findings: &[Finding]) -> Vec<&Step> {
        findings.iter().flat_map(|one| gather(&one.findings).into_iter().chain(&one.steps)).collect()
    }
    let mut found = gather(findings);
    found.sort_by_key(|step| step.rank);
    let mut steps: Vec<Step> = Vec::new();
    for step in found {
        if !steps.iter().any(|known| known.command == step.command) {
            steps.push(step.clone());
        }
    }
    steps.truncate(STEPS);
    steps
}

impl Finding {
    pub(crate) fn new(weight: Weight, reason: Reason, message: impl Into<String>) -> Self {
        Self {
            weight,
            reason,
            message: message.into(),
            resource: None,
            cascade: None,
            finalizers: Vec::new(),
            count: None,
            examples: Vec::new(),
            since: None,
            hash: None,
            findings: Vec::new(),
            steps: Vec::new(),
        }
    }

    pub(crate) fn about(mut self, resource: &ResourceId) -> Self {
        self.resource = Some(resource.into());
        self
    }

    pub(crate) fn of_cascade(mut self, name: &str) -> Self {
        self.cascade = Some(name.to_owned());
        self
    }

    pub(crate) fn by_finalizer(mut self, finalizer: &str) -> Self {
        self.finalizers.push(finalizer.to_owned());
        self
    }

    pub(crate) fn since(mut self, since: Option<Timestamp>) -> Self {
        self.since = since;
        self
    }

    pub(crate) fn with(mut self, findings: impl IntoIterator<Item = Finding>) -> Self {
        self.findings.extend(findings);
        self
    }

    pub(crate) fn step(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.steps.extend(steps);
        self
    }

    /// These findings and all that they are made of, each before its own parts.
    pub(crate) fn all(findings: &[Self]) -> Vec<&Self> {
        findings.iter().flat_map(|one| iter::once(one).chain(Self::all(&one.findings))).collect()
    }

    /// The gravest weight of this finding and of what it is made of.
    pub(crate) fn gravest(&self) -> Weight {
        let within = Self::all(&self.findings).into_iter().map(|finding| finding.weight);
        within.fold(self.weight, Weight::min)
    }
}

impl From<&ResourceId> for Resource {
    fn from(id: &ResourceId) -> Self {
        Self {
            group: id.kind.group.to_string(),
            kind: id.kind.kind.to_string(),
            namespace: id.namespace.as_deref().map(str::to_owned),
            name: id.name.to_string(),
            uid: Some(id.uid.to_string()).filter(|uid| !uid.is_empty()),
        }
    }
}

/// `Cluster.example.com team-a/web`.
impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        match &self.namespace {
            Some(namespace) => write!(f, " {namespace}/{}", self.name),
            None => write!(f, " {}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readiest_step_comes_first_and_each_once() {
        let act = |command: &str| Step::act(command.to_owned(), "");
        let last = Step::last_resort("e".to_owned(), "", "");
        let choice = Step::choice("d".to_owned(), "");
        let look = Step::look("c".to_owned(), "");
        let deep = Finding::new(Weight::Note, Reason::Content, "").step([act("b"), act("a")]);
        let first =
            Finding::new(Weight::Note, Reason::Held, "").step([last, choice, look, act("a")]).with([deep]);
        let commands: Vec<String> = steps(&[first]).into_iter().map(|step| step.command).collect();
        assert_eq!(commands, ["b", "a", "c", "d", "e"], "what is deeper goes first");
    }

    #[test]
    fn the_gravest_weight_is_found_at_any_depth() {
        let deep = Finding::new(Weight::Blocks, Reason::Content, "");
        assert_eq!(Finding::new(Weight::Note, Reason::Held, "").with([deep]).gravest(), Weight::Blocks);
    }
}

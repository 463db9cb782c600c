use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rewitness_crds::Reason;
use rewitness_crds::cascade::{StageCount, confirm_annotation};
use rewitness_messaging::{Kind, ResourceId, Timestamp};

use super::ledger::blocks;
use super::plan::Refused;
use super::report::{DeletionState, Report, being_deleted};
use super::waits::{Cause, Wait, clipped};

/// How long a block is not told again for the same cause. Kubernetes forgets Events after an hour.
const AGAIN_SECONDS: i64 = 3600;

/// How many causes of one stage are told. More than that are no news any more.
const CAUSES: usize = 32;

/// How many waits a note names.
const NAMED: usize = 3;

/// How many bytes a note has at most. The API allows 1024; whoever writes it may add some words.
const NOTE: usize = 960;

/// What people are told of a deletion, on the parent or on the Cascade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Whose Event it is.
    pub about: About,
    /// Whether somebody should have a look.
    pub severity: Severity,
    /// The word for it.
    pub reason: Reason,
    /// The same for people; at most 960 bytes.
    pub note: String,
}

/// Whose Event it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The parent's.
    Parent,
    /// The Cascade's.
    Cascade,
}

/// Whether somebody should have a look: the type of a Kubernetes Event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// All is well.
    Normal,
    /// It may not end by itself.
    Warning,
}

impl Severity {
    /// As the API has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// What has been told of the deletion of one parent, so that nothing is told twice.
///
/// # Guarantees
///
/// - A look that finds nothing new tells nothing, however often it is made.
/// - Dependents are never told of one by one: at most six Events come of one report.
/// - In the namespace of a parent no object of another namespace is named: those are counted.
/// - A cause that blocks is told once, and again each hour while it lasts.
///
/// # Caveats
///
/// It ends with the process. After a restart a deletion that is under way is told of again from the
/// stage that it is in.
///
/// ```
/// use rewitness_cascade::{About, Report, DeletionState, DeletionEvents};
/// use rewitness_crds::Reason;
/// # use rewitness_messaging::{Kind, ResourceId, Timestamp};
/// # let web = ResourceId {
/// #     kind: Kind::new("example.com", "Project"), namespace: None, name: "web".into(), uid: "u1".into(),
/// # };
/// # let state = DeletionState::Deleting { stage: "workloads".into(), count: 3 };
/// # let report = Report {
/// #     parent: web, since: None, at: Timestamp::UNIX_EPOCH, state, confirmation: None, revision: None,
/// # };
///
/// let mut events = DeletionEvents::default();
/// let told = events.next("project", &report);
/// assert_eq!((told[2].about, told[2].reason), (About::Parent, Reason::StageStarted));
/// assert_eq!(told[2].note, "Cascade project: stage workloads: 3 dependents are being deleted");
/// assert!(events.next("project", &report).is_empty());
/// ```
#[derive(Clone, Debug, Default)]
pub struct DeletionEvents {
    held: bool,
    stage: Option<Arc<str>>,
    refused: Option<String>,
    /// What blocks the stage, and when it was told.
    blocked: BTreeMap<Obstacle, Timestamp>,
}

/// A cause as far as it makes a difference to people. The server's words are no part of it: they
/// may name each object that they are about.
type Obstacle = (Kind, Reason, Vec<String>);

/// What happened, told on both objects.
struct Occurrence {
    severity: Severity,
    reason: Reason,
    text: String,
    /// For the namespace of the parent, whose readers may not see others: no object of another is named in it.
    there: String,
}

impl DeletionEvents {
    /// What is to be told now that a deletion stands like this: first what happened first.
    pub fn next(&mut self, cascade: &str, report: &Report) -> Vec<Event> {
        let mut told = Vec::new();
        match &report.state {
            DeletionState::Left => {}
            DeletionState::Finished { stages, authorised } => told.push(finished(stages, *authorised)),
            DeletionState::Refused(refused) => self.refuse(cascade, report, refused, &mut told),
            DeletionState::Deleting { stage, count } => {
                self.refused = None;
                self.hold(report, &mut told);
                self.start(stage, &being_deleted(*count), &mut told);
            }
            DeletionState::Waiting { stage, waits } => {
                self.refused = None;
                self.hold(report, &mut told);
                let left: u64 = waits.iter().map(|wait| wait.count).sum();
                self.start(stage, &format!("waits for {left} dependents to go"), &mut told);
                self.block(stage, waits, report, &mut told);
            }
        }
        told.iter().flat_map(|occurrence| occurrence.on_both(cascade, report)).collect()
    }

    /// A deletion that had begun before this process was told of by whoever began it.
    fn hold(&mut self, report: &Report, told: &mut Vec<Occurrence>) {
        if !std::mem::replace(&mut self.held, true) && report.revision.is_none() {
            told.push(Occurrence::normal(
                Reason::DeletionHeld,
                "the deletion is held until all that refers to the parent is gone",
            ));
        }
    }

    fn refuse(&mut self, cascade: &str, report: &Report, refused: &Refused, told: &mut Vec<Occurrence>) {
        let text = match refused {
            Refused::Unconfirmed(unconfirmed) => {
                self.hold(report, told);
                let annotation = confirm_annotation(cascade);
                format!("nothing is deleted yet: {refused} ({annotation}={})", unconfirmed.hash)
            }
            _ => format!("the deletion is held, and does not go on: {refused}"),
        };
        let reason = match refused {
            Refused::Unconfirmed(_) => Reason::LimitExceeded,
            _ => Reason::DeletionHeld,
        };
        self.held = true;
        if self.refused.as_ref() != Some(&text) {
            told.push(Occurrence::warning(reason, text.clone()));
        }
        self.refused = Some(text);
    }

    fn start(&mut self, stage: &Arc<str>, text: &str, told: &mut Vec<Occurrence>) {
        if stage.is_empty() || self.stage.as_ref() == Some(stage) {
            return;
        }
        self.stage = Some(stage.clone());
        self.blocked.clear();
        told.push(Occurrence::normal(Reason::StageStarted, format!("stage {stage}: {text}")));
    }

    /// What was told is kept while the stage lasts, also when it has ended: a cause that comes and
    /// goes with each try is no news.
    fn block(&mut self, stage: &str, waits: &[Wait], report: &Report, told: &mut Vec<Occurrence>) {
        let now = report.at;
        let blocking: Vec<&Wait> = waits.iter().filter(|wait| blocks(wait, now)).collect();
        let obstacles: BTreeSet<Obstacle> = blocking.iter().map(|wait| obstacle(wait)).collect();
        let is_news = |one: &Obstacle| match self.blocked.get(one) {
            Some(at) => now.as_second() - at.as_second() >= AGAIN_SECONDS,
            None => self.blocked.len() < CAUSES,
        };
        if !obstacles.iter().any(is_news) {
            return;
        }
        // One Event tells of all, so that all are told from now on.
        self.blocked.extend(obstacles.into_iter().take(CAUSES).map(|one| (one, now)));
        let who = if stage.is_empty() { "the deletion".to_owned() } else { format!("stage {stage}") };
        let text = |say: &dyn Fn(&Wait) -> String| {
            let mut said: Vec<String> = blocking.iter().take(NAMED).map(|wait| say(wait)).collect();
            if blocking.len() > NAMED {
                said.push(format!("and {} more causes", blocking.len() - NAMED));
            }
            format!("{who} waits for {}", said.join("; "))
        };
        let there = text(&|wait| in_namespace(wait, report.parent.namespace.as_deref()));
        told.push(Occurrence {
            there,
            ..Occurrence::warning(Reason::DependentBlocked, text(&Wait::to_string))
        });
    }
}

fn obstacle(wait: &Wait) -> Obstacle {
    let finalizers = match &wait.cause {
        Cause::Finalizers { finalizers } => finalizers.clone(),
        _ => Vec::new(),
    };
    (wait.kind.clone(), wait.cause.reason(), finalizers)
}

/// What was deleted is counted after the deletes, so that a count is what was deleted at least.
fn finished(stages: &[StageCount], authorised: Option<u64>) -> Occurrence {
    let counted: u64 = stages.iter().map(|stage| stage.deleted).sum();
    let by_stage: Vec<String> = stages
        .iter()
        .filter(|stage| stage.deleted > 0)
        .map(|stage| format!("{} in stage {}", stage.deleted, stage.name))
        .collect();
    let by_stage = by_stage.join(", ");
    let what = match authorised {
        None if counted == 0 => "nothing was deleted".to_owned(),
        Some(all) if counted == 0 => {
            format!("{all} were to be deleted, and how many of them were by the Cascade is not recorded")
        }
        Some(all) if counted < all => {
            format!("{all} were to be deleted, and at least these were: {by_stage}")
        }
        _ => format!("deleted: {by_stage}"),
    };
    let text = format!("nothing refers to the parent any more, so it may go; {what}");
    Occurrence::normal(Reason::CascadeFinished, text)
}

/// A wait for those who read the Events of one namespace, if it is one: what lives in others is counted and not
/// named. The words of a server or a webhook may name it too.
fn in_namespace(wait: &Wait, namespace: Option<&str>) -> String {
    let is_there = |id: &&ResourceId| {
        namespace.is_none_or(|namespace| id.namespace.as_deref().is_none_or(|own| own == namespace))
    };
    let examples: Vec<ResourceId> = wait.examples.iter().filter(is_there).cloned().collect();
    if examples.len() == wait.examples.len() {
        return wait.to_string();
    }
    let cause = match &wait.cause {
        Cause::Refused { .. } => Cause::Refused { message: "by the server or a webhook".to_owned() },
        cause => cause.clone(),
    };
    format!("{}, some of them in other namespaces", Wait { examples, cause, ..wait.clone() })
}

impl Occurrence {
    fn new(severity: Severity, reason: Reason, text: String) -> Self {
        Self { severity, reason, there: text.clone(), text }
    }

    fn normal(reason: Reason, text: impl Into<String>) -> Self {
        Self::new(Severity::Normal, reason, text.into())
    }

    fn warning(reason: Reason, text: impl Into<String>) -> Self {
        Self::new(Severity::Warning, reason, text.into())
    }

    /// On each of the two objects the other is named.
    fn on_both(&self, cascade: &str, report: &Report) -> [Event; 2] {
        let event = |about, other: String, text: &str| Event {
            about,
            severity: self.severity,
            reason: self.reason,
            note: clipped(&format!("{other}: {text}"), NOTE),
        };
        [
            event(About::Parent, format!("Cascade {cascade}"), &self.there),
            event(About::Cascade, report.parent.to_string(), &self.text),
        ]
    }
}

#[cfg(test)]
mod tests;

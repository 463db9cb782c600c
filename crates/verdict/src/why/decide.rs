//! From facts to the verdict. Pure: the same facts have the same verdict.

use std::collections::BTreeSet;

use rewitness_messaging::{ResourceId, Timestamp};

use rewitness_crds::Reason;

use super::commands::Typist;
use super::facts::{Event, Facts, Read, Subject};
use super::verdict::{Finding, Resource, State, Step, Verdict, Weight};
use crate::text::{age, counted};

mod absent;
mod belonging;
mod cascade;
mod content;
mod finalizers;
mod left;
mod live;
mod namespace;

pub(crate) use cascade::{ASK_WHO_PAUSED, NO_RULE, last_sign};

/// How long something may take, before whoever keeps it up is said to block.
pub(crate) const PATIENCE_SECONDS: i64 = 60;

/// How many events are told.
const EVENTS: usize = 3;

/// What is made of the facts.
pub(crate) fn decide(facts: &Facts, typist: &Typist) -> Verdict {
    Judge { facts, typist }.verdict()
}

/// The facts, and how commands are typed.
#[derive(Clone, Copy)]
pub(super) struct Judge<'a> {
    pub(super) facts: &'a Facts,
    pub(super) typist: &'a Typist,
}

impl Judge<'_> {
    fn verdict(&self) -> Verdict {
        let asked = Resource::from(&self.facts.asked);
        match &self.facts.subject {
            Err(unread) if self.facts.is_served => {
                let summary = format!("whether there is a {asked} is unknown: {unread}");
                let finding = Finding::new(Weight::Unknown, Reason::Unread, unread.to_string());
                Verdict::new(asked, State::Unknown, None, summary, vec![finding])
            }
            Err(unread) => self.not_served(asked, unread),
            Ok(None) => self.not_there(asked),
            Ok(Some(subject)) if subject.deleting.is_none() => self.live(subject),
            Ok(Some(subject)) => self.terminating(subject),
        }
    }

    fn live(&self, subject: &Subject) -> Verdict {
        let resource = Resource::from(&subject.id);
        let mut findings = self.would_take_along(subject);
        findings.extend(self.would_be_kept(subject));
        findings.extend(self.belongs_to(subject));
        findings.extend(self.former(&subject.id));
        findings.extend(self.unread_cascades(&findings));
        findings.extend(self.not_deleted(subject, &findings));
        let summary = format!("{resource} is there, and is not being deleted");
        Verdict::new(resource, State::Live, None, summary, findings)
    }

    fn terminating(&self, subject: &Subject) -> Verdict {
        let resource = Resource::from(&subject.id);
        let mut findings = self.kept_by(subject);
        findings.extend(self.namespace());
        findings.extend(self.not_held(subject));
        findings.extend(self.belongs_to(subject));
        findings.extend(self.unread_cascades(&findings));
        findings.extend(self.events());
        let has = |weight| findings.iter().any(|finding| finding.gravest() == weight);
        let outlook = match () {
            () if has(Weight::Blocks) => "",
            () if has(Weight::Unknown) => "; not all that may keep it could be read",
            () => "; nothing is seen that would not end by itself",
        };
        let since = subject.deleting;
        let summary = format!("{resource} has been Terminating for {}{outlook}", self.age(since));
        Verdict::new(resource, State::Terminating, since, summary, findings)
    }

    /// How long ago, as people say it.
    pub(super) fn age(&self, since: Option<Timestamp>) -> String {
        since.map_or_else(|| "an unknown time".to_owned(), |since| age(since, self.facts.now))
    }

    /// Whether something is so for longer than it should take.
    pub(super) fn is_late(&self, since: Option<Timestamp>) -> bool {
        since.is_some_and(|since| self.facts.now.as_second() - since.as_second() > PATIENCE_SECONDS)
    }

    /// That which Cascades there are could not be read; not where a Cascade's finalizer said so.
    fn unread_cascades(&self, findings: &[Finding]) -> Option<Finding> {
        let unread = self.facts.cascades.as_ref().err()?;
        if findings.iter().any(|finding| finding.cascade.is_some()) {
            return None;
        }
        let message = format!("whether a Cascade has to do with it is unknown: {unread}");
        Some(Finding::new(Weight::Unknown, Reason::CascadesUnread, message))
    }

    /// What others say of it; only what warns, for the rest is told better by `kubectl describe`, and of what somebody
    /// said again and again only the newest: what was so an hour ago misleads.
    fn events(&self) -> Vec<Finding> {
        let said = |event: &Event| {
            let when = event.at.map(|at| format!(" {} ago", age(at, self.facts.now))).unwrap_or_default();
            let message = format!("{} said{when}: {}: {}", event.by, event.reason, event.message);
            Finding::new(Weight::Note, Reason::Event, message).since(event.at)
        };
        match &self.facts.events {
            Ok(events) => {
                let mut told = BTreeSet::new();
                let warnings = events.iter().filter(|event| event.is_warning);
                let newest =
                    warnings.filter(|&event| told.insert((&event.by, &event.reason, &event.related)));
                newest.take(EVENTS).map(said).collect()
            }
            Err(unread) => {
                let message = format!("what was said of it is unknown: {unread}");
                vec![Finding::new(Weight::Unknown, Reason::EventsUnread, message)]
            }
        }
    }

    /// A read that failed, where something else is told beside it.
    pub(super) fn unread<T>(read: &Read<T>, what: &str) -> Option<Finding> {
        let unread = read.as_ref().err()?;
        Some(Finding::new(Weight::Unknown, Reason::Unread, format!("{what} is unknown: {unread}")))
    }

    /// The last resort for a finalizer of somebody else.
    pub(super) fn take_off(
        &self,
        id: &ResourceId,
        finalizers: &[String],
        finalizer: &str,
        caution: &str,
    ) -> Step {
        let command = self.typist.take_off(id, finalizers, finalizer);
        Step::last_resort(command, format!("takes {finalizer} off by hand"), caution)
    }
}

/// `3 clusters.example.com`.
pub(super) fn of_kind(count: u64, kind: &str) -> String {
    counted(count, kind, kind)
}

/// `team-a/web`.
pub(super) fn qualified(id: &ResourceId) -> String {
    match &id.namespace {
        Some(namespace) => format!("{namespace}/{}", id.name),
        None => id.name.to_string(),
    }
}

#[cfg(test)]
mod tests;

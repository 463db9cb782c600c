//! From facts to the verdict. Pure: the same facts have the same verdict.

use std::collections::BTreeSet;

use rewitness_crds::Reason;

use super::facts::{Event, Facts, Subject};
use super::verdict::{Finding, Resource, State, Verdict, Weight};
use crate::commands::Commands;
use crate::text::age;

mod absent;
mod belonging;
mod cascade;
mod content;
mod decision;
mod finalizers;
mod left;
mod live;
mod namespace;

pub(crate) use cascade::{NO_RULE, last_sign};
use decision::Decision;
pub(crate) use decision::PATIENCE_SECONDS;

/// How many Events are listed.
const EVENTS: usize = 3;

/// What is made of the facts.
pub(crate) fn decide(facts: &Facts, commands: &Commands) -> Verdict {
    Decision { facts, commands }.verdict()
}

impl Decision<'_> {
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

    /// That the Cascades could not be read; not where the finding of a Cascade's finalizer has it.
    fn unread_cascades(&self, findings: &[Finding]) -> Option<Finding> {
        let unread = self.facts.cascades.as_ref().err()?;
        if findings.iter().any(|finding| finding.cascade.is_some()) {
            return None;
        }
        let message = format!("whether a Cascade has to do with it is unknown: {unread}");
        Some(Finding::new(Weight::Unknown, Reason::CascadesUnread, message))
    }

    /// The warnings among its Events; `kubectl describe` has the others. Of an Event that is repeated only the newest
    /// counts: an hour later it misleads.
    fn events(&self) -> Vec<Finding> {
        let finding = |event: &Event| {
            let when = event.at.map(|at| format!(" {} ago", age(at, self.facts.now))).unwrap_or_default();
            let message = format!("{} said{when}: {}: {}", event.by, event.reason, event.message);
            Finding::new(Weight::Note, Reason::Event, message).since(event.at)
        };
        match &self.facts.events {
            Ok(events) => {
                let mut seen = BTreeSet::new();
                let warnings = events.iter().filter(|event| event.is_warning);
                let newest =
                    warnings.filter(|&event| seen.insert((&event.by, &event.reason, &event.related)));
                newest.take(EVENTS).map(finding).collect()
            }
            Err(unread) => {
                let message = format!("what was said of it is unknown: {unread}");
                vec![Finding::new(Weight::Unknown, Reason::EventsUnread, message)]
            }
        }
    }
}

#[cfg(test)]
mod tests;

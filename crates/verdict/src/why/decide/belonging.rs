//! With whom the subject would be deleted.

use rewitness_crds::Reason;
use rewitness_crds::cascade::{Action, Mode, ReferenceValue};

use super::decision::Decision;
use crate::step::Step;
use crate::why::facts::{Belonging, Subject};
use crate::why::verdict::{Finding, Resource, Weight};

impl Decision<'_> {
    /// The parents that take the subject along.
    pub(super) fn belongs_to(&self, subject: &Subject) -> Vec<Finding> {
        self.facts.belongings.iter().map(|belonging| self.belongs(subject, belonging)).collect()
    }

    fn belongs(&self, subject: &Subject, belonging: &Belonging) -> Finding {
        let Belonging { cascade, reference, parent_kind, .. } = belonging;
        let verb = match (belonging.mode, reference.action) {
            (Mode::Enforce, Action::Delete) => "deletes it with",
            (Mode::Enforce, Action::Wait) => "lets somebody else delete it, and waits with",
            (Mode::Plan, Action::Delete) => "only plans; in force, it would delete it with",
            (Mode::Plan, Action::Wait) => "only plans; in force, it would wait for it with",
        };
        let by = format!("(label {}={}, stage {})", reference.label, reference.value, reference.stage);
        let finding = |weight, reason, message| Finding::new(weight, reason, message).of_cascade(cascade);
        let parent = match &belonging.parent {
            Err(unread) => {
                let message =
                    format!("the Cascade {cascade} {verb} a {parent_kind} that is not known: {unread} {by}");
                return finding(Weight::Unknown, Reason::Dependent, message);
            }
            Ok(None) => {
                let what = if reference.referred == ReferenceValue::UID { "uid" } else { "name" };
                let message = format!(
                    "it refers to a {parent_kind} by a {what} that none has {by}: by the Cascade {cascade} it goes \
                     with nobody"
                );
                return finding(Weight::Note, Reason::NoParent, message);
            }
            Ok(Some(parent)) => parent,
        };
        let name = Resource::from(&parent.id);
        let message = match parent.deleting {
            None => format!("the Cascade {cascade} {verb} {name}, which is not being deleted {by}"),
            since => {
                format!(
                    "the Cascade {cascade} {verb} {name}, which has been Terminating for {} {by}",
                    self.age(since)
                )
            }
        };
        let found =
            finding(Weight::Note, Reason::Dependent, message).about(&parent.id).since(parent.deleting);
        // This verdict covers the dependent; what its parent waits for besides, the verdict of the parent.
        match parent.deleting.is_some() && subject.deleting.is_none() {
            true => found.step([Step::look(
                self.commands.why(&parent.id),
                "says why it has not come to this one yet",
            )]),
            false => found,
        }
    }
}

//! Findings about an object that is not being deleted.

use rewitness_cascade::Protection;
use rewitness_crds::Reason;
use rewitness_crds::cascade::Mode;

use super::decision::Decision;
use crate::step::Step;
use crate::text::counted;
use crate::why::facts::{Holding, Subject};
use crate::why::verdict::{Finding, Weight};

impl Decision<'_> {
    /// That it is there because nobody has deleted it, and how one does: whoever asks why it is still
    /// there may have thought that it was deleted.
    pub(super) fn not_deleted(&self, subject: &Subject, others: &[Finding]) -> Option<Finding> {
        let mut parents = self.facts.belongings.iter().filter_map(|one| one.parent.as_ref().ok()?.as_ref());
        // Its turn comes; to be faster than its Cascade changes the order.
        if parents.any(|parent| parent.deleting.is_some()) {
            return None;
        }
        let message = match others.iter().any(|finding| finding.reason != Reason::FormerOne) {
            false => "nobody has deleted it, and nothing would keep it",
            true => "nobody has deleted it",
        };
        let finding = Finding::new(Weight::Note, Reason::NotDeleted, message);
        // What a cluster stands on is not deleted because somebody asked about it.
        match Protection::default().covers_kind(&subject.id.kind) {
            true => Some(finding),
            false => Some(finding.step([self.delete(subject)])),
        }
    }

    fn delete(&self, subject: &Subject) -> Step {
        let step = Step::choice(self.commands.delete(&subject.id), "deletes it, if that is what you want");
        let holdings = self.facts.holdings.get(&subject.id.uid).into_iter().flatten();
        let price: Vec<String> = holdings.filter_map(|holding| self.goes_with(holding)).collect();
        if price.is_empty() { step } else { step.caution(price.join("; ")) }
    }

    /// What goes with it by a Cascade in force.
    fn goes_with(&self, holding: &Holding) -> Option<String> {
        let name = &holding.cascade;
        match (self.facts.cascade(name), &holding.preview) {
            (Ok(Some(cascade)), _) if cascade.spec.mode == Mode::Plan => None,
            (_, Ok(preview)) if preview.is_complete() && preview.total == 0 => None,
            (_, Ok(preview)) => {
                let at_least = if preview.is_complete() { "" } else { "at least " };
                let count = counted(preview.total, "dependent goes", "dependents go");
                Some(format!("{at_least}{count} with it, by the Cascade {name}"))
            }
            (_, Err(_)) => Some(format!("what goes with it by the Cascade {name} is not known")),
        }
    }
}

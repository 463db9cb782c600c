//! Whether an operator is there: as far as can be seen by what it wrote.

use rewitness_crds::Cascade;
use rewitness_messaging::Timestamp;

use super::decision::{Decision, some, unknown};
use crate::check::report::{Check, Group, Result};
use crate::sources::name;
use crate::step::Step;
use crate::text::counted;
use crate::why::last_sign;

impl Decision<'_> {
    pub(super) fn operator(&self) -> Group {
        Group { id: "operator", title: "The operator", checks: vec![self.sign_of_life()] }
    }

    /// When an operator last wrote to any Cascade.
    pub(super) fn last_sign(&self) -> Option<Timestamp> {
        self.facts.known_cascades().iter().filter_map(last_sign).max()
    }

    /// An operator that has nothing to do writes nothing, so that silence alone says little. It does
    /// look at each Cascade that is new or edited.
    fn sign_of_life(&self) -> Check {
        let id = "sign-of-life";
        if let Err(unread) = &self.facts.cascades {
            return unknown(id, "whether an operator follows the Cascades", unread);
        }
        let cascades = self.facts.known_cascades();
        if cascades.is_empty() {
            return Check::new(id, Result::Note, "there is no Cascade, by which an operator could be seen");
        }
        let unseen: Vec<&str> =
            cascades.iter().filter(|cascade| self.is_overlooked(cascade)).map(name).collect();
        let sign = self.last_sign();
        let age = match sign {
            Some(at) => format!("its last sign of life is {} old", self.age(at)),
            None => "none has ever written to a Cascade".to_owned(),
        };
        match (sign, unseen.is_empty()) {
            (Some(at), true) if self.is_late(at) => {
                let message = format!(
                    "an operator wrote to a Cascade {} ago; one with nothing to do writes nothing, so whether it runs \
                     now cannot be seen",
                    self.age(at)
                );
                Check::new(id, Result::Note, message).step([self.commands.find_operator()])
            }
            (Some(_), true) => Check::ok(id, format!("an operator follows the Cascades: {age}")),
            (None, true) => {
                let message = format!("no operator has been seen yet: {age}");
                Check::new(id, Result::Warning, message).step(self.look_for_operator())
            }
            (_, false) => {
                let of = counted(unseen.len() as u64, "Cascade", "Cascades");
                let message = format!("no operator seems to follow {of}: {age}");
                let which = format!("no operator has looked at {}", some(unseen));
                Check::new(id, Result::Failed, message).detail([which]).step(self.look_for_operator())
            }
        }
    }

    fn look_for_operator(&self) -> [Step; 2] {
        let run =
            Step::act(self.commands.rewitness("run"), "follows the Cascades from here, with your rights")
                .caution("it deletes what the Cascades in force say; only if no operator runs");
        [self.commands.find_operator(), run]
    }

    /// Whether a Cascade waits for longer than it should to be looked at.
    pub(super) fn is_overlooked(&self, cascade: &Cascade) -> bool {
        !is_seen(cascade) && edited(cascade).is_none_or(|at| self.is_late(at))
    }
}

/// Whether the status is about what the Cascade says now.
pub(super) fn is_seen(cascade: &Cascade) -> bool {
    let observed = cascade.status.as_ref().and_then(|status| status.observed_generation);
    observed.is_some() && observed == cascade.metadata.generation
}

/// When somebody last wrote to a Cascade, beside its status.
fn edited(cascade: &Cascade) -> Option<Timestamp> {
    let entries = cascade.metadata.managed_fields.iter().flatten();
    let entries = entries.filter(|entry| entry.subresource.as_deref().unwrap_or_default().is_empty());
    let written = entries.filter_map(|entry| entry.time.as_ref().map(|time| time.0)).max();
    written.max(cascade.metadata.creation_timestamp.as_ref().map(|time| time.0))
}

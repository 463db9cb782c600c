//! Deletions that have been held for too long.

use rewitness_crds::Cascade;
use rewitness_crds::cascade::{HeldParent, finalizer};
use rewitness_messaging::{ResourceId, Timestamp, Uid};

use super::decision::{Decision, NAMED};
use crate::check::facts::{Carrier, Phase};
use crate::check::report::{Check, Result};
use crate::sources::{held_parents, name, parent_kind};
use crate::step::Step;
use crate::text::counted;

/// A deletion that is held for longer fails the check.
const LONG_SECONDS: i64 = 3600;

/// A parent that is being deleted, and held.
struct Held {
    parent: ResourceId,
    since: Option<Timestamp>,
    message: String,
}

impl Decision<'_> {
    pub(super) fn deletions(&self, cascade: &Cascade) -> Option<Check> {
        let (id, name) = ("deletions", name(cascade));
        let held = self.held(cascade);
        let mut long: Vec<(Timestamp, &Held)> = held
            .iter()
            .filter_map(|one| Some((one.since.filter(|since| self.is_long(*since))?, one)))
            .collect();
        long.sort_by_key(|(since, _)| *since);
        if long.is_empty() {
            // Without a status nobody knows, which another check says.
            cascade.status.as_ref()?;
            return Some(Check::ok(id, format!("no deletion of {name} is held for over an hour")));
        }
        let are_more = cascade.status.as_ref().is_some_and(|status| status.counts.held > held.len() as u64);
        let at_least = if are_more { "at least " } else { "" };
        let count = counted(long.len() as u64, "deletion has", "deletions have");
        let message = format!("{name}: {at_least}{count} been held for over an hour");
        let first = || long.iter().take(NAMED);
        let details = first().map(|(since, one)| {
            format!("{} for {}: {}", one.parent.qualified_name(), self.age(*since), one.message)
        });
        let check = Check::new(id, Result::Failed, message).detail(details);
        Some(check.step(first().map(|(_, one)| self.ask_why(&one.parent))))
    }

    pub(super) fn ask_why(&self, parent: &ResourceId) -> Step {
        Step::look(self.commands.why(parent), "says what keeps it, and what to do")
    }

    fn is_long(&self, since: Timestamp) -> bool {
        self.facts.now.as_second() - since.as_second() > LONG_SECONDS
    }

    /// The status names those that have been held the longest. An operator that has died writes no status
    /// of later ones, so that the objects that carry the finalizer count too.
    fn held(&self, cascade: &Cascade) -> Vec<Held> {
        let mut held: Vec<Held> = held_parents(cascade)
            .map(|held| Held {
                parent: held_parent(cascade, held),
                since: held.since,
                message: held.message.clone(),
            })
            .collect();
        for carrier in self.carriers(cascade).iter().filter(|carrier| carrier.deleting.is_some()) {
            match held.iter_mut().find(|one| one.parent.uid == carrier.id.uid) {
                Some(one) => one.since = one.since.or(carrier.deleting),
                None => held.push(Held {
                    parent: carrier.id.clone(),
                    since: carrier.deleting,
                    message: format!("the status of {} does not tell of it", name(cascade)),
                }),
            }
        }
        held
    }

    /// The objects that carry the finalizer of a Cascade, and are of the kind that it is about.
    fn carriers(&self, cascade: &Cascade) -> &[Carrier] {
        let Phase::After { scan } = &self.facts.phase else { return &[] };
        let (ours, kind) = (finalizer(name(cascade)), parent_kind(cascade));
        let found = scan.carried.iter().find(|carried| carried.finalizer == ours && carried.kind == kind);
        found.map_or(&[], |carried| &carried.objects)
    }
}

/// A parent that the status names.
pub(super) fn held_parent(cascade: &Cascade, held: &HeldParent) -> ResourceId {
    ResourceId {
        kind: parent_kind(cascade),
        namespace: held.namespace.as_deref().map(Into::into),
        name: (&*held.name).into(),
        uid: Uid::new(&held.uid),
    }
}

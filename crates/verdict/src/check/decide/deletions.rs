//! Deletions that have been held for too long.

use rewitness_crds::Cascade;
use rewitness_crds::cascade::{HeldParent, finalizer};
use rewitness_messaging::{ResourceId, Timestamp, Uid};

use super::decision::{Decision, NAMED};
use super::operator::name;
use super::parents::{parent, parent_kind};
use crate::check::facts::{Carried, Phase};
use crate::check::report::{Check, Result};
use crate::step::Step;
use crate::text::counted;

/// How long a deletion may be held before that is said.
const LONG_SECONDS: i64 = 3600;

/// A deletion that is held for longer.
struct Long {
    parent: ResourceId,
    since: Timestamp,
    said: String,
}

impl Decision<'_> {
    /// The status names those that have been held the longest, as far as an operator wrote it. One that
    /// has died since tells of none that came after, so that what carries the finalizer is asked too.
    pub(super) fn deletions(&self, cascade: &Cascade) -> Option<Check> {
        let (id, name) = ("deletions", name(cascade));
        let mut long: Vec<Long> = told(cascade).filter_map(|held| self.long(cascade, held)).collect();
        let is_short_told = told(cascade).count() > long.len();
        let carried = self.carried(cascade);
        let untold = carried.and_then(|carried| self.untold(cascade, carried, &long));
        let is_whole = is_short_told && untold.is_none();
        long.extend(untold);
        long.sort_by_key(|one| one.since);
        if long.is_empty() {
            // Without a status nobody knows, which another check says.
            cascade.status.as_ref()?;
            return Some(Check::ok(id, format!("no deletion of {name} is held for over an hour")));
        }
        let held = cascade.status.as_ref().map_or(0, |status| status.counts.held);
        let held = held.max(carried.map_or(0, |carried| carried.deleting));
        let at_least = if !is_whole && held > long.len() as u64 { "at least " } else { "" };
        let count = counted(long.len() as u64, "deletion has", "deletions have");
        let message = format!("{name}: {at_least}{count} been held for over an hour");
        let said = long.iter().take(NAMED).map(|one| {
            let place: String =
                one.parent.namespace.iter().map(|namespace| format!("{namespace}/")).collect();
            format!("{place}{} for {}: {}", one.parent.name, self.age(one.since), one.said)
        });
        let steps = long.iter().take(NAMED).map(|one| self.ask_why(&one.parent));
        Some(Check::new(id, Result::Failed, message).detail(said.collect::<Vec<_>>()).step(steps))
    }

    pub(super) fn ask_why(&self, parent: &ResourceId) -> Step {
        Step::look(self.commands.why(parent), "says what keeps it, and what to do")
    }

    fn is_long(&self, since: Timestamp) -> bool {
        self.facts.now.as_second() - since.as_second() > LONG_SECONDS
    }

    fn long(&self, cascade: &Cascade, held: &HeldParent) -> Option<Long> {
        let since = held.since.filter(|since| self.is_long(*since))?;
        Some(Long { parent: parent(cascade, held), since, said: held.message.clone() })
    }

    /// The objects that carry the finalizer of a Cascade, and are of the kind that it is about.
    fn carried(&self, cascade: &Cascade) -> Option<&Carried> {
        let Phase::After { survey } = &self.facts.phase else { return None };
        let (ours, kind) = (finalizer(name(cascade)), parent_kind(cascade));
        survey.carried.iter().find(|carried| carried.finalizer == ours && carried.kind == kind)
    }

    /// The oldest deletion, if it is long and the status does not say so.
    fn untold(&self, cascade: &Cascade, carried: &Carried, long: &[Long]) -> Option<Long> {
        let oldest = carried.oldest.as_ref().filter(|oldest| self.is_long(oldest.since))?;
        if long.iter().any(|one| one.parent.uid == oldest.object.uid) {
            return None;
        }
        let said = match told(cascade).find(|held| Uid::new(&held.uid) == oldest.object.uid) {
            Some(held) => held.message.clone(),
            None => format!("the status of {} does not tell of it", name(cascade)),
        };
        Some(Long { parent: oldest.object.clone(), since: oldest.since, said })
    }
}

/// The parents that the status names.
fn told(cascade: &Cascade) -> impl Iterator<Item = &HeldParent> {
    cascade.status.iter().flat_map(|status| &status.held_parents)
}

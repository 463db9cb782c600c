//! Finalizers of ours, and whether a rule owns them.

use std::collections::BTreeSet;

use rewitness_crds::cascade::{Mode, is_finalizer};
use rewitness_crds::{Cascade, Command};

use super::decision::{Decision, some, unknown};
use crate::check::facts::{Carried, Carrier, Scan};
use crate::check::report::{Check, Group, Result};
use crate::sources::{name, parent_kind};
use crate::step::Step;
use crate::text::{counted, thousands};
use crate::why::NO_RULE;

/// What is better than taking finalizers off by hand.
const AGAIN: &str = "apply it again instead: an operator sees to them then";

/// How many objects are named, of each finalizer and kind.
const EXAMPLES: usize = 3;

impl Decision<'_> {
    pub(super) fn finalizers(&self, scan: &Scan) -> Group {
        let title = "Finalizers of ours";
        if let Err(unread) = &self.facts.served {
            let check = unknown("finalizers", "where finalizers of ours are", unread);
            return Group { id: "finalizers", title, checks: vec![check] };
        }
        let (of_cascades, holds): (Vec<&Carried>, Vec<&Carried>) =
            scan.carried.iter().partition(|carried| is_finalizer(&carried.finalizer));
        let mut checks: Vec<Check> =
            of_cascades.iter().filter_map(|carried| self.without_rule(carried)).collect();
        if checks.is_empty() {
            let owned = of_cascades.iter().map(|carried| carried.objects.len() as u64).sum();
            let (kinds, objects) = (counted(scan.kinds, "kind", "kinds"), thousands(scan.objects));
            let carry = counted(owned, "carries", "carry");
            let message = format!(
                "none is without a rule: of {objects} objects of {kinds}, {carry} a Cascade's finalizer"
            );
            checks.push(Check::ok("owned", message));
        }
        checks.extend(holds.iter().map(|carried| self.hold(carried)));
        checks.extend(self.not_looked_at(scan));
        Group { id: "finalizers", title, checks }
    }

    /// A finalizer that no rule owns, or not everywhere; `None` if one does.
    fn without_rule(&self, carried: &Carried) -> Option<Check> {
        let rule = named(carried);
        let has = self.carry(carried, carried.objects.len());
        let unknown = |why: &str| {
            let message = format!("{has}; whether a Cascade {rule} is there is unknown: {why}");
            Some(Check::new("unowned", Result::Unknown, message).detail([examples(carried)]))
        };
        let cascades = match &self.facts.cascades {
            Ok(cascades) => cascades,
            Err(unread) => return unknown(&unread.to_string()),
        };
        let release = |force: bool| self.release(&format!("cascade/{rule}"), carried, force);
        let effect =
            "removes it from all of them; what is being deleted and waits for nothing else goes then";
        let (message, again, step) = match cascades.items.iter().find(|cascade| name(cascade) == rule) {
            None if cascades.is_cut => return unknown("there are too many Cascades"),
            None => (
                format!("{has}, and there is no Cascade {rule}"),
                Some(format!("if the Cascade {rule} should be there, {AGAIN}")),
                Step::last_resort(release(false), effect, NO_RULE),
            ),
            Some(cascade) if parent_kind(cascade) != carried.kind => (
                format!("{has}, and the Cascade {rule} is about {}", parent_kind(cascade)),
                Some(format!("if the Cascade {rule} should be about {}, {AGAIN}", carried.kind)),
                Step::last_resort(release(true), effect, NO_RULE),
            ),
            // Without force, which a Cascade that is in force again by then would need.
            Some(cascade) if cascade.spec.mode == Mode::Plan => (
                format!("{has}, and the Cascade {rule} only plans: its operator removes it"),
                None,
                Step::act(release(false), effect).caution("only if no operator runs"),
            ),
            Some(cascade) => return self.outside(cascade, carried),
        };
        let check = Check::new("unowned", Result::Failed, message).detail([examples(carried)]);
        Some(check.detail(again).step([step]))
    }

    /// Parents that carry the finalizer in namespaces that the rule leaves out.
    fn outside(&self, cascade: &Cascade, carried: &Carried) -> Option<Check> {
        let within = cascade.spec.parent.namespaces.as_ref()?;
        let is_outside =
            |namespace: &str| !namespace.is_empty() && !within.iter().any(|one| one == namespace);
        let outside: Vec<(&str, &Carrier)> = carried
            .objects
            .iter()
            .filter_map(|one| Some((one.id.namespace.as_deref().filter(|name| is_outside(name))?, one)))
            .collect();
        let (_, first) = outside.first()?;
        let has = self.carry(carried, outside.len());
        let message = format!("{has} outside of the namespaces of the Cascade {}", name(cascade));
        let places: BTreeSet<&str> = outside.iter().map(|(namespace, _)| *namespace).collect();
        let places = some(places);
        let check = Check::new("outside", Result::Warning, message).detail([format!("in {places}")]);
        Some(check.step([self.ask_why(&first.id)]))
    }

    /// What somebody holds by hand is no rule's, and their business.
    fn hold(&self, carried: &Carried) -> Check {
        let hold = named(carried);
        let has = self.carry(carried, carried.objects.len());
        let message = format!("{has}, added by `rewitness tail --hold {hold}`");
        let release = Step::act(self.release(hold, carried, false), "removes it from all of them")
            .caution("only if nothing is to be cleaned up for them any more");
        Check::new("holds", Result::Note, message).detail([examples(carried)]).step([release])
    }

    /// Removes a finalizer of ours from all objects of a kind; `name` as `cascade/project`, or as `demo`.
    fn release(&self, name: &str, carried: &Carried, force: bool) -> Command {
        let mut unhold = self.commands.rewitness("unhold").word(name).word(self.commands.kind(&carried.kind));
        if carried.namespaced {
            unhold = unhold.flag("-A");
        }
        if force { unhold.flag("--force") } else { unhold }
    }

    /// `3 projects.example.com carry cascade.rewitness.dev/project`.
    fn carry(&self, carried: &Carried, count: usize) -> String {
        let (kind, verb) = (self.commands.kind(&carried.kind), if count == 1 { "carries" } else { "carry" });
        format!("{} {verb} {}", counted(count as u64, &kind, &kind), carried.finalizer)
    }

    fn not_looked_at(&self, scan: &Scan) -> Vec<Check> {
        let mut checks = Vec::new();
        let mut unknown = |why: String, details: Vec<String>, step: Option<Step>| {
            let message = format!("whether there are others is unknown: {why}");
            checks.push(Check::new("not-looked-at", Result::Unknown, message).detail(details).step(step));
        };
        if let Some(first) = scan.forbidden.first() {
            let kinds = counted(scan.forbidden.len() as u64, "kind", "kinds");
            let step = Step::look(
                self.commands.kubectl("auth can-i list").flag("-A").word(first),
                "asks once more; who administers the cluster can grant it",
            );
            let lacks = format!("you lack the right to list {}", some(&scan.forbidden));
            unknown(format!("you may not list {kinds}"), vec![lacks], Some(step));
        }
        if !scan.unread.is_empty() {
            let kinds = counted(scan.unread.len() as u64, "kind", "kinds");
            unknown(format!("{kinds} could not be listed"), vec![some(&scan.unread)], None);
        }
        if !scan.cut.is_empty() {
            let why = format!("there is more than is looked at of {}", some(&scan.cut));
            unknown(why, Vec::new(), None);
        }
        let broken = self.facts.served.as_ref().map(|served| &*served.broken).unwrap_or_default();
        if !broken.is_empty() {
            unknown(format!("the server does not say what it serves as {}", some(broken)), Vec::new(), None);
        }
        checks
    }
}

/// The name in `cascade.rewitness.dev/NAME`, or in `hold.rewitness.dev/NAME`.
fn named(carried: &Carried) -> &str {
    carried.finalizer.split_once('/').map_or("", |(_, name)| name)
}

fn examples(carried: &Carried) -> String {
    let objects = &carried.objects;
    let named: Vec<String> = objects.iter().take(EXAMPLES).map(|one| one.id.qualified_name()).collect();
    let more = if objects.len() > EXAMPLES { ", …" } else { "" };
    let deleting = match objects.iter().filter(|one| one.deleting.is_some()).count() as u64 {
        0 => String::new(),
        count => format!("; {} being deleted", counted(count, "of them is", "of them are")),
    };
    format!("{}{more}{deleting}", named.join(", "))
}

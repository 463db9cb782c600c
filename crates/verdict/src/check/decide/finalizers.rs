//! Finalizers of ours, and whether a rule owns them.

use rewitness_crds::cascade::{Mode, is_finalizer};
use rewitness_crds::{Cascade, Command};

use super::decision::{Decision, some, unknown};
use super::operator::name;
use super::parents::parent_kind;
use crate::check::facts::{Carried, Place, Survey};
use crate::check::report::{Check, Group, Result};
use crate::step::Step;
use crate::text::{counted, thousands};
use crate::why::NO_RULE;

/// What is better than taking finalizers off by hand.
const AGAIN: &str = "apply it again instead: an operator sees to them then";

/// Who takes a Cascade's finalizer off.
enum Owner<'a> {
    /// The operator that follows the Cascade.
    Rule(&'a Cascade),
    /// There is no Cascade of the name.
    Nobody,
    /// The Cascade of the name is about another kind.
    OtherKind(String),
    /// The Cascade of the name only plans, and its operator lets go.
    Planning,
    Unknown(String),
}

impl Decision<'_> {
    pub(super) fn finalizers(&self, survey: &Survey) -> Group {
        let title = "Finalizers of ours";
        if let Err(unread) = &self.facts.served {
            let check = unknown("finalizers", "where finalizers of ours are", unread);
            return Group { id: "finalizers", title, checks: vec![check] };
        }
        let (of_cascades, holds): (Vec<&Carried>, Vec<&Carried>) =
            survey.carried.iter().partition(|carried| is_finalizer(&carried.finalizer));
        let mut checks: Vec<Check> =
            of_cascades.iter().filter_map(|carried| self.without_rule(carried)).collect();
        if checks.is_empty() {
            let owned: u64 = of_cascades.iter().map(|carried| carried.count).sum();
            let (kinds, objects) = (counted(survey.kinds, "kind", "kinds"), thousands(survey.objects));
            let carry = counted(owned, "carries", "carry");
            let message = format!(
                "none is without a rule: of {objects} objects of {kinds}, {carry} a Cascade's finalizer"
            );
            checks.push(Check::ok("owned", message));
        }
        checks.extend(holds.iter().map(|carried| self.hold(carried)));
        checks.extend(self.not_looked_at(survey));
        Group { id: "finalizers", title, checks }
    }

    fn owner(&self, carried: &Carried) -> Owner<'_> {
        let cascades = match &self.facts.cascades {
            Ok(cascades) => cascades,
            Err(unread) => return Owner::Unknown(unread.to_string()),
        };
        let rule = cascade_name(carried);
        let found = cascades.items.iter().find(|cascade| name(cascade) == rule);
        match found {
            None if cascades.is_cut => Owner::Unknown("there are too many Cascades".to_owned()),
            None => Owner::Nobody,
            Some(cascade) if parent_kind(cascade) != carried.kind => {
                Owner::OtherKind(parent_kind(cascade).to_string())
            }
            Some(cascade) if is_planning(cascade) => Owner::Planning,
            Some(cascade) => Owner::Rule(cascade),
        }
    }

    /// A finalizer that no rule owns, or not everywhere; `None` if one does.
    fn without_rule(&self, carried: &Carried) -> Option<Check> {
        let (rule, typed) = (cascade_name(carried), format!("cascade/{}", cascade_name(carried)));
        let has = carry(carried, &self.commands.kind(&carried.kind));
        let effect = "takes it off all of them; what is being deleted and waits for nothing else goes then";
        let release = |force: bool| Step::last_resort(self.release(&typed, carried, force), effect, NO_RULE);
        let (message, again, step) = match self.owner(carried) {
            Owner::Rule(cascade) => return self.outside(cascade, carried),
            Owner::Unknown(why) => {
                let message = format!("{has}; whether a Cascade {rule} is there is unknown: {why}");
                return Some(Check::new("unowned", Result::Unknown, message).detail(examples(carried)));
            }
            Owner::Nobody => (
                format!("{has}, and there is no Cascade {rule}"),
                Some(format!("if the Cascade {rule} should be there, {AGAIN}")),
                release(false),
            ),
            Owner::OtherKind(kind) => (
                format!("{has}, and the Cascade {rule} is about {kind}"),
                Some(format!("if the Cascade {rule} should be about {}, {AGAIN}", carried.kind)),
                release(true),
            ),
            // Without force, which a Cascade that is in force again by then would need.
            Owner::Planning => (
                format!("{has}, and the Cascade {rule} only plans: its operator takes it off"),
                None,
                Step::act(self.release(&typed, carried, false), effect).caution("only if no operator runs"),
            ),
        };
        let check = Check::new("unowned", Result::Failed, message).detail(examples(carried));
        Some(check.detail(again).step([step]))
    }

    /// Parents that carry the finalizer in namespaces that the rule leaves out.
    fn outside(&self, cascade: &Cascade, carried: &Carried) -> Option<Check> {
        let within = cascade.spec.parent.namespaces.as_ref()?;
        let is_outside = |namespace: &String| !namespace.is_empty() && !within.contains(namespace);
        let outside: Vec<(&String, &Place)> =
            carried.places.iter().filter(|(namespace, _)| is_outside(namespace)).collect();
        let (_, first) = outside.first()?;
        let has = Carried { count: outside.iter().map(|(_, place)| place.count).sum(), ..carried.clone() };
        let has = carry(&has, &self.commands.kind(&carried.kind));
        let message = format!("{has} outside of the namespaces of the Cascade {}", name(cascade));
        let places = some(outside.iter().map(|(namespace, _)| namespace));
        let check = Check::new("outside", Result::Warning, message).detail([format!("in {places}")]);
        Some(check.step([self.ask_why(&first.object)]))
    }

    /// What somebody holds by hand is no rule's, and their business.
    fn hold(&self, carried: &Carried) -> Check {
        let hold = carried.finalizer.split_once('/').map_or("", |(_, hold)| hold);
        let message = format!(
            "{}, put on by `rewitness tail --hold {hold}`",
            carry(carried, &self.commands.kind(&carried.kind))
        );
        let release = Step::act(self.release(hold, carried, false), "takes it off all of them")
            .caution("only if nothing is to be cleaned up for them any more");
        Check::new("holds", Result::Note, message).detail(examples(carried)).step([release])
    }

    /// Removes a finalizer of ours from all objects of a kind; `name` as `cascade/project`, or as `demo`.
    fn release(&self, name: &str, carried: &Carried, force: bool) -> Command {
        let mut unhold = self.commands.rewitness("unhold").word(name).word(self.commands.kind(&carried.kind));
        if carried.namespaced {
            unhold = unhold.flag("-A");
        }
        if force { unhold.flag("--force") } else { unhold }
    }

    fn not_looked_at(&self, survey: &Survey) -> Vec<Check> {
        let mut checks = Vec::new();
        let mut unknown = |why: String, details: Vec<String>, step: Option<Step>| {
            let message = format!("whether there are others is unknown: {why}");
            checks.push(Check::new("not-looked-at", Result::Unknown, message).detail(details).step(step));
        };
        if let Some(first) = survey.forbidden.first() {
            let kinds = counted(survey.forbidden.len() as u64, "kind", "kinds");
            let step = Step::look(
                self.commands.kubectl("auth can-i list").flag("-A").word(first),
                "asks once more; who administers the cluster can grant it",
            );
            let lacks = format!("you lack the right to list {}", some(&survey.forbidden));
            unknown(format!("you may not list {kinds}"), vec![lacks], Some(step));
        }
        if !survey.unread.is_empty() {
            let kinds = counted(survey.unread.len() as u64, "kind", "kinds");
            unknown(format!("{kinds} could not be listed"), vec![some(&survey.unread)], None);
        }
        if !survey.cut.is_empty() {
            let why = format!("there is more than is looked at of {}", some(&survey.cut));
            unknown(why, Vec::new(), None);
        }
        let broken = self.facts.served.as_ref().map(|served| &*served.broken).unwrap_or_default();
        if !broken.is_empty() {
            unknown(format!("the server does not say what it serves as {}", some(broken)), Vec::new(), None);
        }
        checks
    }
}

fn is_planning(cascade: &Cascade) -> bool {
    cascade.spec.mode == Mode::Plan
}

/// The name in `cascade.rewitness.dev/NAME`.
fn cascade_name(carried: &Carried) -> &str {
    carried.finalizer.split_once('/').map_or("", |(_, name)| name)
}

/// `3 projects.example.com carry cascade.rewitness.dev/project`.
fn carry(carried: &Carried, kind: &str) -> String {
    let verb = if carried.count == 1 { "carries" } else { "carry" };
    format!("{} {verb} {}", counted(carried.count, kind, kind), carried.finalizer)
}

fn examples(carried: &Carried) -> Vec<String> {
    let more = if carried.count > carried.examples.len() as u64 { ", …" } else { "" };
    let named = format!("{}{more}", carried.examples.join(", "));
    let deleting = match carried.deleting {
        0 => String::new(),
        count => format!("; {} being deleted", counted(count, "of them is", "of them are")),
    };
    vec![format!("{named}{deleting}")]
}

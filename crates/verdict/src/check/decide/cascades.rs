//! The Cascades, one by one.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use rewitness_crds::Cascade;
use rewitness_crds::cascade::{Mode, condition};
use rewitness_messaging::Kind;

use super::decision::{Decision, NAMED, some, unknown};
use super::deletions::held_parent;
use super::operator::is_seen;
use crate::check::report::{Check, Group, Result};
use crate::sources::{dependent_kind, dependents, held_parents, name, parent_kind};
use crate::step::Step;
use crate::text::counted;

/// Reasons for which a Cascade is not ready that have a check of their own.
const CHECKED_BELOW: [&str; 3] = ["MissingRights", "KindNotServed", "NotSynced"];

impl Decision<'_> {
    pub(super) fn cascades(&self) -> Group {
        let mut checks: Vec<Check> = Vec::new();
        match &self.facts.cascades {
            Err(unread) => checks.push(unknown("cascades", "which Cascades there are", unread)),
            Ok(list) => {
                if list.items.is_empty() {
                    checks.push(Check::new("cascades", Result::Note, "there is no Cascade yet"));
                }
                list.items.iter().for_each(|cascade| checks.extend(self.cascade(cascade)));
                if list.is_cut {
                    let message = format!("there are more Cascades than the {} above", list.items.len());
                    checks.push(Check::new("cascades", Result::Unknown, message));
                }
            }
        }
        Group { id: "cascades", title: "The Cascades", checks }
    }

    fn cascade(&self, cascade: &Cascade) -> Vec<Check> {
        let mut checks = vec![self.ready(cascade), self.kinds(cascade)];
        // Without a status nobody knows the rest, which the first of them says.
        if cascade.status.is_some() {
            checks.extend(self.authorized(cascade));
            checks.extend(self.synced(cascade));
            checks.push(self.limits(cascade));
        }
        checks.extend(self.deletions(cascade));
        checks.into_iter().map(|check| check.of_cascade(name(cascade))).collect()
    }

    fn ready(&self, cascade: &Cascade) -> Check {
        let (id, name) = ("ready", name(cascade));
        if let Some(since) = &cascade.metadata.deletion_timestamp {
            let message = format!(
                "{name} has been Terminating for {}: it goes once an operator has let go of its parents",
                self.age(since.0)
            );
            let result = if self.is_late(since.0) { Result::Failed } else { Result::Warning };
            return Check::new(id, result, message).step([self.commands.describe_cascade(name)]);
        }
        if !is_seen(cascade) {
            let what = if cascade.status.is_some() { "the last edit of " } else { "" };
            let message = format!("no operator has looked at {what}{name} yet");
            let result = if self.is_overlooked(cascade) { Result::Failed } else { Result::Warning };
            return Check::new(id, result, message).step([self.commands.find_operator()]);
        }
        let Some(ready) = of(cascade, condition::READY) else {
            return Check::new(
                id,
                Result::Unknown,
                format!("its status does not say whether {name} is ready"),
            );
        };
        match &*ready.status {
            "True" => self.in_force(cascade, ready),
            "False" if CHECKED_BELOW.contains(&&*ready.reason) => {
                Check::new(id, Result::Failed, format!("{name} is not ready: {} (below)", ready.reason))
            }
            "False" => Check::new(id, Result::Failed, format!("{name} is not ready: {}", quoted(ready)))
                .step([
                    Step::act(self.commands.edit_cascade(name), "changes the rule"),
                    self.commands.describe_cascade(name),
                ]),
            _ => {
                let message = format!("whether {name} is ready is unknown: {}", quoted(ready));
                Check::new(id, Result::Unknown, message).step([self.commands.describe_cascade(name)])
            }
        }
    }

    fn in_force(&self, cascade: &Cascade, ready: &Condition) -> Check {
        let (id, name) = ("ready", name(cascade));
        if cascade.spec.suspend {
            let what = format!("{name} is suspended: parents are held, and nothing is deleted");
            return Check::new(id, Result::Warning, what).step([self.commands.resume(name)]);
        }
        let counts = cascade.status.as_ref().map(|status| status.counts).unwrap_or_default();
        let parents = counted(counts.parents, "parent", "parents");
        match cascade.spec.mode {
            Mode::Enforce => {
                Check::ok(id, format!("{name} is in force: {parents}, {} being deleted", counts.held))
            }
            Mode::Plan => Check::ok(id, format!("{name} only plans: {parents} ({})", ready.reason)),
        }
    }

    /// By what the server serves now, and not by what the status says.
    fn kinds(&self, cascade: &Cascade) -> Check {
        let (id, name) = ("kinds", name(cascade));
        let served = match &self.facts.served {
            Ok(served) => served,
            Err(unread) => return unknown(id, &format!("whether the kinds of {name} are served"), unread),
        };
        let named = dependents(cascade).map(dependent_kind);
        let kinds: BTreeSet<Kind> = named.chain([parent_kind(cascade)]).collect();
        let with = |wanted: Option<bool>| {
            let found = kinds.iter().filter(|kind| served.serves(kind) == wanted);
            found.map(ToString::to_string).collect::<Vec<_>>()
        };
        let (missing, silent) = (with(Some(false)), with(None));
        let look = self.commands.list_types();
        if !missing.is_empty() {
            let message = format!("the server does not serve {}, which {name} names", some(missing));
            let edit = Step::act(self.commands.edit_cascade(name), "drop the kind there, or bring it back");
            return Check::new(id, Result::Failed, message).step([edit, look]);
        }
        if !silent.is_empty() {
            let message = format!("whether the server serves {} is unknown: it does not say", some(silent));
            return Check::new(id, Result::Unknown, message).step([look]);
        }
        Check::ok(id, format!("the kinds of {name} are served"))
    }

    fn authorized(&self, cascade: &Cascade) -> Option<Check> {
        let (id, name) = ("authorized", name(cascade));
        let found = of(cascade, condition::AUTHORIZED)?;
        Some(match &*found.status {
            "True" => Check::ok(id, format!("the operator has the rights that {name} needs")),
            "False" => {
                // The rules that grant them follow; `rbac` prints them whole.
                let lacks = found.message.split("; by these rules").next().unwrap_or_default().to_owned();
                let message = format!("the operator lacks rights that {name} needs");
                Check::new(id, Result::Failed, message).detail([lacks]).step([self.commands.grant()])
            }
            _ => {
                let message = format!("whether the operator has the rights that {name} needs is unknown");
                Check::new(id, Result::Unknown, message)
                    .detail([quoted(found)])
                    .step([self.commands.describe_cascade(name)])
            }
        })
    }

    fn synced(&self, cascade: &Cascade) -> Option<Check> {
        let (id, name) = ("synced", name(cascade));
        let found = of(cascade, condition::SYNCED)?;
        if found.status == "True" {
            return Some(Check::ok(id, format!("the parents of {name} are listed and watched")));
        }
        // Another check has the cause, and its way out.
        let ready = of(cascade, condition::READY).map(|ready| &*ready.reason);
        let is_consequence = ready.is_some_and(|reason| reason != "NotSynced");
        let result = if is_consequence { Result::Note } else { Result::Failed };
        let message = format!("the parents of {name} are not watched");
        let check = Check::new(id, result, message).detail([quoted(found)]);
        Some(if is_consequence { check } else { check.step([self.commands.describe_cascade(name)]) })
    }

    fn limits(&self, cascade: &Cascade) -> Check {
        let (id, name) = ("limits", name(cascade));
        let Some(over) = of(cascade, condition::LIMIT_EXCEEDED).filter(|one| one.status == "True") else {
            return Check::ok(id, format!("no deletion of {name} waits for a confirmation"));
        };
        let waiting = held_parents(cascade).filter(|held| held.reason == "LimitExceeded");
        let steps = waiting.take(NAMED).map(|held| {
            let confirm = self.commands.confirm(name, &held_parent(cascade, held));
            Step::act(confirm, "shows what would be deleted, and asks")
        });
        Check::new(id, Result::Warning, format!("{name}: deletions wait for a confirmation"))
            .detail([over.message.clone()])
            .step(steps)
    }
}

/// The condition of a Cascade of this type.
fn of<'a>(cascade: &'a Cascade, kind: &str) -> Option<&'a Condition> {
    cascade.status.as_ref()?.conditions.iter().find(|one| one.type_ == kind)
}

fn quoted(condition: &Condition) -> String {
    format!("{}: {}", condition.reason, condition.message)
}

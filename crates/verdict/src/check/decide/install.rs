//! Before installing: whether the caller may, and what is there already.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use rewitness_crds::CASCADES;

use super::decision::{Decision, some, unknown};
use super::definition::difference;
use crate::check::facts::{Asked, Purpose};
use crate::check::report::{Check, Group, Result};
use crate::read::Unread;
use crate::step::Step;
use crate::text::counted;

/// What somebody who installs does, and with which rights.
const STEPS: [(&str, Purpose, &str); 3] = [
    ("install-definition", Purpose::Definition, "apply the definition of Cascade"),
    ("install-roles", Purpose::Roles, "apply the roles that `rewitness rbac` prints"),
    ("install-binding", Purpose::Binding, "bind them to the operator's account"),
];

impl Decision<'_> {
    pub(super) fn rights(&self, rights: &[Asked]) -> Group {
        let mut checks: Vec<Check> = STEPS.iter().map(|step| self.step_of(rights, *step)).collect();
        checks.push(self.grants(rights));
        Group { id: "rights", title: "Your rights to install", checks }
    }

    fn step_of(&self, rights: &[Asked], (id, purpose, what): (&'static str, Purpose, &str)) -> Check {
        let (missing, unread) = sifted(rights, purpose);
        if let Some(unread) = unread {
            return unknown(id, &format!("whether you may {what}"), unread);
        }
        if missing.is_empty() {
            return Check::ok(id, format!("you may {what}"));
        }
        let message = format!("you may not {what}");
        Check::new(id, Result::Failed, message).detail([lacking(&missing)]).step(self.ask_for(&missing))
    }

    /// The server lets nobody grant by a role what they do not have, unless they may escalate, and
    /// bind.
    fn grants(&self, rights: &[Asked]) -> Check {
        let id = "install-grants";
        let (no_escape, unread) = sifted(rights, Purpose::Escalation);
        if unread.is_none() && no_escape.is_empty() {
            return Check::ok(id, "you may grant the operator what you do not have yourself");
        }
        let (missing, unread) = sifted(rights, Purpose::Granted);
        if let Some(unread) = unread {
            return unknown(id, "whether you may grant the operator what it needs", unread);
        }
        if missing.is_empty() {
            let message = "you may grant the operator what it needs for itself, as you have it; \
                           what its Cascades need is seen once there are some";
            return Check::ok(id, message);
        }
        let message = "you may not grant the operator what it needs for itself: the server lets nobody grant what \
                       they do not have";
        Check::new(id, Result::Failed, message).detail([lacking(&missing)]).step(self.ask_for(&missing))
    }

    fn ask_for(&self, missing: &[&Asked]) -> Option<Step> {
        let first = missing.first()?;
        let effect = "asks once more; who administers the cluster can grant it";
        Some(Step::look(self.commands.can_i(&first.right), effect))
    }

    pub(super) fn present(&self) -> Group {
        let mut checks = Vec::new();
        match &self.facts.definition {
            Err(unread) => checks.push(unknown("present-definition", "whether Cascade is installed", unread)),
            Ok(None) => checks.push(Check::ok("present-definition", "Cascade is not installed yet")),
            Ok(Some(definition)) => {
                checks.push(self.present_definition(definition));
                checks.push(self.uninstall(definition));
            }
        }
        checks.push(self.present_operator());
        Group { id: "present", title: "What is there already", checks }
    }

    fn present_definition(&self, definition: &CustomResourceDefinition) -> Check {
        let id = "present-definition";
        let age = definition.metadata.creation_timestamp.as_ref();
        let age = age.map(|time| format!(", for {}", self.age(time.0))).unwrap_or_default();
        let entries = definition.metadata.managed_fields.iter().flatten();
        let ours = entries.filter(|entry| entry.subresource.as_deref().unwrap_or_default().is_empty());
        let mut writers: Vec<&str> = ours.filter_map(|entry| entry.manager.as_deref()).collect();
        writers.dedup();
        let versions = some(definition.spec.versions.iter().map(|version| &version.name));
        let is_same = difference(definition).is_none();
        let details = [format!("versions: {versions}"), format!("written by {}", some(writers))];
        let (result, message) = match is_same {
            true => (Result::Note, format!("{CASCADES} is installed already{age}, as this program has it")),
            false => (
                Result::Warning,
                format!("{CASCADES} is installed already{age}, and differs from this program's"),
            ),
        };
        let check = Check::new(id, result, message).detail(details);
        if is_same { check } else { check.step([self.compare()]) }
    }

    fn present_operator(&self) -> Check {
        let id = "present-operator";
        if let Err(unread) = &self.facts.cascades {
            return unknown(id, "whether an operator follows Cascades here", unread);
        }
        let cascades = self.facts.known_cascades();
        let there = counted(cascades.len() as u64, "Cascade", "Cascades");
        match self.last_sign() {
            None if cascades.is_empty() => {
                Check::ok(id, "no operator follows Cascades here, as there are none")
            }
            None => Check::ok(id, format!("no operator has ever written to one of the {there}")),
            Some(at) => {
                let message = format!(
                    "an operator has written to Cascades here {} ago; only one may follow a Cascade at a time",
                    self.age(at)
                );
                Check::new(id, Result::Warning, message).step([self.commands.find_operator()])
            }
        }
    }
}

/// The rights of a purpose that are missing, and why one of them is unknown.
fn sifted(rights: &[Asked], purpose: Purpose) -> (Vec<&Asked>, Option<&Unread>) {
    let of = || rights.iter().filter(move |asked| asked.purpose == purpose);
    let missing = of().filter(|asked| asked.granted == Ok(false)).collect();
    (missing, of().find_map(|asked| asked.granted.as_ref().err()))
}

fn lacking(missing: &[&Asked]) -> String {
    format!("you lack: {}", some(missing.iter().map(|asked| &asked.right)))
}

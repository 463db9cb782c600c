use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use rewitness_crds::cascade::{
    Limits, Mode, Planned, Revision, Stage, condition, confirm_annotation, record_annotation,
};
use rewitness_crds::{CascadeStatus, Command, Reason};
use rewitness_messaging::Timestamp;

use super::check::RuleCheck;
use super::ledger::Ledger;
use super::plan::Refused;
use super::planned::planned;
use super::report::{DeletionState, Report};
use super::rights::{policy_rules_in_line, some as some_texts};
use super::rule::{InvalidRule, Rule};
use super::waits::clipped;

/// How many revisions of a rule are kept, beside those by which deletions are under way.
const REVISIONS: usize = 5;

/// How many parents a condition names.
const NAMED: usize = 3;

/// How many bytes a condition's message has. The schema refuses a status with one of over 32,768 characters.
const MESSAGE: usize = 4096;

/// What is known of a rule, beside its deletions.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The generation of the Cascade.
    pub generation: i64,
    /// What it makes.
    pub rule: Result<&'a Rule, &'a InvalidRule>,
    /// Whether it can be followed; `None` until that was found out, or why it could not be.
    pub check: Option<Result<&'a RuleCheck, &'a str>>,
    /// How many parents there are.
    pub parents: u64,
    /// Why the parents are not listed and watched; `None` if they are.
    pub unsynced: Option<&'a str>,
    /// Of how many parents somebody else keeps removing the finalizer.
    pub contested: u64,
    /// Why the operator does not follow the rule at all, whatever its check says: the reason, and a text
    /// for people.
    pub withheld: Option<(Reason, &'a str)>,
    /// What refers to the parents, as [`CountTables::planned`](super::CountTables::planned) has it;
    /// `None` while that is not known. It is shown in mode Plan.
    pub planned: Option<&'a Planned>,
}

/// The status of a Cascade, from what is known and from what it was before; equal to what it was if
/// nothing has changed.
pub fn status(before: &CascadeStatus, facts: &Facts<'_>, ledger: &Ledger, now: Timestamp) -> CascadeStatus {
    let mut status = before.clone();
    status.observed_generation = Some(facts.generation);
    status.counts.parents = facts.parents;
    status.planned = match facts.rule {
        Ok(rule) if rule.mode == Mode::Plan => planned(before.planned.as_ref(), facts.planned, now),
        _ => None,
    };
    ledger.write(&mut status, now);
    let values = [
        (condition::READY, ready(facts)),
        (condition::AUTHORIZED, authorized(facts)),
        (condition::SYNCED, synced(facts)),
        (condition::SUSPENDED, suspended(facts)),
        (condition::LIMIT_EXCEEDED, limit_exceeded(facts, ledger)),
        (condition::BLOCKED, blocked(facts, ledger, now)),
    ];
    status.conditions =
        values.map(|(kind, value)| value.condition(kind, &before.conditions, facts.generation, now)).into();
    status
}

/// The revisions that a status keeps, once the rule says this: the newest five, and beyond them
/// those by which deletions are under way, which are `in_use`.
pub fn keep_revision(
    kept: &[Revision],
    rule: &Rule,
    (stages, limits): (&[Stage], Limits),
    generation: i64,
    in_use: &[&str],
) -> Vec<Revision> {
    let hash = rule.revision();
    let first = kept.iter().find(|one| one.hash == hash).map_or(generation, |one| one.generation);
    let current = Revision { hash: hash.to_owned(), generation: first, stages: stages.to_vec(), limits };
    let earlier = kept.iter().filter(|one| one.hash != hash);
    let worth = |(place, one): &(usize, &Revision)| *place + 1 < REVISIONS || in_use.contains(&&*one.hash);
    let earlier = earlier.enumerate().filter(worth).map(|(_, one)| one.clone());
    std::iter::once(current).chain(earlier).collect()
}

/// A condition's value, before it is known since when.
struct Value {
    status: &'static str,
    reason: Reason,
    message: String,
}

impl Value {
    fn new(status: &'static str, reason: Reason, message: impl Into<String>) -> Self {
        Self { status, reason, message: message.into() }
    }

    fn condition(self, kind: &str, before: &[Condition], generation: i64, now: Timestamp) -> Condition {
        let since = before.iter().find(|one| one.type_ == kind && one.status == self.status);
        Condition {
            type_: kind.to_owned(),
            status: self.status.to_owned(),
            reason: self.reason.to_string(),
            message: self.message,
            observed_generation: Some(generation),
            last_transition_time: since.map_or(Time(now), |one| one.last_transition_time.clone()),
        }
    }
}

fn ready(facts: &Facts<'_>) -> Value {
    let rule = match facts.rule {
        Err(invalid) => return Value::new("False", Reason::InvalidSpec, invalid.to_string()),
        Ok(rule) => rule,
    };
    if let Some((reason, why)) = facts.withheld {
        return Value::new("False", reason, why);
    }
    let check = match facts.check {
        None => return Value::new("Unknown", Reason::Checking, "its kinds and rights are being looked up"),
        Some(Err(why)) => return Value::new("Unknown", Reason::CheckFailed, why),
        Some(Ok(check)) => check,
    };
    if let Some(refused) = &check.refused {
        return Value::new("False", refused.reason(), refused.to_string());
    }
    if !check.not_served.is_empty() {
        let kinds: Vec<String> = check.not_served.iter().map(ToString::to_string).collect();
        let message = format!("the server does not serve {}", kinds.join(", "));
        return Value::new("False", Reason::KindNotServed, message);
    }
    if !check.missing.is_empty() {
        return Value::new("False", Reason::MissingRights, missing(check));
    }
    match (facts.unsynced, rule.mode) {
        (Some(why), _) => Value::new("False", Reason::NotSynced, why),
        (None, Mode::Plan) => {
            Value::new("True", Reason::Planned, "nothing is deleted: set spec.mode to Enforce for that")
        }
        (None, Mode::Enforce) => halted(rule).map_or_else(
            || Value::new("True", Reason::Enforced, "parents are held, and their dependents go with them"),
            |(reason, message)| Value::new("True", reason, message),
        ),
    }
}

/// Why a rule does nothing that it would do, if its spec says so.
fn halted(rule: &Rule) -> Option<(Reason, &'static str)> {
    let why = "spec.suspend is true: parents are held, and no deletion goes on";
    rule.suspend.then_some((Reason::Suspended, why))
}

fn missing(check: &RuleCheck) -> String {
    format!("grant the operator: {}", some_texts(check.missing.iter().map(ToString::to_string)))
}

fn authorized(facts: &Facts<'_>) -> Value {
    match facts.check {
        Some(Ok(check)) if check.missing.is_empty() => {
            Value::new("True", Reason::Granted, "all rights are there")
        }
        Some(Ok(check)) => {
            let rules = policy_rules_in_line(&check.missing);
            let message = format!("{}; by these rules of its ClusterRole: {rules}", missing(check));
            Value::new("False", Reason::MissingRights, message)
        }
        Some(Err(why)) => Value::new("Unknown", Reason::CheckFailed, why),
        None => Value::new("Unknown", Reason::Checking, "rights are being looked up"),
    }
}

fn synced(facts: &Facts<'_>) -> Value {
    match facts.unsynced {
        None if facts.contested > 0 => {
            let parents =
                if facts.contested == 1 { "1 parent" } else { &format!("{} parents", facts.contested) };
            let message = format!(
                "the parents are listed and watched; somebody keeps removing the finalizer of {parents}, and it \
                 is put back with growing pauses"
            );
            Value::new("True", Reason::Watching, message)
        }
        None => Value::new("True", Reason::Watching, "the parents are listed and watched"),
        Some(why) => Value::new("False", Reason::NotSynced, why),
    }
}

fn suspended(facts: &Facts<'_>) -> Value {
    match facts.rule.ok().and_then(halted) {
        Some((reason, message)) => Value::new("True", reason, message),
        None => Value::new("False", Reason::Running, ""),
    }
}

fn limit_exceeded(facts: &Facts<'_>, ledger: &Ledger) -> Value {
    match some(facts, ledger.unconfirmed()) {
        None => Value::new("False", Reason::WithinLimits, ""),
        Some((_, message)) => Value::new("True", Reason::ConfirmationNeeded, message),
    }
}

fn blocked(facts: &Facts<'_>, ledger: &Ledger, now: Timestamp) -> Value {
    match some(facts, ledger.blocked(now)) {
        None => Value::new("False", Reason::Progressing, ""),
        Some((reason, message)) => Value::new("True", reason, message),
    }
}

/// Some of what is reported, the oldest first, and the reason of the oldest.
fn some<'a>(facts: &Facts<'_>, reports: impl Iterator<Item = &'a Report>) -> Option<(Reason, String)> {
    let mut reports: Vec<&Report> = reports.collect();
    reports.sort_by_key(|report| (report.since, report.parent.uid.clone()));
    let reason = reports.first()?.state.reason();
    let said = reports.iter().take(NAMED).map(|report| {
        let why = match &report.state {
            DeletionState::Refused(refused) => match remedy(facts, report, refused) {
                Some(command) => format!("{refused}: {command}"),
                None => refused.to_string(),
            },
            DeletionState::Waiting { waits, .. } => {
                waits.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            }
            _ => String::new(),
        };
        format!("{}: {why}", report.parent)
    });
    let mut said: Vec<String> = said.collect();
    if reports.len() > NAMED {
        said.push(format!("and {} more", reports.len() - NAMED));
    }
    Some((reason, clipped(&said.join("; "), MESSAGE)))
}

/// The command by which a person lets a deletion go on, if there is one.
fn remedy(facts: &Facts<'_>, report: &Report, refused: &Refused) -> Option<Command> {
    let (rule, parent) = (facts.rule.ok()?, &report.parent);
    let annotate = Command::kubectl("annotate").namespace(parent.namespace.as_deref());
    let annotate = annotate.object(&parent.kind, &parent.name);
    match refused {
        Refused::Unconfirmed(unconfirmed) => {
            let annotate = if unconfirmed.given.is_some() { annotate.flag("--overwrite") } else { annotate };
            Some(annotate.word(format!("{}={}", confirm_annotation(&rule.name), unconfirmed.hash)))
        }
        Refused::RevisionUnknown(_) => Some(annotate.word(format!("{}-", record_annotation(&rule.name)))),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

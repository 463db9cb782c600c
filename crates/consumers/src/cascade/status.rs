use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use rewitness_crds::CascadeStatus;
use rewitness_crds::cascade::{Limits, Mode, Planned, Revision, Stage, condition};
use rewitness_messaging::Timestamp;

use super::check::RuleCheck;
use super::ledger::Ledger;
use super::planned::planned;
use super::report::{Report, Standing};
use super::rule::{InvalidRule, Rule};

/// How many revisions of a rule are kept, beside those by which deletions are under way.
const REVISIONS: usize = 5;

/// How many parents a condition names.
const NAMED: usize = 3;

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
    /// Why the operator does not follow the rule at all, whatever its check says: a word from a
    /// fixed set, and a text for people.
    pub withheld: Option<(&'static str, &'a str)>,
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
    let verdicts = [
        (condition::READY, ready(facts)),
        (condition::AUTHORIZED, authorized(facts)),
        (condition::SYNCED, synced(facts)),
        (condition::PAUSED, paused(facts)),
        (condition::LIMIT_EXCEEDED, limit_exceeded(ledger)),
        (condition::BLOCKED, blocked(ledger, now)),
    ];
    status.conditions = verdicts
        .map(|(kind, verdict)| verdict.condition(kind, &before.conditions, facts.generation, now))
        .into();
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
struct Verdict {
    status: &'static str,
    reason: &'static str,
    message: String,
}

impl Verdict {
    fn new(status: &'static str, reason: &'static str, message: impl Into<String>) -> Self {
        Self { status, reason, message: message.into() }
    }

    fn condition(self, kind: &str, before: &[Condition], generation: i64, now: Timestamp) -> Condition {
        let since = before.iter().find(|one| one.type_ == kind && one.status == self.status);
        Condition {
            type_: kind.to_owned(),
            status: self.status.to_owned(),
            reason: self.reason.to_owned(),
            message: self.message,
            observed_generation: Some(generation),
            last_transition_time: since.map_or(Time(now), |one| one.last_transition_time.clone()),
        }
    }
}

fn ready(facts: &Facts<'_>) -> Verdict {
    let rule = match facts.rule {
        Err(invalid) => return Verdict::new("False", "InvalidSpec", invalid.to_string()),
        Ok(rule) => rule,
    };
    if let Some((reason, why)) = facts.withheld {
        return Verdict::new("False", reason, why);
    }
    let check = match facts.check {
        None => return Verdict::new("Unknown", "Checking", "its kinds and rights are being looked up"),
        Some(Err(why)) => return Verdict::new("Unknown", "CheckFailed", why),
        Some(Ok(check)) => check,
    };
    if let Some(refused) = &check.refused {
        return Verdict::new("False", refused.as_str(), refused.to_string());
    }
    if !check.not_served.is_empty() {
        let kinds: Vec<String> = check.not_served.iter().map(ToString::to_string).collect();
        let message = format!("the server does not serve {}", kinds.join(", "));
        return Verdict::new("False", "KindNotServed", message);
    }
    if !check.missing.is_empty() {
        return Verdict::new("False", "MissingRights", missing(check));
    }
    match (facts.unsynced, rule.mode) {
        (Some(why), _) => Verdict::new("False", "NotSynced", why),
        (None, Mode::Plan) => {
            Verdict::new("True", "Planned", "nothing is deleted: set spec.mode to Enforce for that")
        }
        (None, Mode::Enforce) => {
            Verdict::new("True", "Enforced", "parents are held, and their dependents go with them")
        }
    }
}

fn missing(check: &RuleCheck) -> String {
    let missing: Vec<String> = check.missing.iter().map(ToString::to_string).collect();
    format!("grant the operator: {}", missing.join(", "))
}

fn authorized(facts: &Facts<'_>) -> Verdict {
    match facts.check {
        Some(Ok(check)) if check.missing.is_empty() => {
            Verdict::new("True", "Granted", "all rights are there")
        }
        Some(Ok(check)) => Verdict::new("False", "MissingRights", missing(check)),
        Some(Err(why)) => Verdict::new("Unknown", "CheckFailed", why),
        None => Verdict::new("Unknown", "Checking", "rights are being looked up"),
    }
}

fn synced(facts: &Facts<'_>) -> Verdict {
    match facts.unsynced {
        None => Verdict::new("True", "Watching", "the parents are listed and watched"),
        Some(why) => Verdict::new("False", "NotSynced", why),
    }
}

fn paused(facts: &Facts<'_>) -> Verdict {
    match facts.rule {
        Ok(rule) if rule.paused => Verdict::new("True", "Paused", "spec.paused is true: nothing is done"),
        Ok(rule) if rule.hold_deletions => {
            Verdict::new("True", "DeletionsHeld", "spec.holdDeletions is true: no deletion goes on")
        }
        _ => Verdict::new("False", "Running", ""),
    }
}

fn limit_exceeded(ledger: &Ledger) -> Verdict {
    match some(ledger.unconfirmed()) {
        None => Verdict::new("False", "WithinLimits", ""),
        Some(message) => Verdict::new("True", "ConfirmationNeeded", message),
    }
}

fn blocked(ledger: &Ledger, now: Timestamp) -> Verdict {
    match some(ledger.blocked(now)) {
        None => Verdict::new("False", "Progressing", ""),
        Some(message) => Verdict::new("True", "DependentsRemain", message),
    }
}

/// Some of what is reported, the oldest first.
fn some<'a>(reports: impl Iterator<Item = &'a Report>) -> Option<String> {
    let mut reports: Vec<&Report> = reports.collect();
    reports.sort_by_key(|report| (report.since, report.parent.uid.clone()));
    let said = reports.iter().take(NAMED).map(|report| {
        let why = match &report.standing {
            Standing::Refused(refused) => refused.to_string(),
            Standing::Waiting { waits, .. } => {
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
    (!said.is_empty()).then(|| said.join("; "))
}

#[cfg(test)]
mod tests {
    use rewitness_crds::Cascade;
    use serde_json::json;

    use super::*;
    use crate::cascade::limits::{Excess, Unconfirmed};
    use crate::cascade::plan::Refused;
    use crate::cascade::rights::Right;
    use crate::cascade::testing::{parent, time};

    fn cascade(max_dependents: u32) -> Cascade {
        serde_json::from_value(json!({
            "apiVersion": "rewitness.dev/v1alpha1", "kind": "Cascade", "metadata": { "name": "project" },
            "spec": {
                "mode": "Enforce",
                "limits": { "maxDependents": max_dependents },
                "parent": { "apiVersion": "example.com/v1", "kind": "Project" },
                "stages": [{ "name": "all", "dependents": [{
                    "apiVersion": "v1", "kind": "ConfigMap", "by": { "label": "project" }, "holds": "Name",
                }] }],
            },
        }))
        .unwrap()
    }

    fn of<'a>(status: &'a CascadeStatus, kind: &str) -> (&'a str, &'a str, &'a str) {
        let condition = status.conditions.iter().find(|one| one.type_ == kind).unwrap();
        (&condition.status, &condition.reason, &condition.message)
    }

    #[test]
    fn conditions_say_what_is_to_be_done() {
        let rule = Rule::new(&cascade(100)).unwrap();
        let fine = RuleCheck::default();
        let poor =
            RuleCheck { missing: vec![Right::new("delete", "", "configmaps")], ..RuleCheck::default() };
        let facts = Facts {
            generation: 3,
            rule: Ok(&rule),
            check: Some(Ok(&fine)),
            parents: 7,
            unsynced: None,
            withheld: None,
            planned: None,
        };
        let mut ledger = Ledger::default();
        let first = status(&CascadeStatus::default(), &facts, &ledger, time(0));
        assert_eq!(of(&first, "Ready").1, "Enforced");
        assert_eq!((first.counts.parents, first.observed_generation), (7, Some(3)));
        assert_eq!(status(&first, &facts, &ledger, time(9)), first, "nothing has changed");
        let withheld = Facts { withheld: Some(("Uninstalling", "all is let go")), ..facts };
        let withheld = status(&first, &withheld, &ledger, time(9));
        assert_eq!(of(&withheld, "Ready"), ("False", "Uninstalling", "all is let go"));

        let facts = Facts { check: Some(Ok(&poor)), ..facts };
        let later = status(&first, &facts, &ledger, time(9));
        assert_eq!(of(&later, "Ready"), ("False", "MissingRights", "grant the operator: delete configmaps"));
        assert_eq!(of(&later, "Authorized").0, "False");
        let since = |status: &CascadeStatus, index: usize| status.conditions[index].last_transition_time.0;
        assert_eq!((since(&later, 0), since(&later, 2)), (time(9), time(0)));

        let unconfirmed = Unconfirmed {
            hash: "9f86d081884c7d65".to_owned(),
            count: 312,
            given: None,
            why: vec![Excess::Dependents { allowed: 100 }],
        };
        ledger.report(Report {
            parent: parent("p").id,
            since: Some(time(1)),
            at: time(2),
            standing: Standing::Refused(Refused::Unconfirmed(unconfirmed)),
            confirmation: None,
            revision: None,
        });
        let exceeded = status(&later, &facts, &ledger, time(9));
        let (value, reason, message) = of(&exceeded, "LimitExceeded");
        assert_eq!((value, reason), ("True", "ConfirmationNeeded"));
        assert!(
            message.contains("312 would be deleted") && message.contains("9f86d081884c7d65"),
            "{message}"
        );
    }

    #[test]
    fn c11_a_plan_is_shown_by_a_rule_that_plans_and_by_no_other() {
        let mut cascade = cascade(100);
        let counted = Planned { at: time(0), parents: 7, over_limit: 1, stages: Vec::new() };
        let mut written = |mode, before: &CascadeStatus, planned| {
            cascade.spec.mode = mode;
            let rule = Rule::new(&cascade).unwrap();
            let facts = Facts {
                generation: 3,
                rule: Ok(&rule),
                check: None,
                parents: 7,
                unsynced: None,
                withheld: None,
                planned,
            };
            status(before, &facts, &Ledger::default(), time(9))
        };
        let first = written(Mode::Plan, &CascadeStatus::default(), Some(&counted));
        assert_eq!(first.planned.as_ref(), Some(&counted));
        assert_eq!(
            written(Mode::Plan, &first, None).planned,
            Some(counted.clone()),
            "a restart shows what was known"
        );
        assert_eq!(written(Mode::Enforce, &first, None).planned, None);
    }

    #[test]
    fn the_last_five_revisions_are_kept_and_those_in_use() {
        let mut kept = Vec::new();
        for (generation, limit) in (1..=9).enumerate() {
            let cascade = cascade(limit);
            let rule = Rule::new(&cascade).unwrap();
            let in_use = kept.last().map(|one: &Revision| one.hash.clone());
            let in_use: Vec<&str> = in_use.as_deref().into_iter().collect();
            let content = (&*cascade.spec.stages, cascade.spec.limits);
            kept = keep_revision(&kept, &rule, content, generation as i64, &in_use);
        }
        let limits: Vec<u32> = kept.iter().map(|one| one.limits.max_dependents).collect();
        assert_eq!(limits, [9, 8, 7, 6, 5, 1]);
        let first = cascade(9);
        let again = keep_revision(
            &kept,
            &Rule::new(&first).unwrap(),
            (&first.spec.stages, first.spec.limits),
            77,
            &[],
        );
        assert_eq!((again.len(), again[0].generation), (5, 8), "what it said before is what it says");
    }
}

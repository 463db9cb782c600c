//! What a Cascade that holds a parent waits for.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use rewitness_cascade::{Cause, Preview, PreviewStage, Refused, Rule};
use rewitness_crds::Cascade;
use rewitness_crds::FIELD_MANAGER;
use rewitness_crds::Reason;
use rewitness_crds::cascade::{HeldParent, Mode, condition, finalizer, record_annotation};
use rewitness_messaging::{ResourceId, Timestamp, Uid};

use super::decision::Decision;
use crate::read::Unread;
use crate::sources::{held_parents, name};
use crate::step::Step;
use crate::text::counted;
use crate::why::facts::{Holding, Subject};
use crate::why::verdict::{Finding, Weight};
use crate::why::words::{GOES_ON, QUOTED};

/// What to think of before a finalizer of a Cascade is removed by hand.
pub(crate) const NO_RULE: &str = "what refers to it stays: nobody deletes it";

impl Decision<'_> {
    /// The finalizer of a Cascade on an object that is being deleted.
    pub(super) fn held_by_cascade(&self, subject: &Subject, name: &str) -> Finding {
        self.held(&subject.id, subject.deleting, name, &mut vec![subject.id.uid.clone()])
    }

    /// `path` is who waits for this parent, and the parent itself.
    pub(super) fn held(
        &self,
        parent: &ResourceId,
        deleting: Option<Timestamp>,
        name: &str,
        path: &mut Vec<Uid>,
    ) -> Finding {
        let finding = |weight, reason, message: String| {
            Finding::new(weight, reason, message).of_cascade(name).by_finalizer(&finalizer(name))
        };
        let unknown = |unread: &Unread| {
            let message = format!("held by the Cascade {name}; what it waits for is unknown: {unread}");
            finding(Weight::Unknown, Reason::Held, message)
        };
        let cascade = match self.facts.cascade(name) {
            Ok(Some(cascade)) => cascade,
            Ok(None) => {
                let message = format!("held by the Cascade {name}, which does not exist: nobody lets it go");
                return finding(Weight::Blocks, Reason::CascadeGone, message)
                    .step([self.let_go(parent, name, false)]);
            }
            Err(unread) => return unknown(&unread),
        };
        let mut holdings = self.facts.holdings.get(&parent.uid).into_iter().flatten();
        let preview = match holdings.find(|one| one.cascade == name).map(|holding| &holding.preview) {
            Some(Ok(preview)) => preview,
            Some(Err(unread)) => {
                return unknown(unread).with(self.about_rule(cascade, parent, deleting, None));
            }
            None => {
                let Some(why) = self.no_rule(cascade, parent) else {
                    let message = format!("held by the Cascade {name}; what it waits for was not looked at");
                    return finding(Weight::Waits, Reason::Held, message)
                        .step([Step::look(self.commands.why(parent), "goes on from there")]);
                };
                let edit = Step::look(self.commands.edit_cascade(name), "shows the rule, and changes it");
                return finding(Weight::Blocks, Reason::NoRule, format!("held by the Cascade {name}, {why}"))
                    .step([edit, self.let_go(parent, name, true)]);
            }
        };
        let (message, stage) = place(name, preview);
        let within = self.refused(cascade, parent, preview);
        let left = self.left(cascade, preview, stage, path);
        finding(Weight::Waits, Reason::Held, message)
            .since(deleting)
            .with(within)
            .with(left)
            .with(self.about_rule(cascade, parent, deleting, Some(preview)))
    }

    /// Why a Cascade that is there does nothing for a parent that it holds: its rule is none, or is
    /// about others.
    fn no_rule(&self, cascade: &Cascade, parent: &ResourceId) -> Option<String> {
        match Rule::new(cascade) {
            Err(error) => Some(format!("which makes no rule, so that nothing goes on: {error}")),
            Ok(rule) if *rule.parent_kind() != parent.kind => {
                let kind = self.commands.kind(rule.parent_kind());
                Some(format!("which is about {kind} now: nobody lets it go"))
            }
            Ok(_) => None,
        }
    }

    /// What keeps the deletion from going on, whatever is left.
    fn refused(&self, cascade: &Cascade, parent: &ResourceId, preview: &Preview) -> Vec<Finding> {
        let name = name(cascade);
        let finding = |refused: &Refused| {
            let finding =
                Finding::new(Weight::Blocks, refused.reason(), refused.to_string()).of_cascade(name);
            match refused {
                Refused::Suspended => finding.step([self.commands.resume(name)]),
                Refused::Unconfirmed(unconfirmed) => {
                    let count = counted(unconfirmed.count, "deletion", "deletions");
                    let step = Step::act(
                        self.commands.confirm(name, parent),
                        format!("shows the {count}, and asks before it allows them"),
                    );
                    let mut finding = finding.step([step]);
                    finding.hash = Some(unconfirmed.hash.clone());
                    finding.count = Some(unconfirmed.count);
                    finding
                }
                Refused::RevisionUnknown(_) => {
                    let anew = Step::last_resort(
                        self.commands
                            .on(parent, self.commands.kubectl("annotate"))
                            .word(format!("{}-", record_annotation(name))),
                        "lets the deletion begin anew, by the rule as it is now",
                        "what the rule names now is deleted, under its limits",
                    );
                    finding.step([anew, self.let_go(parent, name, true)])
                }
                Refused::NotEnforced => {
                    let message =
                        "the Cascade only plans, and so holds nothing: the operator removes its finalizer";
                    Finding { weight: Weight::Waits, message: message.to_owned(), ..finding }
                }
                _ => finding.step([Step::look(
                    self.commands.edit_cascade(name),
                    "changes the rule: drop what it may not or cannot say",
                )]),
            }
        };
        let mut findings: Vec<Finding> = preview.refused.iter().map(finding).collect();
        if preview.kind_removed.is_none() && preview.begun.is_none() {
            let kind = self.commands.kind(&parent.kind);
            let message = format!(
                "whether {kind} is being removed itself, and the deletion has to be confirmed for that, is unknown: you \
                 may not get its definition"
            );
            findings.push(Finding::new(Weight::Unknown, Reason::DefinitionUnread, message).of_cascade(name));
        }
        findings
    }

    /// How the rule and its operator do.
    fn about_rule(
        &self,
        cascade: &Cascade,
        parent: &ResourceId,
        deleting: Option<Timestamp>,
        preview: Option<&Preview>,
    ) -> Vec<Finding> {
        let mut found = Vec::new();
        let name = name(cascade);
        let conditions = cascade.status.iter().flat_map(|status| &status.conditions);
        for one in conditions.filter(|one| one.status == "False") {
            let (reason, grant) = match &*one.type_ {
                condition::AUTHORIZED => (Reason::MissingRights, Some(self.commands.grant())),
                // The others of its reasons are reported by what was read, which is newer.
                condition::READY if QUOTED.iter().any(|reason| one.reason == *reason) => {
                    (Reason::CascadeNotReady, None)
                }
                _ => continue,
            };
            let message = format!("the operator says: {}", one.message);
            let steps = grant.into_iter().chain([self.commands.describe_cascade(name)]);
            found.push(Finding::new(Weight::Blocks, reason, message).of_cascade(name).step(steps));
        }
        if cascade.metadata.deletion_timestamp.is_some() {
            let message = "the Cascade is being deleted itself: the operator removes its finalizer from its parents first";
            found.push(Finding::new(Weight::Waits, Reason::CascadeLeaving, message).of_cascade(name));
        }
        found.push(self.operator(cascade, parent, deleting, preview));
        found
    }

    /// Lets a parent go that nobody else will.
    pub(super) fn let_go(&self, parent: &ResourceId, name: &str, is_there: bool) -> Step {
        let unhold = self.commands.unhold(&format!("cascade/{name}"), parent);
        let command = if is_there { unhold.flag("--force") } else { unhold };
        Step::last_resort(command, "removes the Cascade's finalizer by hand", NO_RULE)
    }

    /// Whether somebody follows the Cascade, as far as can be seen by what was written: to its status,
    /// and to the record on the parent.
    fn operator(
        &self,
        cascade: &Cascade,
        parent: &ResourceId,
        deleting: Option<Timestamp>,
        preview: Option<&Preview>,
    ) -> Finding {
        let begun = preview.and_then(|preview| Some(preview.begun.as_ref()?.at));
        let sign = last_sign(cascade).max(begun);
        let name = name(cascade);
        let age = match sign {
            Some(at) => format!("its last sign of life is {} old", self.age(Some(at))),
            None => "it has never written to the Cascade".to_owned(),
        };
        // An operator that has nothing to do writes nothing, so that silence alone says little.
        let held = status_of(cascade, parent);
        let is_idle = preview.is_some_and(|preview| has_work(preview, cascade, held))
            && self.is_late(sign.max(deleting));
        let is_deaf = held.is_none() && begun.is_none() && self.is_late(deleting) && sign < deleting;
        if sign.is_some() && !is_idle && !is_deaf {
            return Finding::new(
                Weight::Note,
                Reason::Operator,
                format!("an operator follows the Cascade: {age}"),
            )
            .of_cascade(name)
            .since(sign);
        }
        let message = format!("no operator seems to follow the Cascade: {age}");
        let run = Step::choice(
            self.commands.rewitness("run").flag("--once"),
            "works off what is there from here, with your rights, and ends",
        )
        .caution("it deletes what the Cascades in force say; only if no operator runs");
        Finding::new(Weight::Blocks, Reason::NoOperator, message)
            .of_cascade(name)
            .since(sign)
            .step([self.commands.find_operator(), run])
    }

    /// What the deletion of a live object would take along.
    pub(super) fn would_take_along(&self, subject: &Subject) -> Vec<Finding> {
        let holdings = self.facts.holdings.get(&subject.id.uid);
        holdings.into_iter().flatten().map(|holding| self.would_take(holding)).collect()
    }

    fn would_take(&self, holding: &Holding) -> Finding {
        let name = &holding.cascade;
        let finding = |weight, message| Finding::new(weight, Reason::WouldTake, message).of_cascade(name);
        let preview = match &holding.preview {
            Ok(preview) => preview,
            Err(unread) => {
                let message = format!("what the Cascade {name} would delete with it is unknown: {unread}");
                return finding(Weight::Unknown, message);
            }
        };
        let at_least = if preview.is_complete() { "" } else { "at least " };
        let what = format!("{at_least}{}", counted(preview.total, "dependent", "dependents"));
        let message = match self.facts.cascade(name) {
            Ok(Some(cascade)) if cascade.spec.mode == Mode::Enforce => {
                let stages = counted(preview.stages.len() as u64, "stage", "stages");
                format!("its deletion takes {what} along, by the Cascade {name}, in {stages}")
            }
            _ => format!("the Cascade {name} only plans: in force, it would delete {what} with it"),
        };
        let list = Step::look(
            self.commands.on(&preview.parent, self.commands.rewitness("plan").word(name)),
            "shows the whole list of what goes with it, and deletes nothing",
        );
        let excess = preview.excess.iter().map(|excess| {
            let message = format!("it would have to be confirmed: {excess}");
            Finding::new(Weight::Note, Reason::LimitExceeded, message)
        });
        Finding { count: Some(preview.total), ..finding(Weight::Note, message) }
            .step((preview.total > 0).then_some(list))
            .with(self.unlisted(preview, None))
            .with(excess)
    }

    /// Cascades in force that are about an object which is being deleted, and do not hold it.
    pub(super) fn not_held(&self, subject: &Subject) -> Vec<Finding> {
        let holdings = self.facts.holdings.get(&subject.id.uid).into_iter().flatten();
        let found = holdings.filter(|holding| !holding.is_held).filter_map(|holding| {
            let Ok(Some(cascade)) = self.facts.cascade(&holding.cascade) else { return None };
            (cascade.spec.mode == Mode::Enforce).then(|| {
                let message = format!(
                    "the Cascade {} is about it, and does not hold it: it has finished, or the deletion began before \
                     it could; what still refers to it stays",
                    holding.cascade
                );
                Finding::new(Weight::Note, Reason::NotHeld, message).of_cascade(&holding.cascade)
            })
        });
        found.collect()
    }
}

/// Where the deletion stands, and which stage that is.
fn place(name: &str, preview: &Preview) -> (String, Option<usize>) {
    let Some(at) = preview.stages.iter().position(|stage| !stage.is_empty()) else {
        let message = format!("held by the Cascade {name}: nothing is left, and it is about to let it go");
        return (message, None);
    };
    let (stage, of) = (&preview.stages[at].name, preview.stages.len());
    let left = match (preview.dependents().count() as u64, preview.is_complete()) {
        (0, false) => "what is left is not known".to_owned(),
        (left, complete) => {
            let at_least = if complete { "" } else { "at least " };
            format!("{at_least}{} left", counted(left, "dependent is", "dependents are"))
        }
    };
    let place = format!("stage {stage} ({} of {of})", at + 1);
    let message = match &preview.begun {
        Some(begun) => {
            format!("held by the Cascade {name} in {place}: {} deleted, {left}", begun.deleted)
        }
        None => {
            format!("held by the Cascade {name}, which has deleted nothing yet: {left}, the next in {place}")
        }
    };
    (message, Some(at))
}

/// Whether there is something for an operator to do. One that may not go on has nothing to do either;
/// and of a parent that is not among those that the status names it is not known.
fn has_work(preview: &Preview, cascade: &Cascade, held: Option<&HeldParent>) -> bool {
    let status = cascade.status.as_ref();
    let is_false = |one: &Condition| {
        one.status == "False" && [condition::AUTHORIZED, condition::READY].contains(&&*one.type_)
    };
    let may_not = status.is_some_and(|status| status.conditions.iter().any(is_false));
    let is_refused = held.is_some_and(|held| {
        let mut waits = held.waits_for.iter();
        let goes_on = GOES_ON.iter().any(|reason| held.reason == *reason);
        !goes_on || waits.any(|wait| ["Refused", "Forbidden"].contains(&&*wait.cause))
    });
    let is_due = |stage: &PreviewStage| stage.dependents().any(|found| found.cause == Cause::Due);
    let is_listed = held.is_some() || !leaves_some_out(cascade);
    let may = is_listed && !may_not && !is_refused;
    may && preview.refused.is_empty() && preview.is_complete() && preview.stage().is_none_or(is_due)
}

/// Whether more parents are held than the status has room to name.
pub(super) fn leaves_some_out(cascade: &Cascade) -> bool {
    cascade.status.as_ref().is_some_and(|status| status.counts.held > status.held_parents.len() as u64)
}

/// When an operator last wrote to a Cascade.
pub(crate) fn last_sign(cascade: &Cascade) -> Option<Timestamp> {
    let entries = cascade.metadata.managed_fields.iter().flatten();
    let ours = entries.filter(|entry| entry.manager.as_deref() == Some(FIELD_MANAGER));
    ours.filter_map(|entry| entry.time.as_ref().map(|time| time.0)).max()
}

/// What the status says of a parent.
pub(super) fn status_of<'a>(cascade: &'a Cascade, parent: &ResourceId) -> Option<&'a HeldParent> {
    held_parents(cascade).find(|held| Uid::new(&held.uid) == parent.uid)
}

//! Dependents that are left: how many, which, and who keeps them.

use std::collections::BTreeMap;

use rewitness_cascade::{Cause, Found, Preview};
use rewitness_crds::Reason;
use rewitness_crds::cascade::{self, Remaining};
use rewitness_crds::{CASCADES, Cascade};
use rewitness_messaging::{Kind, Timestamp, Uid};

use super::cascade::{leaves_some_out, status_of};
use super::decision::{Decision, of_kind};
use crate::sources::{dependent_kind, dependents};
use crate::step::Step;
use crate::text::counted;
use crate::why::owners;
use crate::why::verdict::{Finding, Weight};

/// How many of a group are named.
const NAMED: usize = 5;

/// How deep it is followed who waits for whom.
const DEPTH: usize = 4;

/// Dependents of one kind that are left for one cause.
struct Group<'a> {
    kind: &'a Kind,
    cause: &'a Cause,
    found: Vec<&'a Found>,
    /// By which they refer to their parent, if that is one label.
    label: Option<&'a str>,
}

impl Group<'_> {
    fn since(&self) -> Option<Timestamp> {
        self.found.iter().filter_map(|found| found.deleting).min()
    }
}

impl Decision<'_> {
    /// What the stage waits for, and how much comes after it.
    pub(super) fn left(
        &self,
        cascade: &Cascade,
        preview: &Preview,
        stage: Option<usize>,
        path: &mut Vec<Uid>,
    ) -> Vec<Finding> {
        let Some(at) = stage else { return Vec::new() };
        let waits = match status_of(cascade, &preview.parent) {
            None if leaves_some_out(cascade) => None,
            held => Some(held.map_or(&[][..], |held| &held.waits_for)),
        };
        let mut groups: BTreeMap<(&Kind, &Cause), Vec<&Found>> = BTreeMap::new();
        for found in preview.stages[at].dependents() {
            groups.entry((&found.id.kind, &found.cause)).or_default().push(found);
        }
        let mut findings = self.unlisted(preview, Some(cascade));
        for ((kind, cause), found) in groups {
            let group = Group { kind, cause, found, label: label(cascade, kind) };
            findings.push(self.group(&group, waits, path));
        }
        let later = preview.stages[at + 1..].iter().flat_map(|stage| stage.dependents()).count() as u64;
        if later > 0 {
            let message = format!("{} in later stages", counted(later, "more is", "more are"));
            findings.push(Finding {
                count: Some(later),
                ..Finding::new(Weight::Note, Reason::LaterStages, message)
            });
        }
        findings
    }

    /// Kinds of which it is not known what is left; with the rule, if they may be dropped from it.
    pub(super) fn unlisted(&self, preview: &Preview, cascade: Option<&Cascade>) -> Vec<Finding> {
        let kinds = preview.stages.iter().flat_map(|stage| &stage.kinds);
        let findings = kinds.filter_map(|kind| {
            let cause = kind.found.as_ref().err()?;
            let name = self.commands.kind(&kind.kind);
            let finding = |weight, message| Finding::new(weight, cause.reason(), message);
            Some(match cause {
                Cause::NotServed => {
                    let way_out = match &preview.begun {
                        None => "drop it from the Cascade, or bring it back",
                        Some(_) => "bring it back, for a deletion that has begun goes by the rule as it was then",
                    };
                    let message = format!(
                        "{name}: the server no longer serves this kind; it is never taken for empty, so {way_out}"
                    );
                    finding(Weight::Blocks, message)
                        .step(cascade.and_then(|cascade| self.without_kind(cascade, preview, &kind.kind)))
                }
                Cause::Forbidden { .. } => {
                    finding(Weight::Unknown, format!("whether any {name} is left is unknown: you may not list them"))
                }
                cause => finding(Weight::Unknown, format!("whether any {name} is left is unknown: {cause}")),
            })
        });
        findings.collect()
    }

    /// The way on without a kind that is not served. A deletion that has begun goes by the rule as
    /// it was.
    fn without_kind(&self, cascade: &Cascade, preview: &Preview, kind: &Kind) -> Option<Step> {
        match &preview.begun {
            None => self.drop_kind(cascade, kind),
            Some(_) => Some(self.let_go(&preview.parent, cascade.metadata.name.as_deref()?, true)),
        }
    }

    /// Drops a kind from the rule, with its stage if that has no other.
    fn drop_kind(&self, cascade: &Cascade, kind: &Kind) -> Option<Step> {
        let stages = &cascade.spec.stages;
        let (stage, index) = stages.iter().enumerate().find_map(|(at, stage)| {
            Some((at, stage.dependents.iter().position(|one| dependent_kind(one) == *kind)?))
        })?;
        let name = cascade.metadata.name.as_deref()?;
        let (path, field, value) = match &*stages[stage].dependents {
            [_] if stages.len() == 1 => return None,
            [_] => (format!("/spec/stages/{stage}"), "name", &*stages[stage].name),
            _ => (format!("/spec/stages/{stage}/dependents/{index}"), "kind", &*kind.kind),
        };
        let patch = serde_json::json!([
            { "op": "test", "path": format!("{path}/{field}"), "value": value },
            { "op": "remove", "path": path },
        ]);
        let command = self.commands.kubectl("patch").flag("--type=json").option("-p", patch.to_string());
        let caution = "what there still is of it, if the kind comes back, stays";
        Some(
            Step::act(command.object(CASCADES, name), format!("drops {kind} from the Cascade"))
                .caution(caution),
        )
    }

    fn group(&self, group: &Group<'_>, waits: Option<&[Remaining]>, path: &mut Vec<Uid>) -> Finding {
        let what = of_kind(group.found.len() as u64, &self.commands.kind(group.kind));
        let since = group.since();
        let finding = |weight, message: String| Finding::new(weight, group.cause.reason(), message);
        let late = |weight| if self.is_late(since) { weight } else { Weight::Waits };
        let finding = match group.cause {
            Cause::Terminating => {
                finding(late(Weight::Blocks), format!("{what} Terminating for {}", self.age(since)))
                    .step(self.ask_why(group))
            }
            Cause::Cascading { finalizers } => {
                let message =
                    format!("{what} Terminating for {}, with dependents of their own", self.age(since));
                let deeper = self.deeper(group, finalizers, path);
                let ask = deeper.is_empty().then(|| self.ask_why(group)).flatten();
                finding(Weight::Waits, message).with(deeper).step(ask)
            }
            Cause::Finalizers { finalizers } => self.kept(group, &what, finalizers, path),
            Cause::Due => self.due(group, &what, waits),
            Cause::AwaitsOthers => {
                finding(Weight::Blocks, format!("{what} left to somebody else to delete (action: Wait)"))
                    .step(self.by_hand(group, "the Cascade leaves it to its owner, who may have a reason"))
            }
            Cause::Protected => {
                let message = format!("{what} in a protected namespace: a Cascade never deletes there");
                finding(Weight::Blocks, message)
                    .step(self.by_hand(group, "a cluster may need what is in such a namespace"))
            }
            cause => finding(Weight::Unknown, format!("{what}: {cause}")),
        };
        let mut finding = finding.since(since);
        finding.count = Some(group.found.len() as u64);
        finding.examples = group.found.iter().take(NAMED).map(|found| found.id.qualified_name()).collect();
        finding
    }

    fn kept(&self, group: &Group<'_>, what: &str, finalizers: &[String], path: &mut Vec<Uid>) -> Finding {
        let others: Vec<&String> = finalizers.iter().filter(|one| !cascade::is_finalizer(one)).collect();
        let message = format!(
            "{what} Terminating for {}, kept by {}",
            self.age(group.since()),
            others.iter().map(|one| owners::with_owner(one)).collect::<Vec<_>>().join("; and by ")
        );
        let weight = if self.is_late(group.since()) { Weight::Blocks } else { Weight::Waits };
        let first = group.found.first();
        let off = first.into_iter().flat_map(|found| {
            others.iter().map(|finalizer| {
                self.remove_finalizer(&found.id, &found.finalizers, finalizer, &owners::caution(finalizer))
            })
        });
        let mut finding = Finding::new(weight, group.cause.reason(), message)
            .step(self.ask_why(group))
            .step(off)
            .with(self.deeper(group, finalizers, path));
        finding.finalizers = others.into_iter().cloned().collect();
        finding
    }

    /// What is to be deleted and is still there: whether the operator was refused, if it is known what it waits for.
    fn due(&self, group: &Group<'_>, what: &str, waits: Option<&[Remaining]>) -> Finding {
        let Some(waits) = waits else {
            let message = format!(
                "{what} to be deleted; whether it was refused is unknown: the status names other parents only"
            );
            return Finding::new(Weight::Waits, Reason::Due, message).step(self.try_deletion(group));
        };
        let kind = group.kind.to_string();
        match waits.iter().find(|wait| wait.kind == kind && wait.cause == "Refused") {
            Some(wait) => {
                let message = format!("{what} could not be deleted: {}", wait.message);
                Finding::new(Weight::Blocks, Reason::Refused, message)
                    .step(self.try_deletion(group))
                    .step(self.leave_out(group))
            }
            None => Finding::new(Weight::Waits, Reason::Due, format!("{what} to be deleted")),
        }
    }

    /// What is waited for by Cascades of which the dependents are parents themselves.
    fn deeper(&self, group: &Group<'_>, finalizers: &[String], path: &mut Vec<Uid>) -> Vec<Finding> {
        let mut findings = Vec::new();
        let held = finalizers.iter().filter_map(|one| cascade::of_finalizer(one));
        let held: Vec<&str> = held.collect();
        for found in group.found.iter().take(NAMED) {
            if held.is_empty() || path.len() >= DEPTH {
                continue;
            }
            if path.contains(&found.id.uid) {
                findings.push(cycle(found));
                continue;
            }
            if !self.facts.holdings.contains_key(&found.id.uid) {
                continue;
            }
            path.push(found.id.uid.clone());
            for name in &held {
                let finding = self.held(&found.id, found.deleting, name, path);
                findings.push(Finding {
                    message: format!("{} is {}", found.id.qualified_name(), finding.message),
                    ..finding.about(&found.id)
                });
            }
            path.pop();
        }
        findings
    }

    fn ask_why(&self, group: &Group<'_>) -> Option<Step> {
        let found = group.found.first()?;
        Some(Step::look(self.commands.why(&found.id), "says more of what keeps the first of them"))
    }

    fn try_deletion(&self, group: &Group<'_>) -> Option<Step> {
        let found = group.found.first()?;
        let command = self.commands.delete(&found.id).flag("--dry-run=server");
        Some(Step::look(command, "shows whether it is still refused, and deletes nothing"))
    }

    /// What may not be deleted can be taken out of the deletion instead.
    fn leave_out(&self, group: &Group<'_>) -> Option<Step> {
        let (found, label) = (group.found.first()?, group.label?);
        Some(Step::last_resort(
            self.commands.on(&found.id, self.commands.kubectl("label")).word(format!("{label}-")),
            "takes the first of them out of the deletion, which goes on without it",
            "it stays, and nobody deletes it with its parent any more; do first what the refusal asks for, if you can",
        ))
    }

    fn by_hand(&self, group: &Group<'_>, caution: &str) -> Option<Step> {
        let found = group.found.first()?;
        Some(Step::last_resort(self.commands.delete(&found.id), "deletes the first of them by hand", caution))
    }
}

/// By which label a Cascade's dependents of a kind refer to their parent; `None` if that is not one.
fn label<'a>(cascade: &'a Cascade, kind: &Kind) -> Option<&'a str> {
    let of_kind = dependents(cascade).filter(|one| dependent_kind(one) == *kind);
    let mut labels = of_kind.map(|one| one.reference.label.as_str());
    let first = labels.next()?;
    labels.all(|label| label == first).then_some(first)
}

/// A parent that waits for itself by way of others.
fn cycle(found: &Found) -> Finding {
    let message = format!(
        "{} waits for this deletion in turn: the operator breaks such a cycle once nothing else keeps any of them",
        found.id.qualified_name()
    );
    Finding::new(Weight::Note, Reason::Cycle, message).about(&found.id)
}

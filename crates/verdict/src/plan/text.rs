//! A plan for people: whole for one parent, a line each for several. Names are bounded.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use rewitness_crds::{Reason, visible};
use rewitness_messaging::Kind;

use super::document::{DependentPlan, Detail, KindPlan, ParentPlan, Plan};
use crate::text::{counted, thousands};

/// How many dependents of a kind are named, and how many parents are listed, unless all are.
const NAMED: usize = 10;
const LISTED: usize = 30;

/// The first of it, or all.
fn first<T>(items: &[T], most: usize, all: bool) -> &[T] {
    if all { items } else { &items[..items.len().min(most)] }
}

/// The whole plan; all names, or the first of them.
pub fn text(plan: &Plan, all: bool) -> String {
    let mode = format!("{:?}", plan.mode);
    let place = if plan.origin == "file" { " as in the file" } else { "" };
    let mut text = format!("cascade/{}{place}, mode {mode}\n", plan.cascade);
    let is_named = |kind: &KindPlan| kind.dependents.is_some();
    match &*plan.parents {
        [parent] if parent.stages.iter().flat_map(|stage| &stage.kinds).any(is_named) => {
            text += &parent_text(parent, all);
            text += &limits(plan);
            text += &confirmation(plan, parent);
        }
        [] if plan.not_served.is_empty() => text += &format!("It has no parents now.\n{}", limits(plan)),
        [] => text += &limits(plan),
        parents => text += &(table(plan, parents, all) + &limits(plan) + &of_parents(parents)),
    }
    for kind in &plan.not_served {
        let _ = writeln!(text, "Unknown: the server does not serve {kind}");
    }
    plan.unknown.iter().for_each(|unknown| text += &unknown.line("Unknown"));
    plan.refused.iter().for_each(|refused| text += &refused.line("Refused"));
    text
}

impl Detail {
    fn line(&self, what: &str) -> String {
        format!("{what}: {} ({})\n", visible(&self.message), self.reason)
    }
}

/// What the deletion of one parent takes, in the order in which it goes.
pub fn parent_text(parent: &ParentPlan, all: bool) -> String {
    let typed = parent.typed.to_string();
    let typed = visible(&typed);
    let mut text = match parent.deleting {
        Some(since) => format!("{typed} is being deleted since {since}, and takes along:\n"),
        None => format!("{typed}, when it is deleted, takes along:\n"),
    };
    if !parent.selected {
        text += "(The Cascade is not about it: its namespace or its labels are others.)\n";
    }
    for (index, stage) in parent.stages.iter().enumerate() {
        let _ = writeln!(text, "  {}. {}", index + 1, stage.name);
        stage.kinds.iter().for_each(|kind| text += &kind_text(kind, all));
    }
    let at_least = if parent.complete { "" } else { "at least " };
    let deletes = counted(parent.deletes, "dependent would be deleted", "dependents would be deleted");
    let _ = write!(text, "In all {at_least}{deletes}");
    match parent.waits {
        0 => text += ".\n",
        waits => {
            let _ = writeln!(text, "; {} more would be waited for.", thousands(waits));
        }
    }
    parent.unknown.iter().for_each(|unknown| text += &unknown.line("Unknown"));
    parent.refused.iter().for_each(|refused| text += &refused.line("Refused"));
    text
}

impl KindPlan {
    fn name(&self) -> String {
        Kind::new(&*self.group, &*self.kind).to_string()
    }
}

fn kind_text(kind: &KindPlan, all: bool) -> String {
    let name = kind.name();
    if let Some(unknown) = &kind.unknown {
        return format!("     {name}: unknown; {}\n", visible(&unknown.message));
    }
    let mut text = format!("     {name}: {}\n", thousands(kind.count));
    let dependents = kind.dependents.as_deref().unwrap_or_default();
    let named = first(dependents, NAMED, all);
    named.iter().for_each(|one| text += &dependent_text(one));
    if named.len() < dependents.len() {
        let more = thousands((dependents.len() - named.len()) as u64);
        let _ = writeln!(text, "       … and {more} more (--all names them)");
    }
    text
}

fn dependent_text(dependent: &DependentPlan) -> String {
    let place = dependent.namespace.as_deref().map_or_else(String::new, |name| format!("{name}/"));
    match dependent.cause {
        Reason::Due => format!("       {place}{}\n", visible(&dependent.name)),
        _ => format!("       {place}{} ({})\n", visible(&dependent.name), visible(&dependent.message)),
    }
}

fn limits(plan: &Plan) -> String {
    let limits = &plan.limits;
    let (of_one, in_an_hour) = (
        counted(limits.max_dependents.into(), "dependent", "dependents"),
        thousands(limits.max_per_hour.into()),
    );
    let left = match limits.hour_remaining {
        Some(room) => format!("of which {} are left", thousands(room)),
        None => "of which it is not known how many are left".to_owned(),
    };
    let mut text = format!("Limits: {of_one} of one parent, {in_an_hour} in an hour, {left}.\n");
    // Each parent alone may be within the limit.
    if plan.totals.above_hour == Some(true) && plan.parents.len() > 1 {
        let together = counted(plan.totals.begins, "dependent", "dependents");
        let _ = writeln!(
            text,
            "Together {together}, above what is left of this hour: not all can be deleted without a confirmation."
        );
    }
    text
}

fn confirmation(plan: &Plan, parent: &ParentPlan) -> String {
    if parent.excess.is_empty() {
        return String::new();
    }
    let why: Vec<&str> = parent.excess.iter().map(|excess| &*excess.message).collect();
    let (why, hash) = (why.join(", and "), &parent.hash);
    let confirm = parent.typed.of(plan.typed.rewitness("confirm").word(&plan.cascade));
    let why = visible(&why);
    format!("It needs a confirmation: {why}.\n  hash {hash}\n  {confirm}\n")
}

/// A line for each parent, those with the most to delete first.
fn table(plan: &Plan, parents: &[ParentPlan], all: bool) -> String {
    let mut sorted: Vec<&ParentPlan> = parents.iter().collect();
    // Stable: what takes equally many stays in the order of names.
    sorted.sort_by_key(|parent| std::cmp::Reverse(parent.deletes));
    let listed = first(&sorted, LISTED, all);
    let name = |parent: &ParentPlan| match &parent.namespace {
        Some(namespace) => format!("{namespace}/{}", visible(&parent.name)),
        None => visible(&parent.name).into_owned(),
    };
    let width = listed.iter().map(|parent| name(parent).len()).max().unwrap_or_default().max("PARENT".len());
    let mut text = format!("{:width$}  {:>9}  {:>9}  NEEDS\n", "PARENT", "DELETES", "WAITS FOR");
    for parent in listed {
        let excess = parent.excess.iter().map(|excess| format!("confirmation: {}", excess.message));
        let refused = parent.refused.iter().map(|refused| format!("{}: {}", refused.reason, refused.message));
        let unknown = parent.is_unsure().then(|| "more is unknown".to_owned());
        let needs: Vec<String> = unknown.into_iter().chain(refused).chain(excess).collect();
        let needs = if needs.is_empty() { "-".to_owned() } else { needs.join("; ") };
        let (deletes, waits) = (thousands(parent.deletes), thousands(parent.waits));
        let _ = writeln!(text, "{:width$}  {deletes:>9}  {waits:>9}  {}", name(parent), visible(&needs));
    }
    if listed.len() < sorted.len() {
        let more = thousands((sorted.len() - listed.len()) as u64);
        let _ = writeln!(text, "… and {more} more (--all lists them)");
    }
    let totals = &plan.totals;
    let _ = writeln!(
        text,
        "{}, with {}{} to delete and {} to wait for; {}{} a confirmation.",
        counted(totals.parents, "parent", "parents"),
        if totals.complete { "" } else { "at least " },
        counted(totals.deletes, "dependent", "dependents"),
        thousands(totals.waits),
        if plan.may_need_more() { "at least " } else { "" },
        match totals.unconfirmed {
            1 => "1 needs".to_owned(),
            several => format!("{} need", thousands(several)),
        }
    );
    text
}

/// What is not known of any of the parents, and what keeps any from going; each once.
fn of_parents(parents: &[ParentPlan]) -> String {
    let (mut kinds, mut unknown, mut refused) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
    for parent in parents {
        for kind in parent.stages.iter().flat_map(|stage| &stage.kinds) {
            kinds.extend(
                kind.unknown
                    .as_ref()
                    .map(|why| format!("Unknown: {} {}\n", kind.name(), visible(&why.message))),
            );
        }
        for (reasons, what, lines) in
            [(&parent.unknown, "Unknown", &mut unknown), (&parent.refused, "Refused", &mut refused)]
        {
            reasons.iter().for_each(|one| *lines.entry((what, &*one.message, one.reason)).or_insert(0) += 1);
        }
    }
    let line = |((what, message, reason), count): ((&str, &str, Reason), u64)| {
        let of = counted(count, "parent", "parents");
        format!("{what} of {of}: {} ({reason})\n", visible(message))
    };
    kinds.into_iter().chain(unknown.into_iter().map(line)).chain(refused.into_iter().map(line)).collect()
}

#[cfg(test)]
mod tests;

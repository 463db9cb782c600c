//! A plan for people: whole for one parent, a line each for several. Names are bounded.

use std::fmt::Write;

use super::document::{DependentPlan, KindPlan, ParentPlan, Plan};
use crate::called;
use crate::text::{counted, thousands};

/// How many dependents of a kind are named, and how many parents are listed, unless all are.
const NAMED: usize = 10;
const LISTED: usize = 30;

/// Whether everything is named, or the first of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    Some,
    All,
}

impl Names {
    fn of<T>(self, items: &[T], most: usize) -> &[T] {
        match self {
            Self::Some => &items[..items.len().min(most)],
            Self::All => items,
        }
    }
}

/// The whole plan.
pub(super) fn text(plan: &Plan, names: Names) -> String {
    let mode = format!("{:?}", plan.mode);
    let place = if plan.origin == "file" { " as in the file" } else { "" };
    let mut text = format!("cascade/{}{place}, mode {mode}\n", plan.cascade);
    match &*plan.parents {
        [parent]
            if parent.stages.iter().any(|stage| stage.kinds.iter().any(|kind| kind.dependents.is_some())) =>
        {
            text += &parent_text(parent, names);
            text += &limits(plan, parent);
        }
        [] if plan.not_served.is_empty() => text += "It has no parents now.\n",
        [] => {}
        parents => text += &table(plan, parents, names),
    }
    for kind in &plan.not_served {
        let _ = writeln!(text, "Unknown: the server does not serve {kind}");
    }
    for refused in plan.refused.iter().chain(plan.parents.iter().take(1).flat_map(|parent| &parent.refused)) {
        let _ = writeln!(text, "Refused: {} ({})", refused.message, refused.reason);
    }
    text
}

/// What the deletion of one parent takes, in the order in which it goes.
pub(crate) fn parent_text(parent: &ParentPlan, names: Names) -> String {
    let mut text = match parent.deleting {
        Some(since) => format!("{} is being deleted since {since}, and takes along:\n", parent.typed),
        None => format!("{}, when it is deleted, takes along:\n", parent.typed),
    };
    if !parent.selected {
        text += "(The Cascade is not about it: its namespace or its labels are others.)\n";
    }
    for (index, stage) in parent.stages.iter().enumerate() {
        let _ = writeln!(text, "  {}. {}", index + 1, stage.name);
        stage.kinds.iter().for_each(|kind| text += &kind_text(kind, names));
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
    text
}

fn kind_text(kind: &KindPlan, names: Names) -> String {
    let name = match &*kind.group {
        "" => kind.kind.clone(),
        group => format!("{}.{group}", kind.kind),
    };
    if let Some(unknown) = &kind.unknown {
        return format!("     {name}: unknown; {}\n", unknown.message);
    }
    let mut text = format!("     {name}: {}\n", thousands(kind.count));
    let dependents = kind.dependents.as_deref().unwrap_or_default();
    let named = names.of(dependents, NAMED);
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
        "Due" => format!("       {place}{}\n", dependent.name),
        _ => format!("       {place}{} ({})\n", dependent.name, dependent.message),
    }
}

fn limits(plan: &Plan, parent: &ParentPlan) -> String {
    let limits = &plan.limits;
    let mut text = format!(
        "Limits: {} of one parent, {} in an hour, of which {} are left.\n",
        counted(limits.max_dependents.into(), "dependent", "dependents"),
        thousands(limits.max_per_hour.into()),
        thousands(limits.hour_room)
    );
    if parent.excess.is_empty() {
        return text;
    }
    let why: Vec<&str> = parent.excess.iter().map(|excess| &*excess.message).collect();
    let _ = writeln!(
        text,
        "It needs a confirmation: {}.\n  hash {}\n  {} confirm {} {}",
        why.join(", and "),
        parent.hash,
        called::typed(),
        plan.cascade,
        parent.typed
    );
    text
}

/// A line for each parent, those with the most to delete first.
fn table(plan: &Plan, parents: &[ParentPlan], names: Names) -> String {
    let mut sorted: Vec<&ParentPlan> = parents.iter().collect();
    // Stable: what takes equally many stays in the order of names.
    sorted.sort_by_key(|parent| std::cmp::Reverse(parent.deletes));
    let listed = names.of(&sorted, LISTED);
    let name = |parent: &ParentPlan| match &parent.namespace {
        Some(namespace) => format!("{namespace}/{}", parent.name),
        None => parent.name.clone(),
    };
    let width = listed.iter().map(|parent| name(parent).len()).max().unwrap_or_default().max("PARENT".len());
    let mut text = format!("{:width$}  {:>9}  {:>9}  NEEDS\n", "PARENT", "DELETES", "WAITS FOR");
    for parent in listed {
        let excess = parent.excess.iter().map(|excess| format!("confirmation: {}", excess.message));
        let refused = parent.refused.iter().map(|refused| format!("{}: {}", refused.reason, refused.message));
        let unknown = (!parent.complete).then(|| "more is unknown".to_owned());
        let needs: Vec<String> = unknown.into_iter().chain(refused).chain(excess).collect();
        let needs = if needs.is_empty() { "-".to_owned() } else { needs.join("; ") };
        let (deletes, waits) = (thousands(parent.deletes), thousands(parent.waits));
        let _ = writeln!(text, "{:width$}  {deletes:>9}  {waits:>9}  {needs}", name(parent));
    }
    if listed.len() < sorted.len() {
        let more = thousands((sorted.len() - listed.len()) as u64);
        let _ = writeln!(text, "… and {more} more (--all lists them)");
    }
    let totals = &plan.totals;
    let _ = writeln!(
        text,
        "{}, with {}{} to delete and {} to wait for; {} a confirmation.",
        counted(totals.parents, "parent", "parents"),
        if totals.complete { "" } else { "at least " },
        counted(totals.deletes, "dependent", "dependents"),
        thousands(totals.waits),
        match totals.unconfirmed {
            1 => "1 needs".to_owned(),
            several => format!("{} need", thousands(several)),
        }
    );
    text + &unknown_kinds(parents)
}

/// What could not be listed, once for all parents.
fn unknown_kinds(parents: &[ParentPlan]) -> String {
    let kinds = parents.iter().take(1).flat_map(|parent| &parent.stages).flat_map(|stage| &stage.kinds);
    let unknown = kinds.filter_map(|kind| Some((kind, kind.unknown.as_ref()?)));
    unknown.map(|(kind, why)| format!("Unknown: {} {}\n", kind.kind, why.message)).collect()
}

#[cfg(test)]
mod tests;

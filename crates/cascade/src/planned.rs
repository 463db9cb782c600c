use std::collections::{BTreeSet, HashMap, HashSet};

use rewitness_crds::cascade::{Action, Planned, PlannedDependents, PlannedStage};
use rewitness_messaging::{Kind, ResourceId, Timestamp, Uid};

use super::counts::{Approximate, CountTable, Referred};
use super::reference::{Scope, lookup};
use super::rule::{DependentKind, Rule};

/// How long what a status says of a plan is left as it is: the numbers are approximate, and each
/// write is seen by everybody who watches Cascades.
const UNCHANGED_SECONDS: i64 = 30;

/// What is counted: the objects of one kind that have one label. Rules that look for dependents of
/// the same kind by the same label share it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CountSource {
    /// Their kind.
    pub kind: Kind,
    /// The key of the label.
    pub label: String,
}

impl From<&DependentKind> for CountSource {
    fn from(declared: &DependentKind) -> Self {
        Self { kind: declared.kind.kind.clone(), label: declared.label.to_string() }
    }
}

impl Rule {
    /// What tells how many dependents the rule's parents have.
    pub fn count_sources(&self) -> BTreeSet<CountSource> {
        let declared = self.current.stages.iter().flat_map(|stage| &stage.dependents);
        declared.map(CountSource::from).collect()
    }
}

/// How many dependents there are, by what is counted. Values only; whoever watches fills it.
#[derive(Debug, Default)]
pub struct CountTables(HashMap<CountSource, Counted>);

#[derive(Debug)]
struct Counted {
    scope: Scope,
    table: CountTable,
}

impl CountTables {
    /// The table of what is counted, from now on if it is new; `namespaced` is what the server says
    /// of its kind.
    pub fn table(&mut self, source: &CountSource, namespaced: bool) -> &mut CountTable {
        let scope = Scope::of(namespaced);
        let counted =
            self.0.entry(source.clone()).or_insert_with(|| Counted { scope, table: CountTable::default() });
        counted.scope = scope;
        &mut counted.table
    }

    /// The table of what is counted, if there is one.
    pub fn get_mut(&mut self, source: &CountSource) -> Option<&mut CountTable> {
        self.0.get_mut(source).map(|counted| &mut counted.table)
    }

    /// It is not counted any more.
    pub fn remove(&mut self, source: &CountSource) {
        self.0.remove(source);
    }

    /// All tables.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&CountSource, &mut CountTable)> {
        self.0.iter_mut().map(|(source, counted)| (source, &mut counted.table))
    }

    /// What would be deleted if all of these parents were. A kind of which nothing is known has no
    /// count; neither has one whose references are unclear.
    pub fn planned<'a>(
        &self,
        rule: &Rule,
        parents: impl IntoIterator<Item = &'a ResourceId>,
        now: Timestamp,
    ) -> Planned {
        let kinds: Vec<&DependentKind> =
            rule.current.stages.iter().flat_map(|stage| &stage.dependents).collect();
        let mut sums: Vec<Option<Approximate>> = kinds.iter().map(|kind| self.known(kind)).collect();
        let (mut count, mut over_limit) = (0, 0);
        for parent in parents {
            let mut deletes = 0;
            for (declared, sum) in kinds.iter().zip(&mut sums) {
                let found = self.of(declared, parent);
                let more = found.map_or(0, |found| found.count);
                *sum =
                    sum.filter(|_| found.is_some()).map(|sum| Approximate { count: sum.count + more, ..sum });
                deletes += if declared.action == Action::Delete { more } else { 0 };
            }
            count += 1;
            over_limit += u64::from(deletes > rule.current.limits.max_dependents.into());
        }
        let mut sums = sums.into_iter();
        let mut dependents = |declared: &DependentKind| {
            let sum = sums.next().flatten();
            PlannedDependents {
                kind: declared.kind.kind.to_string(),
                approximate_count: sum.map(|sum| sum.count),
                resource_version: sum.map(|sum| sum.version.to_string()),
            }
        };
        let stages = rule.current.stages.iter().map(|stage| PlannedStage {
            name: stage.name.clone(),
            dependents: stage.dependents.iter().map(&mut dependents).collect(),
        });
        Planned { at: now, parents: count, over_limit, stages: stages.collect() }
    }

    /// Which of these parents refer to what has shrunk: each may have nothing left to wait for, so
    /// that a list is worth its price. Deletions go by the revision that they began with, so all
    /// that are kept are asked.
    pub fn concerned<'a>(
        &self,
        rule: &Rule,
        parents: impl IntoIterator<Item = &'a ResourceId>,
        (source, shrunk): (&CountSource, &[Referred]),
    ) -> BTreeSet<Uid> {
        let Some(counted) = self.0.get(source) else { return BTreeSet::new() };
        let revisions = std::iter::once(&rule.current).chain(&rule.earlier);
        let declared = revisions.flat_map(|revision| &revision.stages).flat_map(|stage| &stage.dependents);
        let declared: Vec<&DependentKind> =
            declared.filter(|one| CountSource::from(*one) == *source).collect();
        let anywhere: HashSet<&str> = shrunk.iter().map(|one| &*one.value).collect();
        let somewhere: HashSet<(&str, &str)> =
            shrunk.iter().map(|one| (&*one.value, &*one.namespace)).collect();
        let is_concerned = |parent: &ResourceId| {
            declared.iter().any(|one| match lookup(one, parent, counted.scope) {
                Ok(Some(found)) => match &found.namespace {
                    None => anywhere.contains(&*found.value),
                    Some(namespace) => somewhere.contains(&(&*found.value, &**namespace)),
                },
                _ => false,
            })
        };
        let concerned = parents.into_iter().filter(|parent| is_concerned(parent));
        concerned.map(|parent| parent.uid.clone()).collect()
    }

    /// How many dependents of a kind a parent has.
    fn of(&self, declared: &DependentKind, parent: &ResourceId) -> Option<Approximate> {
        let counted = self.0.get(&CountSource::from(declared))?;
        match lookup(declared, parent, counted.scope).ok()? {
            Some(found) => counted.table.count(&found.value, found.namespace.as_deref()),
            // Nothing can refer to it.
            None => self.known(declared),
        }
    }

    /// None of a kind, if anything is known of it.
    fn known(&self, declared: &DependentKind) -> Option<Approximate> {
        let counted = self.0.get(&CountSource::from(declared))?;
        let found = counted.table.count("", None)?;
        Some(Approximate { count: 0, ..found })
    }
}

/// What a status says of a plan. It is left as it is while the numbers are the same, and for half a
/// minute when they are not, unless it has another form.
pub(super) fn planned(before: Option<&Planned>, now: Option<&Planned>, at: Timestamp) -> Option<Planned> {
    let (Some(before), Some(now)) = (before, now) else { return now.or(before).cloned() };
    let age = at.as_second().abs_diff(before.at.as_second());
    let stays = form(before) == form(now)
        && (numbers(before) == numbers(now) || age < UNCHANGED_SECONDS.unsigned_abs());
    Some(if stays { before.clone() } else { now.clone() })
}

/// Stages and kinds, and whether they are known.
fn form(planned: &Planned) -> Vec<(&str, &str, bool)> {
    let mut form = Vec::new();
    for stage in &planned.stages {
        let known = |one: &PlannedDependents| one.approximate_count.is_some();
        form.extend(stage.dependents.iter().map(|one| (&*stage.name, &*one.kind, known(one))));
    }
    form
}

fn numbers(planned: &Planned) -> (u64, u64, Vec<Option<u64>>) {
    let dependents = planned.stages.iter().flat_map(|stage| &stage.dependents);
    (planned.parents, planned.over_limit, dependents.map(|one| one.approximate_count).collect())
}

#[cfg(test)]
mod tests {
    use rewitness_crds::Cascade;
    use rewitness_messaging::Version;
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::time;

    fn dependents(kind: &str, holds: &str, more: Value) -> Value {
        let mut dependents = json!({
            "apiVersion": "example.com/v1", "kind": kind, "reference": { "label": "parent", "value": holds },
        });
        dependents.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        dependents
    }

    fn rule(stages: &[Vec<Value>]) -> Rule {
        let stage = |(index, dependents): (usize, &Vec<Value>)| json!({ "name": format!("s{index}"), "dependents": dependents });
        let cascade: Cascade = serde_json::from_value(json!({
            "apiVersion": "rewitness.dev/v1alpha1", "kind": "Cascade", "metadata": { "name": "project" },
            "spec": {
                "parent": { "apiVersion": "example.com/v1", "kind": "Project" },
                "limits": { "maxDependents": 2 },
                "stages": stages.iter().enumerate().map(stage).collect::<Vec<_>>(),
            },
        }))
        .unwrap();
        Rule::new(&cascade).unwrap()
    }

    fn parent(namespace: Option<&str>, name: &str) -> ResourceId {
        ResourceId {
            kind: Kind::new("example.com", "Project"),
            namespace: namespace.map(Into::into),
            name: name.into(),
            uid: Uid::new(&format!("{}/{name}", namespace.unwrap_or_default())),
        }
    }

    fn source(kind: &str) -> CountSource {
        CountSource { kind: Kind::new("example.com", kind), label: "parent".to_owned() }
    }

    /// Objects in namespaces, by the values that they hold.
    fn count(tables: &mut CountTables, kind: &str, objects: &[(&str, &str)]) {
        let table = tables.table(&source(kind), true);
        table.begin_list();
        for (index, (namespace, value)) in objects.iter().enumerate() {
            table.apply(&format!("{kind}{index}"), Some(namespace), value, Version(9));
        }
        table.end_list();
    }

    fn counts(planned: &Planned) -> Vec<Option<u64>> {
        numbers(planned).2
    }

    #[test]
    fn c11_a_plan_counts_what_refers_to_the_parents_that_there_are() {
        let rule = rule(&[
            vec![dependents("Cluster", "Name", json!({}))],
            vec![
                dependents("Disk", "Name", json!({ "action": "Wait" })),
                dependents("Net", "Name", json!({})),
            ],
        ]);
        let mut tables = CountTables::default();
        count(
            &mut tables,
            "Cluster",
            &[("a", "web"), ("b", "web"), ("b", "web"), ("a", "api"), ("a", "orphan")],
        );
        count(&mut tables, "Disk", &[("a", "api"), ("a", "api"), ("a", "api")]);
        let long = "x".repeat(200);
        let parents = [parent(None, "web"), parent(None, "api"), parent(None, "new"), parent(None, &long)];
        let planned = tables.planned(&rule, &parents, time(0));
        assert_eq!(counts(&planned), [Some(4), Some(3), None], "of nets nothing is known");
        assert_eq!((planned.parents, planned.over_limit), (4, 1), "what is waited for is not limited");
        let stages: Vec<_> = planned.stages.iter().map(|stage| &*stage.name).collect();
        assert_eq!(stages, ["s0", "s1"]);
        assert_eq!(planned.stages[0].dependents[0].resource_version.as_deref(), Some("9"));
        assert_eq!(counts(&tables.planned(&rule, &[], time(0))), [Some(0), Some(0), None]);
        tables.get_mut(&source("Disk")).unwrap().distrust();
        assert_eq!(counts(&tables.planned(&rule, &parents, time(0))), [Some(4), None, None]);
    }

    #[test]
    fn c11_tenants_whose_parents_have_one_name_are_counted_apart() {
        let rule = rule(&[vec![dependents("Cluster", "Name", json!({}))]]);
        let mut tables = CountTables::default();
        count(&mut tables, "Cluster", &[("a", "web"), ("b", "web"), ("b", "web")]);
        let planned = |parent: ResourceId| counts(&tables.planned(&rule, &[parent], time(0)));
        assert_eq!(planned(parent(Some("a"), "web")), [Some(1)]);
        assert_eq!(planned(parent(Some("b"), "web")), [Some(2)]);
        let concerned = |namespace: &str| {
            let shrunk = [Referred { value: "web".into(), namespace: namespace.into() }];
            let parents = [parent(Some("a"), "web"), parent(Some("a"), "api"), parent(Some("b"), "web")];
            tables.concerned(&rule, &parents, (&source("Cluster"), &shrunk))
        };
        assert_eq!(concerned("a"), BTreeSet::from([parent(Some("a"), "web").uid]));
        assert_eq!(concerned("c"), BTreeSet::new());
    }

    #[test]
    fn c11_what_shrank_concerns_those_whom_it_refers_to() {
        let rule = rule(&[
            vec![dependents("Cluster", "Name", json!({}))],
            vec![dependents("Disk", "UID", json!({}))],
        ]);
        let mut tables = CountTables::default();
        count(&mut tables, "Cluster", &[]);
        count(&mut tables, "Disk", &[]);
        let parents = [parent(None, "web"), parent(None, "api")];
        let concerned = |kind: &str, value: &str| {
            let shrunk = [Referred { value: value.into(), namespace: "team".into() }];
            tables.concerned(&rule, &parents, (&source(kind), &shrunk)).len()
        };
        for (kind, value, expected) in
            [("Cluster", "web", 1), ("Cluster", "other", 0), ("Disk", "web", 0), ("Net", "web", 0)]
        {
            assert_eq!(concerned(kind, value), expected, "{kind} {value}");
        }
    }

    #[test]
    fn rules_say_what_is_to_be_counted_once() {
        let clusters = dependents("Cluster", "Name", json!({}));
        let rule = rule(&[vec![clusters.clone(), dependents("Disk", "Name", json!({}))], vec![clusters]]);
        let sources = rule.count_sources();
        let kinds: Vec<_> = sources.iter().map(|source| &*source.kind.kind).collect();
        assert_eq!(kinds, ["Cluster", "Disk"]);
    }

    #[test]
    fn c11_a_plan_is_written_at_most_every_half_minute_and_only_if_it_changed() {
        let with = |count: Option<u64>, version: &str, at| Planned {
            at: time(at),
            parents: 1,
            over_limit: 0,
            stages: vec![PlannedStage {
                name: "s".to_owned(),
                dependents: vec![PlannedDependents {
                    kind: "Cluster".to_owned(),
                    approximate_count: count,
                    resource_version: Some(version.to_owned()),
                }],
            }],
        };
        let before = with(Some(3), "7", 0);
        for (now, is_written) in [
            (with(Some(3), "9", 100), false),
            (with(Some(4), "9", 29), false),
            (with(Some(4), "9", 30), true),
            (with(Some(4), "9", -30), true),
            (with(None, "9", 1), true),
        ] {
            let written = planned(Some(&before), Some(&now), now.at).unwrap();
            assert_eq!(written == now, is_written, "{now:?}");
            assert!(is_written || written == before);
        }
        assert_eq!(planned(Some(&before), None, time(99)), Some(before.clone()), "what is not known stays");
        assert_eq!(planned(None, Some(&before), time(0)), Some(before));
    }
}

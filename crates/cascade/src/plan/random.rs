//! Random graphs of parents, labels, finalizers and edits, against a small model: what may be
//! deleted, what must be, and that every deletion ends.

mod model;
mod operator;

use std::collections::{BTreeMap, BTreeSet};

use rewitness_crds::Cascade;
use rewitness_crds::cascade::{ReferenceValue, confirm_annotation, record_annotation};

use self::model::{Node, Random, closure, random_cascade};

use super::*;
use crate::reference::{Scope, lookup};
use crate::testing::time;

const KINDS: [&str; 4] = ["Org", "Project", "Cluster", "Disk"];
const FOREIGN: &str = "other.example.com/x";

/// An object of the cluster. The first kind is cluster-scoped, the others live in a namespace.
#[derive(Clone, Debug)]
struct Thing {
    id: ResourceId,
    version: u64,
    created: i64,
    deleting: Option<i64>,
    finalizers: BTreeSet<String>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

struct Cluster {
    random: Random,
    things: BTreeMap<Uid, Thing>,
    cascades: Vec<Cascade>,
    rules: Vec<Rule>,
    graph: WaitGraph,
    serial: u64,
    /// What the operator has deleted.
    deleted: BTreeSet<Uid>,
    edits: bool,
    /// How many cycles were broken.
    cycles: usize,
}

impl Cluster {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let cascades: Vec<Cascade> = (0..=random.below(3))
            .map(|index| random_cascade(&mut random, index, "example.com", KINDS))
            .collect();
        let rules: Vec<Rule> = cascades.iter().map(|cascade| Rule::new(cascade).unwrap()).collect();
        let mut graph = WaitGraph::default();
        rules.iter().for_each(|rule| graph.follow(&rule.finalizer, &rule.parent.kind));
        let mut cluster = Self {
            random,
            cascades,
            rules,
            things: BTreeMap::new(),
            graph,
            serial: 0,
            deleted: BTreeSet::new(),
            edits: false,
            cycles: 0,
        };
        for _ in 0..6 + cluster.random.below(14) {
            cluster.create();
        }
        // Labels that point at whatever there is: trees, diamonds, cycles, oneself.
        for _ in 0..3 * cluster.things.len() {
            cluster.relabel();
        }
        cluster
    }

    fn any(&mut self) -> Option<Uid> {
        let count = self.things.len();
        (count > 0).then(|| self.things.keys().nth(self.random.below(count)).cloned()).flatten()
    }

    fn create(&mut self) {
        self.serial += 1;
        let kind = self.random.below(4);
        let name = format!("n{}", self.random.below(6));
        let namespace = (kind > 0).then(|| format!("ns{}", self.random.below(2)).into());
        let taken = |thing: &Thing| {
            (&*thing.id.kind.kind, &thing.id.namespace, &*thing.id.name) == (KINDS[kind], &namespace, &*name)
        };
        if self.things.values().any(taken) {
            return;
        }
        // In an order that has nothing to do with that of creation.
        let uid = Uid::new(&format!("{:04x}-{}", self.serial.wrapping_mul(40_503) & 0xffff, self.serial));
        let id = ResourceId {
            kind: Kind::new("example.com", KINDS[kind]),
            namespace,
            name: name.into(),
            uid: uid.clone(),
        };
        let holders = self.rules.iter().filter(|rule| rule.parent.kind == id.kind);
        let finalizers = holders.map(|rule| rule.finalizer.to_string()).collect();
        let thing = Thing {
            id,
            version: self.serial,
            created: self.serial as i64,
            deleting: None,
            finalizers,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
        };
        self.things.insert(uid, thing);
    }

    fn change(&mut self, uid: &Uid, change: impl FnOnce(&mut Thing)) {
        self.serial += 1;
        if let Some(thing) = self.things.get_mut(uid) {
            thing.version = self.serial;
            change(thing);
            if thing.deleting.is_some() && thing.finalizers.is_empty() {
                self.things.remove(uid);
            }
        }
    }

    fn any_of(&mut self, kind: &Kind) -> Option<Uid> {
        let of_kind: Vec<&Uid> =
            self.things.values().filter(|one| one.id.kind == *kind).map(|one| &one.id.uid).collect();
        (!of_kind.is_empty()).then(|| of_kind[self.random.below(of_kind.len())].clone())
    }

    /// Lets something refer to something, as a rule would have it, or no longer.
    fn relabel(&mut self) {
        let rule = self.rules[self.random.below(self.rules.len())].clone();
        let stage = &rule.current.stages[self.random.below(rule.current.stages.len())];
        let declared = &stage.dependents[self.random.below(stage.dependents.len())];
        let (Some(from), Some(to)) = (self.any_of(&declared.kind.kind), self.any_of(&rule.parent.kind))
        else {
            return;
        };
        let value = match declared.value {
            ReferenceValue::Name => self.things[&to].id.name.to_string(),
            _ => to.to_string(),
        };
        let drop = self.random.chance(15);
        self.change(&from, |thing| {
            match drop {
                true => thing.labels.remove(declared.label.as_str()),
                false => thing.labels.insert(declared.label.to_string(), value),
            };
        });
    }

    fn mark_deleted(&mut self, uid: &Uid) {
        let now = self.serial as i64;
        self.change(uid, |thing| thing.deleting = thing.deleting.or(Some(now)));
    }

    fn delete_a_root(&mut self) {
        let kind = self.rules[0].parent.kind.clone();
        if let Some(root) = self.any_of(&kind) {
            self.mark_deleted(&root);
        }
    }

    /// What other people do meanwhile.
    fn edit(&mut self) {
        if !self.edits || !self.random.chance(40) {
            return;
        }
        let Some(uid) = self.any() else { return };
        match self.random.below(6) {
            0 => self.create(),
            1 | 2 => self.relabel(),
            3 => self.mark_deleted(&uid),
            4 => self.change(&uid, |_| {}),
            _ => self.change(&uid, |thing| {
                // Nobody can add one to what is being deleted.
                if !thing.finalizers.remove(FOREIGN) && thing.deleting.is_none() {
                    thing.finalizers.insert(FOREIGN.to_owned());
                }
            }),
        }
    }

    /// Everything that goes with what is being deleted, by the model.
    fn doomed(&self) -> BTreeSet<Uid> {
        let nodes: Vec<Node> = self.things.values().map(Thing::as_node).collect();
        let deleting = self.things.values().filter(|thing| thing.deleting.is_some());
        let deleted = deleting.map(|thing| thing.id.uid.to_string()).collect();
        closure(&nodes, &self.cascades, deleted).iter().map(|uid| Uid::new(uid)).collect()
    }
}

impl Thing {
    fn as_node(&self) -> Node {
        Node {
            kind: self.id.kind.kind.to_string(),
            name: self.id.name.to_string(),
            uid: self.id.uid.to_string(),
            labels: self.labels.clone(),
        }
    }

    fn as_dependent(&self) -> Dependent {
        Dependent {
            id: self.id.clone(),
            version: self.version.to_string(),
            created: Some(time(self.created)),
            deleting: self.deleting.map(time),
            finalizers: self.finalizers.iter().cloned().collect(),
        }
    }

    fn as_parent(&self) -> LiveParent {
        LiveParent {
            id: self.id.clone(),
            version: self.version.to_string(),
            deleting: self.deleting.map(|at| time(at).to_string()),
            finalizers: self.finalizers.iter().cloned().collect(),
            annotations: self.annotations.clone(),
        }
    }
}

/// B23, C9.
#[test]
fn fault_b23_in_any_graph_exactly_what_the_labels_say_is_deleted_and_every_deletion_ends() {
    let (mut cycles, mut cascades) = (0, 0);
    for seed in 0..1200 {
        let mut cluster = Cluster::new(seed);
        for _ in 0..=cluster.random.below(2) {
            cluster.delete_a_root();
        }
        let before: BTreeSet<Uid> = cluster.things.keys().cloned().collect();
        let expected: BTreeSet<Uid> = before.difference(&cluster.doomed()).cloned().collect();
        cluster.settle();
        let left: BTreeSet<Uid> = cluster.things.keys().cloned().collect();
        assert_eq!(left, expected, "seed {seed}");
        assert!(cluster.graph.is_empty(), "seed {seed}: {:?}", cluster.graph);
        cycles += cluster.cycles;
        cascades += usize::from(cluster.deleted.len() > 3);
    }
    assert!(
        cycles > 120 && cascades > 240,
        "the graphs are too simple: {cycles} cycles, {cascades} cascades"
    );
}

/// B2, B8, B9, B13, B23: whatever others do meanwhile.
#[test]
fn whatever_others_do_meanwhile_nothing_unrelated_is_deleted_and_every_deletion_ends() {
    for seed in 0..600 {
        let mut cluster = Cluster::new(seed ^ 0x5eed);
        cluster.delete_a_root();
        cluster.edits = true;
        for _ in 0..30 {
            let Some(thing) = cluster.any() else { break };
            let id = cluster.things[&thing].id.clone();
            let rule = cluster.random.below(cluster.rules.len());
            let thing = &cluster.things[&thing];
            if thing.deleting.is_some() && thing.finalizers.contains(&*cluster.rules[rule].finalizer) {
                cluster.reconcile(rule, &id);
            }
            cluster.edit();
        }
        cluster.edits = false;
        for uid in cluster.things.keys().cloned().collect::<Vec<_>>() {
            cluster.change(&uid, |thing| {
                thing.finalizers.remove(FOREIGN);
            });
        }
        cluster.settle();
        let stuck: Vec<_> = cluster.things.values().filter(|thing| thing.deleting.is_some()).collect();
        assert!(stuck.is_empty(), "seed {seed}: {stuck:#?}");
    }
}

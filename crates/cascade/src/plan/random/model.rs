//! Random Cascades, and what they make of a graph. The simulated cluster beside this and the real one
//! in `e2e` are held against this one model, which knows of no code that decides anything.

use std::collections::{BTreeMap, BTreeSet};

use rewitness_crds::Cascade;
use rewitness_crds::cascade::{Dependents, ReferenceValue};
use serde_json::{Value, json};

/// SplitMix64: a seed is enough to see a failure again.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) % bound as u64) as usize
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// A Cascade between these kinds of a group. The first kind has no namespace, the others live in
/// namespaces; the last is no parent.
pub(crate) fn random_cascade(random: &mut Random, index: usize, group: &str, kinds: [&str; 4]) -> Cascade {
    let (version, parent) = (format!("{group}/v1"), random.below(3));
    let stages: Vec<Value> = (0..=random.below(2))
        .map(|stage| {
            let dependents: Vec<Value> = (0..=random.below(2))
                .map(|_| {
                    let value = if parent == 0 && random.chance(50) { "Name" } else { "UID" };
                    json!({
                        "apiVersion": version, "kind": kinds[random.below(4)],
                        "reference": { "label": format!("r{index}"), "value": value }, "scope": "AllNamespaces",
                    })
                })
                .collect();
            json!({ "name": format!("s{stage}"), "dependents": dependents })
        })
        .collect();
    let cascade = json!({
        "apiVersion": "rewitness.dev/v1alpha1", "kind": "Cascade", "metadata": { "name": format!("r{index}") },
        "spec": {
            "mode": "Enforce", "stages": stages,
            "parent": { "apiVersion": version, "kind": kinds[parent] },
            "limits": { "maxDependents": if random.chance(30) { 2 } else { 100 } },
        },
    });
    serde_json::from_value(cascade).unwrap()
}

/// An object, as far as Cascades are concerned.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) labels: BTreeMap<String, String>,
}

/// What an object's label says of its parent by this kind of dependents.
pub(crate) fn reference(declared: &Dependents, parent: &Node) -> (String, String) {
    let value = match declared.reference.value {
        ReferenceValue::Name => &parent.name,
        _ => &parent.uid,
    };
    (declared.reference.label.to_string(), value.clone())
}

/// Everything that goes with these objects, they included, by the Cascades and the labels alone.
pub(crate) fn closure(nodes: &[Node], cascades: &[Cascade], deleted: BTreeSet<String>) -> BTreeSet<String> {
    let (mut gone, mut open) = (BTreeSet::new(), deleted);
    while let Some(uid) = open.pop_first() {
        let Some(parent) = nodes.iter().find(|node| node.uid == uid) else { continue };
        gone.insert(uid);
        for cascade in cascades.iter().filter(|cascade| cascade.spec.parent.kind == parent.kind) {
            for declared in cascade.spec.stages.iter().flat_map(|stage| &stage.dependents) {
                let (label, value) = reference(declared, parent);
                let refers =
                    |node: &&Node| node.kind == declared.kind && node.labels.get(&label) == Some(&value);
                let found = nodes.iter().filter(refers).map(|node| node.uid.clone());
                open.extend(found.filter(|uid| !gone.contains(uid)));
            }
        }
    }
    gone
}

//! C9, B23: random graphs on the real server, held against the model of the simulated ones.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use rewitness_controlplane::until;
use rewitness_crds::Cascade;
use serde_json::json;

use self::model::{Node, Random, closure, random_cascade, reference};
use rewitness_e2e::follower::Operator;
use rewitness_e2e::lab::{FOREIGN, Lab, SOON, soon};

#[expect(clippy::unwrap_used, reason = "what it makes is a Cascade, or the test is wrong")]
#[path = "../../../crates/cascade/src/plan/random/model.rs"]
mod model;

const KINDS: [&str; 4] = ["Project", "Space", "Cluster", "Disk"];
const GRAPHS: u64 = 8;

/// A graph on the server, and what is known of it.
struct Graph {
    lab: Lab,
    random: Random,
    namespaces: [String; 2],
    cascades: Vec<Cascade>,
    nodes: Vec<Node>,
    places: BTreeMap<String, String>,
}

impl Graph {
    async fn new(seed: u64) -> Result<Self> {
        let lab = Lab::new().await?;
        let mut random = Random(seed);
        let cascade = |index| {
            let mut cascade = random_cascade(&mut random, index, &lab.group, KINDS);
            // Confirmations have tests of their own.
            cascade.spec.limits.max_dependents = 100;
            cascade
        };
        let count = 1 + Random(seed ^ 0xc0).below(4);
        let cascades = (0..count).map(cascade).collect();
        let namespaces = [lab.ns.clone(), lab.plane.namespace("cascade").await?];
        let (nodes, places) = (Vec::new(), BTreeMap::new());
        let mut graph = Self { lab, random, namespaces, cascades, nodes, places };
        for serial in 0..8 + graph.random.below(12) {
            graph.create(serial).await?;
        }
        Ok(graph)
    }

    async fn create(&mut self, serial: usize) -> Result<()> {
        let kind = KINDS[self.random.below(4)];
        let ns = self.namespaces[self.random.below(2)].clone();
        let name = format!("n{serial}");
        let made = self.lab.create_in(kind, &ns, &name, None).await?;
        let uid = made.metadata.uid.context("an object has a uid")?;
        self.places.insert(uid.clone(), ns);
        self.nodes.push(Node { kind: kind.to_owned(), name, uid, labels: BTreeMap::new() });
        Ok(())
    }

    fn api(&self, node: &Node) -> Api<DynamicObject> {
        self.lab.api_in(&node.kind, &self.places[&node.uid])
    }

    /// Changes an object that may have gone.
    async fn patch(&self, node: &Node, metadata: serde_json::Value) -> Result<()> {
        let patch = Patch::Merge(json!({ "metadata": metadata }));
        match self.api(node).patch(&node.name, &PatchParams::default(), &patch).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            done => done.map(drop).map_err(Into::into),
        }
    }

    /// An object of this kind, of those that are not doomed.
    fn any(&mut self, kind: &str, doomed: &BTreeSet<String>) -> Option<usize> {
        let fits = |node: &Node| node.kind == kind && !doomed.contains(&node.uid);
        let found: Vec<usize> = (0..self.nodes.len()).filter(|index| fits(&self.nodes[*index])).collect();
        (!found.is_empty()).then(|| found[self.random.below(found.len())])
    }

    /// Lets something refer to something, as a Cascade would have it: trees, diamonds, cycles, oneself. None
    /// of both is doomed.
    fn relabel(&mut self, doomed: &BTreeSet<String>) -> Option<usize> {
        let spec = self.cascades[self.random.below(self.cascades.len())].spec.clone();
        let stage = &spec.stages[self.random.below(spec.stages.len())];
        let declared = &stage.dependents[self.random.below(stage.dependents.len())];
        let from = self.any(&declared.kind, doomed)?;
        let to = self.any(&spec.parent.kind, doomed)?;
        let (label, value) = reference(declared, &self.nodes[to]);
        self.nodes[from].labels.insert(label, value);
        Some(from)
    }

    async fn write_labels(&self, node: usize) -> Result<()> {
        let node = &self.nodes[node];
        self.patch(node, json!({ "labels": node.labels })).await
    }

    /// Waits until every parent is held by each of its Cascades.
    async fn held(&self) -> Result<()> {
        for cascade in &self.cascades {
            let name = cascade.metadata.name.as_deref().unwrap_or_default();
            let finalizer = rewitness_crds::cascade::finalizer(name);
            for parent in self.nodes.iter().filter(|node| node.kind == cascade.spec.parent.kind) {
                let api = self.api(parent);
                until(&format!("{} is held", parent.name), SOON, async || {
                    let finalizers = api.get(&parent.name).await?.metadata.finalizers;
                    Ok(finalizers.unwrap_or_default().contains(&finalizer).then_some(()))
                })
                .await?;
            }
        }
        Ok(())
    }

    /// What other people do meanwhile; what is doomed stays so, and nothing else becomes it.
    async fn edit(&mut self, doomed: &BTreeSet<String>) -> Result<()> {
        match self.random.below(4) {
            0 => self.create(self.nodes.len() + 100).await,
            1 | 2 => match self.relabel(doomed) {
                Some(node) => self.write_labels(node).await,
                None => Ok(()),
            },
            _ => {
                let (node, tick) = (self.random.below(self.nodes.len()), self.random.below(1000));
                self.patch(&self.nodes[node], json!({ "annotations": { "tick": tick.to_string() } })).await
            }
        }
    }

    /// The uids of what is left, and whether all of it is live.
    async fn left(&self) -> Result<(BTreeSet<String>, bool)> {
        let (mut left, mut live) = (BTreeSet::new(), true);
        for kind in KINDS {
            let all: Api<DynamicObject> = Api::all_with(self.lab.client.clone(), self.lab.resource(kind));
            for object in all.list(&Default::default()).await? {
                live &= object.metadata.deletion_timestamp.is_none();
                left.extend(object.metadata.uid);
            }
        }
        Ok((left, live))
    }
}

/// Answers how many objects were deleted.
async fn what_is_deleted_is_what_the_model_says(seed: u64) -> Result<usize> {
    let mut graph = Graph::new(seed).await?;
    for _ in 0..3 * graph.nodes.len() {
        graph.relabel(&BTreeSet::new());
    }
    for node in 0..graph.nodes.len() {
        graph.write_labels(node).await?;
    }
    let rules: Vec<&Cascade> = graph.cascades.iter().collect();
    let operator = Operator::start(graph.lab.operator_client().await?, &rules)?;
    graph.held().await?;
    let root = graph.cascades[0].spec.parent.kind.clone();
    let roots: BTreeSet<usize> =
        (0..=graph.random.below(2)).filter_map(|_| graph.any(&root, &BTreeSet::new())).collect();
    let uids = roots.iter().map(|root| graph.nodes[*root].uid.clone()).collect();
    let doomed = closure(&graph.nodes, &graph.cascades, uids);
    let mut kept = Vec::new();
    for index in 0..graph.nodes.len() {
        // Parents have finalizers that a merge patch would take off.
        let is_parent = graph.cascades.iter().any(|one| one.spec.parent.kind == graph.nodes[index].kind);
        if !is_parent && graph.random.chance(20) {
            graph.patch(&graph.nodes[index], json!({ "finalizers": [FOREIGN] })).await?;
            kept.push(index);
        }
    }
    for root in &roots {
        let node = &graph.nodes[*root];
        graph.api(node).delete(&node.name, &DeleteParams::default()).await?;
    }
    for _ in 0..12 {
        graph.edit(&doomed).await?;
    }
    for index in kept {
        graph.patch(&graph.nodes[index], json!({ "finalizers": null })).await?;
    }
    let expected: BTreeSet<String> =
        graph.nodes.iter().map(|node| node.uid.clone()).filter(|uid| !doomed.contains(uid)).collect();
    let settled = until("every deletion ends", soon(), async || {
        let (left, live) = graph.left().await?;
        Ok((live && left.is_disjoint(&doomed)).then_some(left))
    });
    let left = settled.await.with_context(|| format!("seed {seed}: {doomed:?} of {:#?}", graph.nodes))?;
    assert_eq!(left, expected, "seed {seed}: {:#?} by {:#?}", graph.nodes, graph.cascades);
    assert!(operator.rules.iter().all(|rule| rule.handle.progress().lost == 0), "seed {seed}");
    Ok(doomed.len())
}

#[tokio::test]
pub(crate) async fn fault_b23_in_random_graphs_on_a_real_server_what_is_deleted_is_what_the_model_says()
-> Result<()> {
    let mut deleted = 0;
    for seed in 0..GRAPHS {
        deleted += what_is_deleted_is_what_the_model_says(seed).await?;
    }
    assert!(deleted > 3 * GRAPHS as usize, "the graphs are too simple: {deleted} objects were deleted");
    Ok(())
}

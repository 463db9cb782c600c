use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use rewitness_messaging::{Kind, ResourceId, Uid};

use super::dependent::LiveParent;
use crate::api::KindRef;

/// Who waits for whom, among the parents whose deletion is under way; one graph for all Cascades of
/// a process.
///
/// Deletions that wait for each other would wait for ever. A *cycle* is a set of parents that wait
/// for nothing outside of it, in which each waits for each other by some way, and on which there
/// are no finalizers but those by which they wait. It is broken at the parent with the smallest uid.
#[derive(Debug, Default)]
pub(crate) struct WaitGraph {
    nodes: HashMap<Uid, Node>,
    /// The Cascades that this process follows, by their finalizers.
    followed: HashMap<Arc<str>, Followed>,
}

#[derive(Debug)]
struct Node {
    member: Member,
    /// By the finalizer of each Cascade: what the parent waits for.
    waits: BTreeMap<Arc<str>, BTreeSet<Uid>>,
}

/// A Cascade that is followed, by one subscription or, while one takes the place of another, by two.
#[derive(Debug)]
struct Followed {
    parents: Kind,
    subscriptions: usize,
}

/// One parent of a cycle, as the graph knows it; to be read again before the cycle is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) id: ResourceId,
    pub(crate) kind: KindRef,
    pub(crate) finalizers: BTreeSet<String>,
}

impl WaitGraph {
    /// A Cascade is followed from now on.
    pub(crate) fn follow(&mut self, finalizer: &Arc<str>, parents: &Kind) {
        let followed = self
            .followed
            .entry(finalizer.clone())
            .or_insert_with(|| Followed { parents: parents.clone(), subscriptions: 0 });
        followed.parents = parents.clone();
        followed.subscriptions += 1;
    }

    /// Whether a finalizer on an object is one that a Cascade of this process removes in the end. Anybody can
    /// write one that looks like it.
    pub(crate) fn removes(&self, finalizer: &str, from: &Kind) -> bool {
        self.followed.get(finalizer).is_some_and(|followed| followed.parents == *from)
    }

    /// By `finalizer`, `parent` waits for exactly these.
    pub(crate) fn wait(
        &mut self,
        parent: &LiveParent,
        kind: &KindRef,
        finalizer: &Arc<str>,
        waits: BTreeSet<Uid>,
    ) {
        let node = self.nodes.entry(parent.id.uid.clone()).or_insert_with(|| Node {
            member: Member { id: parent.id.clone(), kind: kind.clone(), finalizers: BTreeSet::new() },
            waits: BTreeMap::new(),
        });
        node.member.finalizers = parent.finalizers.iter().cloned().collect();
        node.waits.insert(finalizer.clone(), waits);
    }

    /// By `finalizer`, a parent no longer waits, or nobody knows for what.
    pub(crate) fn forget(&mut self, parent: &Uid, finalizer: &str) {
        if let Some(node) = self.nodes.get_mut(parent) {
            node.waits.remove(finalizer);
            if node.waits.is_empty() {
                self.nodes.remove(parent);
            }
        }
    }

    /// A subscription of the Cascade with this finalizer has ended: nobody tells any more what its parents wait
    /// for.
    pub(crate) fn unfollow(&mut self, finalizer: &str) {
        if let Some(followed) = self.followed.get_mut(finalizer) {
            followed.subscriptions -= 1;
            if followed.subscriptions == 0 {
                self.followed.remove(finalizer);
            }
        }
        self.nodes.retain(|_, node| {
            node.waits.remove(finalizer);
            !node.waits.is_empty()
        });
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The cycle that `parent` is to be released from, if by `finalizer` it waited for exactly
    /// `waits`: `None` if there is no cycle, or another is to be released first.
    pub(crate) fn cycle(
        &self,
        parent: &LiveParent,
        finalizer: &str,
        waits: &BTreeSet<Uid>,
    ) -> Option<Vec<Member>> {
        let view = View { graph: self, parent, finalizer, waits };
        let members = view.reachable()?;
        let everyone_reaches_parent = members.iter().all(|uid| view.reaches(uid, &parent.id.uid));
        let first = members.first()?;
        let is_cycle = members.len() > 1 && everyone_reaches_parent && **first == parent.id.uid;
        let others = members.iter().filter(|uid| **uid != &parent.id.uid);
        let others = others.filter_map(|uid| self.nodes.get(uid)).map(|node| node.member.clone());
        is_cycle.then(|| others.collect())
    }
}

/// The graph, as it were if one parent waited for something else than it says.
struct View<'a> {
    graph: &'a WaitGraph,
    parent: &'a LiveParent,
    finalizer: &'a str,
    waits: &'a BTreeSet<Uid>,
}

impl<'a> View<'a> {
    /// What a parent waits for. `None` if it is not being deleted, or if something keeps it that no
    /// Cascade here knows of.
    ///
    /// A wait counts as long as its finalizer is there. Without it nothing waits by it, although
    /// somebody may once have said so.
    fn waits_of(&self, uid: &Uid) -> Option<BTreeSet<&'a Uid>> {
        let node = self.graph.nodes.get(uid);
        let is_parent = *uid == self.parent.id.uid;
        let wait_by = |finalizer: &str| match is_parent && finalizer == self.finalizer {
            true => Some(self.waits),
            false => node?.waits.get(finalizer),
        };
        let mut all = BTreeSet::new();
        let finalizers: Vec<&String> = match is_parent {
            true => self.parent.finalizers.iter().collect(),
            false => node?.member.finalizers.iter().collect(),
        };
        for finalizer in finalizers {
            all.extend(wait_by(finalizer)?);
        }
        Some(all)
    }

    /// Everything that the parent waits for by any way, and itself. `None` if something of it is
    /// not waiting, so that the wait may end by itself.
    fn reachable(&self) -> Option<BTreeSet<&'a Uid>> {
        let mut seen: BTreeSet<&Uid> = BTreeSet::from([&self.parent.id.uid]);
        let mut open = vec![&self.parent.id.uid];
        while let Some(uid) = open.pop() {
            for next in self.waits_of(uid)? {
                if seen.insert(next) {
                    open.push(next);
                }
            }
        }
        Some(seen)
    }

    fn reaches(&self, from: &Uid, to: &Uid) -> bool {
        let mut seen = BTreeSet::from([from]);
        let mut open = vec![from];
        while let Some(uid) = open.pop() {
            if uid == to {
                return true;
            }
            open.extend(self.waits_of(uid).into_iter().flatten().filter(|next| seen.insert(next)));
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use rewitness_messaging::Kind;

    use super::*;
    use crate::testing::parent;

    const RULE: &str = "cascade.rewitness.dev/project";

    fn kind() -> KindRef {
        KindRef { kind: Kind::new("example.com", "Project"), version: "v1".to_owned() }
    }

    /// Edges as `"a b"`: a waits for b.
    fn graph(edges: &[&str]) -> WaitGraph {
        let mut waits: BTreeMap<&str, BTreeSet<Uid>> = BTreeMap::new();
        for edge in edges {
            let (from, to) = edge.split_once(' ').unwrap();
            waits.entry(from).or_default().insert(to.into());
        }
        let mut graph = WaitGraph::default();
        for (from, to) in waits {
            graph.wait(&parent(from), &kind(), &RULE.into(), to);
        }
        graph
    }

    fn released(graph: &WaitGraph, uid: &str) -> bool {
        let waits = graph.nodes.get(&uid.into()).map(|node| node.waits[RULE].clone()).unwrap_or_default();
        graph.cycle(&parent(uid), RULE, &waits).is_some()
    }

    /// A subscription that takes the place of another may begin before that one has ended.
    #[test]
    fn a_cascade_is_followed_until_the_last_of_its_subscriptions_has_ended() {
        let (mut graph, kind) = (WaitGraph::default(), kind().kind);
        graph.follow(&RULE.into(), &kind);
        graph.follow(&RULE.into(), &kind);
        graph.unfollow(RULE);
        assert!(graph.removes(RULE, &kind));
        graph.unfollow(RULE);
        assert!(!graph.removes(RULE, &kind));
    }

    #[test]
    fn a_cycle_is_broken_at_the_smallest_uid_alone() {
        for (edges, expected) in [
            (&["a b", "b a"][..], "a"),
            (&["a b", "b c", "c a"], "a"),
            // A diamond waits for its end, and is no cycle.
            (&["a b", "a c", "b d", "c d"], ""),
            // Two cycles that share nothing.
            (&["a b", "b a", "c d", "d c"], "ac"),
            // `a` waits for a cycle that will be broken without it.
            (&["a b", "b c", "c b"], "b"),
            // One of the two waits for something that is not waiting.
            (&["a b", "b a", "b x"], ""),
            // A cycle with a chord.
            (&["a b", "b c", "c a", "c b"], "a"),
        ] {
            let graph = graph(edges);
            let found: String = "abcd".chars().filter(|uid| released(&graph, &uid.to_string())).collect();
            assert_eq!(found, expected, "{edges:?}");
        }
    }

    #[test]
    fn a_finalizer_that_is_not_a_wait_keeps_the_cycle_tied() {
        let mut graph = graph(&["a b", "b a"]);
        let mut held = parent("b");
        held.finalizers.push("other.example.com/x".to_owned());
        graph.wait(&held, &kind(), &RULE.into(), BTreeSet::from(["a".into()]));
        assert!(!released(&graph, "a"));
        // Once the other finalizer is a wait as well, and for nothing outside, it is a cycle again.
        graph.wait(&held, &kind(), &"other.example.com/x".into(), BTreeSet::from(["a".into()]));
        assert!(released(&graph, "a"));
        graph.forget(&"b".into(), "other.example.com/x");
        assert!(!released(&graph, "a"));
    }

    /// A rule was left: its finalizer is off, and its waits are still known.
    #[test]
    fn c9_a_wait_without_its_finalizer_keeps_no_cycle_tied() {
        let mut graph = graph(&["a b", "b a"]);
        let left = "cascade.rewitness.dev/left";
        for uid in ["a", "b"] {
            graph.wait(&parent(uid), &kind(), &left.into(), BTreeSet::from(["x".into()]));
        }
        assert!(released(&graph, "a"));
        let mut held = parent("b");
        held.finalizers.push(left.to_owned());
        graph.wait(&held, &kind(), &RULE.into(), BTreeSet::from(["a".into()]));
        assert!(!released(&graph, "a"), "while it is there, it waits for another");
        graph.unfollow(left);
        assert!(!released(&graph, "a"), "nobody knows for what it waits");
        graph.wait(&parent("b"), &kind(), &RULE.into(), BTreeSet::from(["a".into()]));
        assert!(released(&graph, "a"));
        graph.unfollow(RULE);
        assert!(graph.is_empty());
    }

    #[test]
    fn the_question_can_be_what_if() {
        let graph = graph(&["a x", "b a"]);
        assert!(!released(&graph, "a"));
        assert!(graph.cycle(&parent("a"), RULE, &BTreeSet::from(["b".into()])).is_some());
    }
}

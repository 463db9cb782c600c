//! What an operator does to the simulated cluster: each step as the consumer makes it.

use super::*;

impl Cluster {
    /// What refers to a parent by one kind of dependents of a rule.
    fn referring(&self, declared: &DependentKind, parent: &ResourceId) -> Vec<&Thing> {
        let scope = Scope::of(&*declared.kind.kind.kind != KINDS[0]);
        let Some(found) = lookup(declared, parent, scope).ok().flatten() else { return Vec::new() };
        let refers = |thing: &&Thing| {
            thing.id.kind == declared.kind.kind
                && thing.labels.get(declared.label.as_str()) == Some(&found.value)
        };
        self.things.values().filter(refers).collect()
    }

    fn list(&self, rule: &Rule, parent: &ResourceId) -> Vec<Listing> {
        let mut listings = Vec::new();
        for (stage, declared) in rule.current.stages.iter().enumerate() {
            for (index, declared) in declared.dependents.iter().enumerate() {
                let found = self.referring(declared, parent).into_iter().map(Thing::as_dependent).collect();
                listings.push(Listing { place: (stage, index), found: Ok(found) });
            }
        }
        listings
    }

    /// One reconciliation of a deleting parent. Whether it got anywhere.
    pub(super) fn reconcile(&mut self, rule: usize, delivered: &ResourceId) -> bool {
        let rule = self.rules[rule].clone();
        let mut empty_rounds = 0;
        loop {
            let listings = self.list(&rule, delivered);
            self.edit();
            let parent = self.things.get(&delivered.uid).map(Thing::as_parent);
            let protection = Protection::default();
            let next = plan(&Situation {
                rule: &rule,
                revision: &rule.current,
                delivered,
                parent: parent.as_ref(),
                listings: &listings,
                empty_rounds,
                missing_rights: &[],
                protection: &protection,
                graph: Some(&self.graph),
                hour_remaining: 1_000_000,
                kind_removed: false,
                now: time(0),
            });
            let Some(parent) = parent else {
                self.graph.forget(&delivered.uid, &rule.finalizer);
                return true;
            };
            match next {
                Next::Leave => {
                    self.graph.forget(&delivered.uid, &rule.finalizer);
                    return true;
                }
                Next::LookAgain => empty_rounds += 1,
                Next::Wait(remainder) => {
                    self.note(&parent, &rule, remainder);
                    return false;
                }
                Next::Refuse(Refused::Unconfirmed(unconfirmed)) => {
                    // Somebody confirms, sooner or later.
                    self.graph.forget(&delivered.uid, &rule.finalizer);
                    let annotation = confirm_annotation(&rule.name);
                    self.change(&delivered.uid, |thing| {
                        thing.annotations.insert(annotation, unconfirmed.hash);
                    });
                    return true;
                }
                Next::Delete(deletion) => {
                    self.delete(&parent, &rule, deletion);
                    return true;
                }
                Next::Release(members) => return self.release(&parent, &rule, &members),
                next => panic!("{next:?}"),
            }
        }
    }

    fn note(&mut self, parent: &LiveParent, rule: &Rule, remainder: Remainder) {
        match remainder.blocks {
            Some(waits) => self.graph.wait(parent, &rule.parent, &rule.finalizer, waits),
            None => self.graph.forget(&parent.id.uid, &rule.finalizer),
        }
    }

    fn delete(&mut self, parent: &LiveParent, rule: &Rule, deletion: Deletion) {
        if let Some((record, _)) = deletion.record {
            let text = serde_json::to_string(&record).unwrap();
            let annotation = record_annotation(&rule.name);
            self.change(&parent.id.uid, |thing| {
                thing.annotations.insert(annotation, text);
            });
        }
        self.note(parent, rule, deletion.remainder);
        for target in deletion.targets {
            self.edit();
            let uid = &target.dependent.id.uid;
            let Some(thing) = self.things.get(uid) else { continue };
            let declared = &rule.current.stages[target.place.0].dependents[target.place.1];
            let refers = self.referring(declared, &parent.id).iter().any(|one| one.id.uid == *uid);
            let unchanged = thing.version.to_string() == target.dependent.version;
            assert!(refers || !unchanged, "the version does not tell that {uid} was relabelled");
            // A conflict is read again.
            if thing.deleting.is_none() && refers {
                let alive = self.things.get(&parent.id.uid);
                let held = alive
                    .is_some_and(|one| one.deleting.is_some() && one.finalizers.contains(&*rule.finalizer));
                assert!(held, "{uid} is deleted for {} that is not deleting and held", parent.id);
                self.deleted.insert(uid.clone());
                self.mark_deleted(&uid.clone());
            }
        }
    }

    fn release(&mut self, parent: &LiveParent, rule: &Rule, members: &[Member]) -> bool {
        let same = |member: &Member| {
            let thing = self.things.get(&member.id.uid);
            thing.is_some_and(|thing| thing.deleting.is_some() && thing.finalizers == member.finalizers)
        };
        let unchanged =
            self.things.get(&parent.id.uid).is_some_and(|one| one.version.to_string() == parent.version);
        if !members.iter().all(same) || !unchanged {
            return true;
        }
        if !self.edits {
            let declared = rule.current.stages.iter().flat_map(|stage| &stage.dependents);
            for left in declared.flat_map(|declared| self.referring(declared, &parent.id)) {
                let tied =
                    members.iter().any(|member| member.id.uid == left.id.uid) || left.id.uid == parent.id.uid;
                assert!(tied, "{} goes before {}", parent.id, left.id);
            }
        }
        self.cycles += usize::from(!members.is_empty());
        self.graph.forget(&parent.id.uid, &rule.finalizer);
        self.change(&parent.id.uid, |thing| {
            thing.finalizers.remove(&*rule.finalizer);
        });
        true
    }

    /// Reconciles in a random order until nothing happens any more.
    pub(super) fn settle(&mut self) {
        let mut rest = 0;
        for _ in 0..2000 {
            let mut due: Vec<(usize, ResourceId)> = Vec::new();
            for thing in self.things.values().filter(|thing| thing.deleting.is_some()) {
                let held = self
                    .rules
                    .iter()
                    .enumerate()
                    .filter(|(_, rule)| thing.finalizers.contains(&*rule.finalizer));
                due.extend(held.map(|(index, _)| (index, thing.id.clone())));
            }
            let mut progress = false;
            while !due.is_empty() {
                let (rule, id) = due.swap_remove(self.random.below(due.len()));
                progress |= self.reconcile(rule, &id);
            }
            // The first sweep without progress may have completed the graph of who waits for whom.
            rest = if progress { 0 } else { rest + 1 };
            if rest == 2 {
                return;
            }
        }
        panic!("it does not come to rest");
    }
}

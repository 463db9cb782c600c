//! What each finalizer of the subject means.

use rewitness_crds::cascade::{self, CASCADE_FINALIZER};
use rewitness_crds::{HOLD_PREFIX as PREFIX, Reason};

use super::decision::Decision;
use crate::step::Step;
use crate::why::facts::Subject;
use crate::why::owners;
use crate::why::verdict::{Finding, Weight};

impl Decision<'_> {
    /// What keeps an object that is being deleted.
    pub(super) fn kept_by(&self, subject: &Subject) -> Vec<Finding> {
        let found: Vec<Finding> =
            subject.finalizers.iter().map(|finalizer| self.finalizer(subject, finalizer)).collect();
        if found.is_empty() { self.kept_by_nothing(subject).into_iter().collect() } else { found }
    }

    /// What would keep an object that is not being deleted; what Cascades that are about it would do is
    /// another finding.
    pub(super) fn would_be_kept(&self, subject: &Subject) -> Vec<Finding> {
        let holdings = || self.facts.holdings.get(&subject.id.uid).into_iter().flatten();
        let is_about_it = |name: &str| holdings().any(|holding| holding.cascade == name);
        let others = subject
            .finalizers
            .iter()
            .filter(|finalizer| !cascade::of_finalizer(finalizer).is_some_and(is_about_it));
        let findings = others.map(|finalizer| {
            let by_hand = finalizer.strip_prefix(PREFIX);
            let whose = match (cascade::of_finalizer(finalizer), by_hand, owners::find(finalizer)) {
                (Some(name), ..) => self.whose_cascade(name),
                (_, Some(name), _) => format!("`{} tail --hold {name}`", self.commands.program),
                (.., Some(owner)) => owner.name.to_owned(),
                _ => self.writer(subject, finalizer),
            };
            let message = format!("a deletion would wait for {finalizer}: {whose}");
            Finding::new(Weight::Note, Reason::WouldWait, message).by_finalizer(finalizer)
        });
        findings.collect()
    }

    fn whose_cascade(&self, name: &str) -> String {
        match self.facts.cascade(name) {
            Ok(Some(_)) => format!("the Cascade {name}"),
            Ok(None) => format!("the Cascade {name} does not exist: nobody lets it go"),
            Err(unread) => format!("the Cascade {name}, which could not be read: {unread}"),
        }
    }

    fn finalizer(&self, subject: &Subject, finalizer: &str) -> Finding {
        if let Some(name) = cascade::of_finalizer(finalizer) {
            return self.held_by_cascade(subject, name);
        }
        match finalizer.strip_prefix(PREFIX) {
            Some(name) => self.held_by_hand(subject, finalizer, name),
            None if finalizer == "foregroundDeletion" => self.foreground(subject),
            None if finalizer == "customresourcecleanup.apiextensions.k8s.io" => self.definition(subject),
            None if finalizer == CASCADE_FINALIZER => self.leaving(subject),
            None => self.kept_by_others(subject, finalizer),
        }
    }

    fn held_by_hand(&self, subject: &Subject, finalizer: &str, name: &str) -> Finding {
        let message = format!(
            "kept by {finalizer}: `{} tail --hold {name}` lets it go once its command has succeeded",
            self.commands.program
        );
        let step = Step::last_resort(
            self.commands.unhold(name, &subject.id),
            "removes that hold from this one",
            "what its command was to clean up stays; see first whether it still runs, and what it says",
        );
        Finding::new(Weight::Blocks, Reason::Hold, message)
            .by_finalizer(finalizer)
            .since(subject.deleting)
            .step([step])
    }

    fn kept_by_others(&self, subject: &Subject, finalizer: &str) -> Finding {
        let message = match owners::find(finalizer) {
            Some(_) => format!("kept by {}", owners::with_owner(finalizer)),
            None => format!("kept by {finalizer}: {}", self.writer(subject, finalizer)),
        };
        let look = Step::look(
            self.commands.describe(&subject.id),
            "shows what the finalizer's owner says in status and Events",
        );
        let weight = if self.is_late(subject.deleting) { Weight::Blocks } else { Weight::Waits };
        Finding::new(weight, Reason::Finalizer, message).by_finalizer(finalizer).since(subject.deleting).step(
            [
                look,
                self.remove_finalizer(
                    &subject.id,
                    &subject.finalizers,
                    finalizer,
                    &owners::caution(finalizer),
                ),
            ],
        )
    }

    /// Who put a finalizer there.
    fn writer(&self, subject: &Subject, finalizer: &str) -> String {
        match subject.writers.get(finalizer) {
            None => "whose it is, is not recorded".to_owned(),
            Some(writer) => {
                let when = writer.at.map(|at| format!(", {} ago", self.age(Some(at))));
                format!("put there by `{}`{}", writer.manager, when.unwrap_or_default())
            }
        }
    }

    /// A Cascade that is being deleted itself.
    fn leaving(&self, subject: &Subject) -> Finding {
        let finalizer = CASCADE_FINALIZER;
        let message = format!(
            "kept by {finalizer} until its parents are held no more: the operator removes its finalizer from all of \
             them first"
        );
        let run = Step::choice(
            self.commands.rewitness("run").flag("--once"),
            "does it from here, with your rights, and ends",
        )
        .caution("only if no operator runs; it follows the other Cascades too");
        Finding::new(Weight::Waits, Reason::CascadeLeaving, message)
            .by_finalizer(finalizer)
            .since(subject.deleting)
            .step([
                Step::look(self.commands.describe(&subject.id), "shows what the operator says of it"),
                run,
            ])
    }

    fn kept_by_nothing(&self, subject: &Subject) -> Option<Finding> {
        let is_namespace = subject.id.kind.group.is_empty() && &*subject.id.kind.kind == "Namespace";
        if is_namespace {
            return None;
        }
        if subject.grace_seconds > 0 {
            let message = format!(
                "no finalizer keeps it; it has {} s from its deletion to end by itself",
                subject.grace_seconds
            );
            let weight = if self.is_late(subject.deleting) { Weight::Blocks } else { Weight::Waits };
            let gone = Step::look(
                self.commands.describe(&subject.id),
                "shows the node that has to end it, and what that says",
            );
            return Some(Finding::new(weight, Reason::Grace, message).step([gone]));
        }
        Some(Finding::new(Weight::Waits, Reason::Going, "nothing keeps it: it goes at any moment"))
    }
}

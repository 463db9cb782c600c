//! Objects that have to go before the subject can: of a namespace, of a definition, of an owner.

use std::collections::BTreeMap;

use rewitness_crds::Reason;

use super::decision::{Decision, of_kind};
use crate::read::Unread;
use crate::step::Step;
use crate::why::facts::{Content, KindContent, Subject};
use crate::why::owners;
use crate::why::verdict::{Finding, Weight};

/// How many objects of a kind are named.
const NAMED: usize = 5;

/// How many reads that failed are named.
const UNREAD: usize = 5;

impl Decision<'_> {
    /// What is left, by kind.
    pub(super) fn content(&self, content: &Content, what: &str) -> Vec<Finding> {
        let mut findings: Vec<Finding> =
            content.kinds.iter().map(|kind| self.kind_content(kind, what)).collect();
        findings.extend(unread(&content.unread));
        findings
    }

    fn kind_content(&self, content: &KindContent, what: &str) -> Finding {
        let name = self.commands.kind(&content.kind);
        let mut by_finalizer: BTreeMap<&String, Vec<&Subject>> = BTreeMap::new();
        for object in &content.some {
            for finalizer in &object.finalizers {
                by_finalizer.entry(finalizer).or_default().push(object);
            }
        }
        let kept =
            by_finalizer.into_iter().map(|(finalizer, kept)| self.kept_content(content, finalizer, &kept));
        let kept: Vec<Finding> = kept.collect();
        let message = format!("{} {what}", of_kind(content.count, &name));
        let mut finding = Finding::new(Weight::Waits, Reason::Content, message).with(kept);
        finding.count = Some(content.count);
        finding.examples = content.some.iter().take(NAMED).map(|object| object.id.qualified_name()).collect();
        finding
    }

    fn kept_content(&self, content: &KindContent, finalizer: &str, kept: &[&Subject]) -> Finding {
        let since = kept.iter().filter_map(|object| object.deleting).min();
        let what = of_kind(kept.len() as u64, &self.commands.kind(&content.kind));
        let at_least = if content.count > content.some.len() as u64 { "at least " } else { "" };
        let message = format!("{at_least}{what} kept by {}", owners::with_owner(finalizer));
        let weight = if self.is_late(since) { Weight::Blocks } else { Weight::Waits };
        let first = kept.first().filter(|object| object.deleting.is_some());
        let steps = first.into_iter().flat_map(|object| {
            let look = Step::look(self.commands.why(&object.id), "says more of what keeps the first of them");
            [
                look,
                self.remove_finalizer(&object.id, &object.finalizers, finalizer, &owners::caution(finalizer)),
            ]
        });
        let mut finding = Finding::new(weight, Reason::ContentKept, message)
            .by_finalizer(finalizer)
            .since(since)
            .step(steps);
        finding.count = Some(kept.len() as u64);
        finding
    }

    /// What a deletion in the foreground waits for.
    pub(super) fn foreground(&self, subject: &Subject) -> Finding {
        let message = "kept by foregroundDeletion: Kubernetes' garbage collector deletes first what it owns with \
                       blockOwnerDeletion";
        let weight = if self.is_late(subject.deleting) { Weight::Blocks } else { Weight::Waits };
        let finding = Finding::new(weight, Reason::ForegroundDeletion, message)
            .by_finalizer("foregroundDeletion")
            .since(subject.deleting);
        let Some(owned) = &self.facts.owned else { return finding };
        let mut left = self.content(owned, "that it owns");
        if left.is_empty() {
            let message = "nothing that it owns is left: the garbage collector (kube-controller-manager) has to \
                           notice, and may not run";
            left.push(Finding::new(Weight::Note, Reason::NothingOwned, message));
        }
        let owned = owned.kinds.iter().flat_map(|kind| &kind.some).next();
        let why = owned.map(|object| {
            Step::look(self.commands.why(&object.id), "says what keeps the first of what it owns")
        });
        let off = self.remove_finalizer(
            &subject.id,
            &subject.finalizers,
            "foregroundDeletion",
            "it goes at once, and the garbage collector deletes what it owns afterwards",
        );
        finding.with(left).step(why).step([off])
    }

    /// A definition that goes once its objects are gone.
    pub(super) fn definition(&self, subject: &Subject) -> Finding {
        let finalizer = "customresourcecleanup.apiextensions.k8s.io";
        let kept_until = |what: &str| {
            let message = format!("kept by {finalizer} of Kubernetes until every {what} is gone");
            Finding::new(Weight::Waits, Reason::DefinitionCleanup, message).by_finalizer(finalizer)
        };
        let definition = match &self.facts.definition {
            Some(Ok(definition)) => definition,
            unread => {
                let unread = unread.as_ref();
                let unread = unread.and_then(|unread| Self::unread(unread, "what is left of its objects"));
                return kept_until("object of its kind").with(unread);
            }
        };
        let kind = self.commands.kind(&definition.defined);
        let mut left = self.content(&definition.content, "left");
        if left.is_empty() {
            left.push(Finding::new(Weight::Waits, Reason::NoObjects, "none is left: it goes at any moment"));
        }
        let reported = definition.terminating.as_ref().map(|message| {
            Finding::new(Weight::Note, Reason::Condition, format!("Kubernetes says: {message}"))
        });
        kept_until(&format!("one of {kind}")).since(subject.deleting).with(left).with(reported)
    }
}

/// What could not be listed, in one.
fn unread(unread: &[Unread]) -> Option<Finding> {
    let (first, more) = (unread.iter().take(UNREAD), unread.len().saturating_sub(UNREAD));
    let mut named: Vec<String> = first.map(ToString::to_string).collect();
    if more > 0 {
        named.push(format!("and {more} more"));
    }
    let message = format!("not everything could be read: {}", named.join("; "));
    (!unread.is_empty()).then(|| Finding::new(Weight::Unknown, Reason::Unread, message))
}

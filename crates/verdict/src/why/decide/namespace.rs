//! A namespace that is being deleted.

use rewitness_crds::Reason;

use super::decision::Decision;
use crate::step::Step;
use crate::why::facts::{Condition, NamespaceFacts};
use crate::why::owners;
use crate::why::verdict::{Finding, Weight};

/// Kubernetes' own, which the namespace controller takes off last.
const KUBERNETES: &str = "kubernetes";

impl Decision<'_> {
    pub(super) fn namespace(&self) -> Vec<Finding> {
        let namespace = match &self.facts.namespace {
            None => return Vec::new(),
            Some(Ok(namespace)) => namespace,
            Some(unread) => return Self::unread(unread, "what is in it").into_iter().collect(),
        };
        let mut findings = self.content(&namespace.content, "left in it");
        findings.extend(self.discovery(namespace));
        findings.extend(namespace.conditions.iter().filter_map(reported));
        findings.extend(self.spec_finalizers(namespace));
        if namespace.conditions.is_empty() && findings.is_empty() {
            findings.push(self.controller(namespace));
        }
        findings
    }

    /// What is served by somebody who does not answer cannot be known to be empty.
    fn discovery(&self, namespace: &NamespaceFacts) -> Vec<Finding> {
        let is_discovery = |one: &&Condition| one.kind == "NamespaceDeletionDiscoveryFailure";
        let Some(failure) = namespace.conditions.iter().find(is_discovery) else { return Vec::new() };
        let services = self.broken_services("");
        let unread = Self::unread(&self.facts.unavailable, "which API services are not available");
        let message = format!(
            "what it may still hold of kinds that are not served at present cannot be read, so it is not let go: {}",
            failure.message
        );
        vec![Finding::new(Weight::Blocks, Reason::DiscoveryFailure, message).with(services).with(unread)]
    }

    fn spec_finalizers(&self, namespace: &NamespaceFacts) -> Vec<Finding> {
        let Ok(Some(subject)) = &self.facts.subject else { return Vec::new() };
        let others = namespace.finalizers.iter().filter(|finalizer| *finalizer != KUBERNETES);
        let findings = others.map(|finalizer| {
            let step = Step::last_resort(
                self.commands.finalize(&subject.id, &namespace.finalizers, finalizer),
                format!("removes {finalizer} from the namespace's spec"),
                owners::caution(finalizer),
            );
            let message =
                format!("kept by {finalizer} in its spec, which its owner takes off once it has cleaned up");
            Finding::new(Weight::Blocks, Reason::NamespaceFinalizer, message)
                .by_finalizer(finalizer)
                .step([step])
        });
        findings.collect()
    }

    /// The namespace has no condition about its deletion.
    fn controller(&self, namespace: &NamespaceFacts) -> Finding {
        let since = self.facts.subject.as_ref().ok().and_then(|subject| subject.as_ref()?.deleting);
        if !namespace.content.unread.is_empty() || !self.is_late(since) {
            return Finding::new(
                Weight::Waits,
                Reason::Emptying,
                "its contents are being deleted by Kubernetes",
            );
        }
        let message = "the namespace controller has said nothing of its deletion, though it is empty: \
                       kube-controller-manager may not run";
        let find = self.commands.kubectl("get").flag("-n kube-system -l component=kube-controller-manager");
        let look = Step::look(find.word("pods"), "shows whether it runs, where it is a pod");
        Finding::new(Weight::Blocks, Reason::NoNamespaceController, message).step([look])
    }
}

/// What Kubernetes reports, where what was read does not say it better.
fn reported(condition: &Condition) -> Option<Finding> {
    let (reason, weight, meaning) = match &*condition.kind {
        "NamespaceDeletionContentFailure" => {
            (Reason::ContentFailure, Weight::Blocks, "Kubernetes could not delete some of it")
        }
        "NamespaceDeletionGroupVersionParsingFailure" => {
            (Reason::GroupVersionFailure, Weight::Blocks, "Kubernetes could not read what is served")
        }
        "NamespaceContentRemaining" => (Reason::ContentRemaining, Weight::Note, "Kubernetes counted"),
        "NamespaceFinalizersRemaining" => (Reason::FinalizersRemaining, Weight::Note, "Kubernetes counted"),
        _ => return None,
    };
    Some(Finding::new(weight, reason, format!("{meaning}: {}", condition.message)))
}

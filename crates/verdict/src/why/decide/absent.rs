//! Findings about an object that does not exist, and about an earlier one of its name.

use rewitness_crds::{Cascade, Reason};
use rewitness_messaging::{ResourceId, Uid};

use super::decision::Decision;
use crate::read::Unread;
use crate::sources::{dependent_kind, dependents, name, parent_kind};
use crate::step::Step;
use crate::text::counted;
use crate::why::verdict::{Finding, Resource, State, Verdict, Weight};

impl Decision<'_> {
    pub(super) fn not_there(&self, asked: Resource) -> Verdict {
        let summary = format!("there is no {asked}: nothing holds it");
        let mut findings = self.former(&self.facts.asked);
        findings.extend(self.unread_cascades(&findings));
        Verdict::new(asked, State::NotFound, None, summary, findings)
    }

    /// The server does not serve the kind: what is stored of it cannot even be read.
    pub(super) fn not_served(&self, asked: Resource, unread: &Unread) -> Verdict {
        let kind = self.facts.asked.kind.to_string();
        let summary = format!("whether there is a {asked} is unknown: the server does not serve {kind}");
        let mut findings = self.broken_services(&asked.group);
        let unavailable = Self::unread(&self.facts.unavailable, "whether an API service should serve it");
        if findings.is_empty() {
            let why = unread.reason.as_deref().unwrap_or("the server does not serve it");
            let gone = match unavailable {
                None => "Its definition is gone, or was never there",
                Some(_) => "Its definition is gone or was never there, or its API service does not answer",
            };
            let message = format!(
                "{why}. {gone}. Kubernetes deletes the objects of a kind before its definition; if somebody forced \
                 that, they come back with the definition"
            );
            let finding = Finding::new(Weight::Unknown, Reason::KindNotServed, message);
            findings.push(finding.step([self.commands.list_types()]));
        }
        findings.extend(unavailable);
        findings.extend(self.naming_cascades(&asked));
        findings.extend(self.unread_cascades(&findings));
        Verdict::new(asked, State::Unknown, None, summary, findings)
    }

    /// API services of a group that do not answer.
    pub(super) fn broken_services(&self, group: &str) -> Vec<Finding> {
        let unavailable = self.facts.unavailable.as_deref().unwrap_or_default();
        let of_group = unavailable.iter().filter(|service| group.is_empty() || service.group == group);
        let findings = of_group.map(|service| {
            let message = format!("the API service {} is not available: {}", service.name, service.message);
            Finding::new(Weight::Blocks, Reason::ApiServiceUnavailable, message).step([
                self.commands.describe_api_service(&service.name),
                Step::last_resort(
                    self.commands.api_service("delete", &service.name),
                    format!("tells the server that {} is not served any more", service.name),
                    "its objects can no longer be reached until it is registered again; only if it is gone for good",
                ),
            ])
        });
        findings.collect()
    }

    /// Cascades that name a kind which is not served: they wait for it.
    fn naming_cascades(&self, asked: &Resource) -> Vec<Finding> {
        let cascades = self.facts.cascades.as_deref().unwrap_or_default();
        let names = |cascade: &&Cascade| {
            let mut kinds = dependents(cascade).map(dependent_kind);
            kinds.any(|kind| *kind.group == *asked.group && is_called(&kind.kind, &asked.kind))
        };
        let findings = cascades.iter().filter(names).map(|cascade| {
            let name = name(cascade);
            let message = format!(
                "the Cascade {name} names this kind: its deletions wait until the kind is back, or dropped"
            );
            Finding::new(Weight::Note, Reason::NamedByCascade, message)
                .of_cascade(name)
                .step([Step::look(self.commands.edit_cascade(name), "drop the kind there")])
        });
        findings.collect()
    }

    /// Another object that had this name, and whose deletion a Cascade remembers.
    pub(super) fn former(&self, id: &ResourceId) -> Vec<Finding> {
        let mut found = Vec::new();
        for cascade in self.facts.cascades.as_deref().unwrap_or_default() {
            let name = name(cascade);
            let Some(status) = &cascade.status else { continue };
            if parent_kind(cascade) != id.kind {
                continue;
            }
            let is_it = |namespace: &Option<String>, named: &str, uid: &str| {
                namespace.as_deref() == id.namespace.as_deref()
                    && named == &*id.name
                    && Uid::new(uid) != id.uid
            };
            let last = status.finished.iter().find(|one| is_it(&one.namespace, &one.name, &one.uid));
            if let Some(last) = last {
                let count = last.stages.iter().map(|stage| stage.deleted).sum();
                let went = counted(count, "dependent", "dependents");
                let message = format!(
                    "the former one of this name (uid {}) went {} ago, and {went} with it by the Cascade {name}",
                    last.uid,
                    self.age(Some(last.at))
                );
                found.push(
                    Finding::new(Weight::Note, Reason::FormerOne, message)
                        .of_cascade(name)
                        .since(Some(last.at)),
                );
            }
        }
        found
    }
}

/// Whether a kind that is not served, so that nobody knows its plural, was meant by what was typed.
fn is_called(kind: &str, typed: &str) -> bool {
    let (kind, typed) = (kind.to_lowercase(), typed.to_lowercase());
    let plurals = [format!("{kind}s"), format!("{kind}es")];
    let of_y = kind.strip_suffix('y').map(|stem| format!("{stem}ies"));
    typed == kind || plurals.contains(&typed) || of_y.is_some_and(|plural| plural == typed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_known_by_its_usual_plural() {
        for typed in ["Gadget", "gadget", "gadgets", "GADGETS"] {
            assert!(is_called("Gadget", typed), "{typed}");
        }
        assert!(is_called("Policy", "policies") && is_called("Ingress", "ingresses"));
        assert!(!is_called("Gadget", "gadge") && !is_called("Policy", "policie"));
    }
}

//! The API server: who it is, who the caller is to it, and whether it serves what Rewitness uses.

use super::decision::{Decision, some, unknown};
use crate::check::report::{Check, Group, KUBERNETES, Result};
use crate::served::Served;
use crate::step::Step;

/// The first version that checks the rules in a definition's schema (`x-kubernetes-validations`)
/// without being told to. An older one drops them, and admits Cascades that must be refused, as one
/// that is renamed to another kind of parents. Everything else that is used is older.
const OLDEST: (u32, u32) = (1, 25);

/// What is used of the API, and what for.
struct Used {
    id: &'static str,
    group: &'static str,
    kind: &'static str,
    purpose: &'static str,
    /// What it is to lack it.
    otherwise: Result,
}

const USED: [Used; 5] = [
    Used {
        id: "api-definitions",
        group: "apiextensions.k8s.io",
        kind: "CustomResourceDefinition",
        purpose: "by which Cascade is installed",
        otherwise: Result::Failed,
    },
    Used {
        id: "api-reviews",
        group: "authorization.k8s.io",
        kind: "SelfSubjectAccessReview",
        purpose: "by which the operator asks for its rights; it begins no deletion without",
        otherwise: Result::Failed,
    },
    Used {
        id: "api-roles",
        group: "rbac.authorization.k8s.io",
        kind: "ClusterRole",
        purpose: "which `rewitness rbac` prints; without it, rights are given in another way",
        otherwise: Result::Warning,
    },
    Used {
        id: "api-events",
        group: "events.k8s.io",
        kind: "Event",
        purpose: "by which the operator tells of deletions; they go on without",
        otherwise: Result::Warning,
    },
    Used {
        id: "api-policies",
        group: "admissionregistration.k8s.io",
        kind: "ValidatingAdmissionPolicy",
        purpose: "for deploy/warning.yaml, from Kubernetes 1.30 on; all else works without",
        otherwise: Result::Warning,
    },
];

impl Decision<'_> {
    pub(super) fn kubernetes(&self) -> Group {
        let reachable = Check::ok("reachable", format!("{} answers", self.facts.place));
        let mut checks = vec![reachable, self.user(), self.version()];
        match &self.facts.served {
            Ok(served) => {
                checks.extend(USED.iter().map(|used| self.used(served, used)));
                checks.extend(self.broken(served));
            }
            Err(unread) => checks.push(unknown("apis", "what the server serves", unread)),
        }
        Group { id: "kubernetes", title: KUBERNETES, checks }
    }

    fn user(&self) -> Check {
        match &self.facts.user {
            Ok(Some(name)) => Check::ok("user", format!("to it you are {name}")),
            Ok(None) => Check::new("user", Result::Note, "it cannot say who you are before Kubernetes 1.28"),
            Err(unread) => unknown("user", "who you are to it", unread),
        }
    }

    fn version(&self) -> Check {
        let version = match &self.facts.version {
            Ok(version) => version,
            Err(unread) => return unknown("version", "its version", unread),
        };
        let text = &version.text;
        let (major, minor) = OLDEST;
        let look = Step::look(self.commands.kubectl("version"), "shows the version once more");
        match version.number {
            Some(number) if number >= OLDEST => {
                Check::ok("version", format!("it is Kubernetes {text}; {major}.{minor} or later is needed"))
            }
            Some(_) => {
                let message = format!(
                    "it is Kubernetes {text}; {major}.{minor} or later is needed: an older one does not check the \
                     rules in the definition of Cascade, and admits what must be refused"
                );
                Check::new("version", Result::Failed, message).step([look])
            }
            None => {
                let message = format!("whether it is {major}.{minor} or later is unknown: it says {text}");
                Check::new("version", Result::Unknown, message).step([look])
            }
        }
    }

    fn used(&self, served: &Served, used: &Used) -> Check {
        let Used { id, group, kind, purpose, otherwise } = used;
        if served.has(group, "v1", kind) {
            return Check::ok(id, format!("it serves {kind} of {group}/v1"));
        }
        let what = format!("{kind} of {group}/v1, {purpose}");
        let list = Step::look(self.commands.kubectl("api-versions"), "lists what the server serves");
        match served.broken.contains(&format!("{group}/v1")) {
            true => {
                let message = format!("whether it serves {what}, is unknown: {group}/v1 does not answer");
                Check::new(id, Result::Unknown, message).step([list])
            }
            false => Check::new(id, *otherwise, format!("it does not serve {what}")).step([list]),
        }
    }

    fn broken(&self, served: &Served) -> Option<Check> {
        let first = served.broken.first()?;
        let message = format!("it cannot say at present what it serves as {}", some(&served.broken));
        // The APIService has the version before the group.
        let (group, version) = first.split_once('/').unwrap_or(("", first));
        let look = self.commands.describe_api_service(&format!("{version}.{group}"));
        Some(Check::new("api-services", Result::Warning, message).step([look]))
    }
}

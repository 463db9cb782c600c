//! What is to be done about a Cascade: decided by values alone.

use std::collections::BTreeSet;
use std::sync::Arc;

use rewitness_cascade::Rule;
use rewitness_crds::Cascade;
use rewitness_crds::cascade::{CASCADE_FINALIZER, HELD_PARENTS_ANNOTATION};
use rewitness_messaging::{ResourceId, Scope};
use serde::{Deserialize, Serialize};

/// What is to be done about a Cascade.
#[derive(Clone, Debug)]
pub(crate) enum Decision {
    /// Its parents are let go, and then it is (C10).
    Leave,
    /// Nothing is done until it says something else. What is held stays held.
    Suspend,
    /// Its parents are watched.
    Follow(Arc<Rule>),
}

/// Which parents a Cascade may hold, as it is remembered on the Cascade itself: where they live, and
/// which labels they have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HeldParents {
    /// Everywhere if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) namespaces: Option<Vec<String>>,
    /// In the syntax of the API's `labelSelector` parameter.
    #[serde(default)]
    pub(crate) selector: String,
}

impl Decision {
    /// The decision for a Cascade that makes this rule, if it makes any.
    pub(crate) fn of(cascade: &Cascade, rule: Option<Arc<Rule>>, is_uninstalling: bool) -> Self {
        match rule {
            _ if is_uninstalling || cascade.metadata.deletion_timestamp.is_some() => Self::Leave,
            Some(rule) => Self::Follow(rule),
            None => Self::Suspend,
        }
    }
}

impl HeldParents {
    /// Those that a rule is about.
    pub(crate) fn of(rule: &Rule) -> Self {
        let subscription = rule.subscription();
        let namespaces = match &subscription.scope {
            Scope::All => None,
            Scope::Namespaces(names) => Some(names.iter().map(ToString::to_string).collect()),
        };
        Self { namespaces, selector: subscription.selector.to_string() }
    }

    /// What is remembered on a Cascade. `None`: it holds nothing. What cannot be read, or was
    /// removed by somebody, may be anything.
    pub(crate) fn remembered(cascade: &Cascade) -> Option<Self> {
        let annotations = cascade.metadata.annotations.as_ref();
        match annotations.and_then(|annotations| annotations.get(HELD_PARENTS_ANNOTATION)) {
            Some(text) => Some(serde_json::from_str(text).unwrap_or_default()),
            None => is_held(cascade).then(Self::default),
        }
    }

    /// Whether a parent lives where these do.
    pub(crate) fn covers(&self, parent: &ResourceId) -> bool {
        let (Some(names), Some(own)) = (&self.namespaces, &parent.namespace) else { return true };
        names.iter().any(|name| **name == **own)
    }

    /// These, and those of the same labels where the others live.
    pub(crate) fn and_where(&self, others: &Self) -> Self {
        let namespaces = match (&self.namespaces, &others.namespaces) {
            (Some(names), Some(more)) => {
                let all: BTreeSet<&String> = names.iter().chain(more).collect();
                Some(all.into_iter().cloned().collect())
            }
            _ => None,
        };
        Self { namespaces, selector: self.selector.clone() }
    }

    /// As the scope of a subscription.
    pub(crate) fn scope(&self) -> Scope {
        let names = self.namespaces.as_ref();
        names.map_or(Scope::All, |names| {
            Scope::Namespaces(names.iter().map(|name| (&**name).into()).collect())
        })
    }

    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Whether a Cascade is any of our business: one that goes, and holds nothing, is not any more.
pub(crate) fn is_ours(cascade: &Cascade) -> bool {
    cascade.metadata.deletion_timestamp.is_none() || HeldParents::remembered(cascade).is_some()
}

/// Whether our finalizer is on a Cascade.
pub(crate) fn is_held(cascade: &Cascade) -> bool {
    cascade.metadata.finalizers.iter().flatten().any(|one| one == CASCADE_FINALIZER)
}

#[cfg(test)]
pub(super) mod tests;

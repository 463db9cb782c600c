use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::{Error, Kind, Selector};

/// What a consumer wants to be handed, and how.
///
/// ```
/// use rewitness_messaging::{Hold, Kind, Subscription};
///
/// let subscription = Subscription::new("cleaner", [Kind::new("example.com", "Widget")])
///     .in_namespaces(["team-a"])
///     .holding(Hold::new("hold.rewitness.dev/cleaner"))
///     .with_concurrency(4);
/// assert!(subscription.check().is_ok());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Subscription {
    /// The consumer's name: unique in its queue, and the same at each start.
    pub name: Arc<str>,
    /// The kinds whose resources it wants.
    pub kinds: Vec<Kind>,
    /// Where they live.
    pub scope: Scope,
    /// Where they lived before the scope was narrowed. A deletion there that carries the hold is delivered
    /// until it is done; the hold comes off live resources there (Q6).
    pub former_scope: Option<Scope>,
    /// Which of them; the empty selector is all.
    pub selector: Selector,
    /// What keeps a resource from going before this consumer has dealt with its deletion.
    pub hold: Option<Hold>,
    /// The keys of the labels that deliveries carry.
    pub labels: BTreeSet<String>,
    /// Whether it is told, once per uid, that a resource has left the system of record (Q14).
    pub gone: bool,
    /// Whether it is told when the list of a kind is complete (Q9).
    pub listed: bool,
    /// How many deliveries may be in flight at a time; 32 unless told.
    pub concurrency: usize,
    /// How failures are spaced.
    pub backoff: Backoff,
}

impl Subscription {
    /// Everything of these kinds, everywhere, holding nothing.
    pub fn new(name: impl Into<Arc<str>>, kinds: impl IntoIterator<Item = Kind>) -> Self {
        Self {
            name: name.into(),
            kinds: kinds.into_iter().collect(),
            scope: Scope::All,
            former_scope: None,
            selector: Selector::default(),
            hold: None,
            labels: BTreeSet::new(),
            gone: false,
            listed: false,
            concurrency: 32,
            backoff: Backoff::default(),
        }
    }

    /// Only in these namespaces.
    pub fn in_namespaces(mut self, namespaces: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        self.scope = Scope::Namespaces(namespaces.into_iter().map(Into::into).collect());
        self
    }

    /// Finishes the deletions of an earlier, wider scope.
    pub fn formerly_in(mut self, scope: Scope) -> Self {
        self.former_scope = Some(scope);
        self
    }

    /// Only what the selector matches.
    pub fn matching(mut self, selector: Selector) -> Self {
        self.selector = selector;
        self
    }

    /// With a hold on each resource, so that no deletion is missed (Q6).
    pub fn holding(mut self, hold: Hold) -> Self {
        self.hold = Some(hold);
        self
    }

    /// Deliveries carry these labels, and a change of one counts as a change.
    pub fn with_labels(mut self, keys: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.labels = keys.into_iter().map(Into::into).collect();
        self
    }

    /// Hears of resources that have left the system of record.
    pub fn with_gone(mut self) -> Self {
        self.gone = true;
        self
    }

    /// Hears when the list of a kind is complete.
    pub fn with_listed(mut self) -> Self {
        self.listed = true;
        self
    }

    /// At most this many deliveries in flight.
    pub fn with_concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency;
        self
    }

    /// Failures spaced like this.
    pub fn with_backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Whether the values make sense together; a queue refuses a subscription that fails this.
    pub fn check(&self) -> Result<(), Error> {
        let reason = if self.name.is_empty() {
            "its name is empty"
        } else if self.kinds.is_empty() {
            "it names no kind"
        } else if self.concurrency == 0 {
            "its concurrency is 0"
        } else if matches!(&self.scope, Scope::Namespaces(names) if names.is_empty()) {
            "it is limited to no namespace at all"
        } else if matches!(&self.scope, Scope::Namespaces(names) if names.contains("")) {
            // In a path, an empty one is all of them.
            "it is limited to a namespace without a name"
        } else if self.hold.as_ref().is_some_and(|hold| hold.name.is_empty()) {
            "the name of its hold is empty"
        } else {
            return Ok(());
        };
        Err(Error::InvalidSubscription { name: self.name.clone(), reason })
    }

    /// The lists and watches that serve it.
    ///
    /// The selector goes to the source only where nothing is lost by it: an object that merely
    /// leaves a selector looks deleted to a watch that selects, so a subscription that holds, or
    /// that asks for `Gone`, matches locally.
    pub fn sources(&self) -> Vec<Source> {
        let selector = if self.matches_locally() { Selector::default() } else { self.selector.clone() };
        let names = match (&self.scope, &self.former_scope) {
            (Scope::All, _) | (_, Some(Scope::All)) => None,
            (Scope::Namespaces(names), None) => Some(names.clone()),
            (Scope::Namespaces(names), Some(Scope::Namespaces(former))) => Some(names | former),
        };
        let namespaces: Vec<Option<Arc<str>>> =
            names.map_or_else(|| vec![None], |names| names.into_iter().map(Some).collect());
        let kinds: BTreeSet<&Kind> = self.kinds.iter().collect();
        let source = |kind: &Kind, namespace: &Option<Arc<str>>| Source {
            kind: kind.clone(),
            namespace: namespace.clone(),
            selector: selector.clone(),
        };
        kinds.iter().flat_map(|kind| namespaces.iter().map(|namespace| source(kind, namespace))).collect()
    }

    pub(crate) fn matches_locally(&self) -> bool {
        self.former_scope.is_some() || !self.selector.is_empty() && (self.hold.is_some() || self.gone)
    }
}

/// Where the resources of a subscription live.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Everywhere.
    #[default]
    All,
    /// In these namespaces. Cluster-scoped kinds live in none, and are not limited by it.
    Namespaces(BTreeSet<Arc<str>>),
}

impl Scope {
    /// Whether a resource of this namespace is in it.
    pub(crate) fn contains(&self, namespace: Option<&str>) -> bool {
        match (self, namespace) {
            (Self::All, _) | (_, None) => true,
            (Self::Namespaces(names), Some(namespace)) => names.contains(namespace),
        }
    }
}

/// What a subscription puts on resources so that the system of record keeps them until it is
/// removed. On Kubernetes: a finalizer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hold {
    /// Its name; on Kubernetes a finalizer's, as `hold.rewitness.dev/cleaner`.
    pub name: Arc<str>,
    /// Whether live resources are delivered only once the hold is on them. A consumer that acts
    /// on live resources needs it; one that acts on deletions alone does not wait for holds.
    pub gates_live: bool,
}

impl Hold {
    /// A hold that is on a resource before its consumer is handed it in any state.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), gates_live: true }
    }

    /// A hold for a consumer that has no effects on live resources: they are delivered at once.
    pub fn for_deletions(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), gates_live: false }
    }
}

/// How failures are spaced: exponential, with full jitter (a wait is drawn evenly between nothing
/// and the interval), reset by success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first interval; each failure doubles it.
    pub base: Duration,
    /// The longest interval.
    pub cap: Duration,
}

impl Default for Backoff {
    /// 0.5 s doubling to 5 min.
    fn default() -> Self {
        Self { base: Duration::from_millis(500), cap: Duration::from_secs(300) }
    }
}

/// One list and watch: a kind, in one namespace or everywhere, through a selector.
/// Subscriptions whose sources are equal share it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// What is listed.
    pub kind: Kind,
    /// Where; `None` is everywhere.
    pub namespace: Option<Arc<str>>,
    /// Which; evaluated by the system of record.
    pub selector: Selector,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_that_makes_no_sense_is_refused_with_the_reason() {
        let valid = || Subscription::new("reader", [Kind::new("example.com", "Widget")]);
        let named = |names: &[&str]| valid().in_namespaces(names.iter().copied());
        for (subscription, reason) in [
            (Subscription { name: "".into(), ..valid() }, "its name is empty"),
            (Subscription { kinds: Vec::new(), ..valid() }, "it names no kind"),
            (valid().with_concurrency(0), "its concurrency is 0"),
            (named(&[]), "it is limited to no namespace at all"),
            (named(&[""]), "it is limited to a namespace without a name"),
            (named(&["team-a", ""]), "it is limited to a namespace without a name"),
            (valid().holding(Hold::new("")), "the name of its hold is empty"),
        ] {
            let name = subscription.name.clone();
            assert_eq!(subscription.check(), Err(Error::InvalidSubscription { name, reason }));
        }
        assert_eq!(named(&["team-a"]).check(), Ok(()));
    }
}

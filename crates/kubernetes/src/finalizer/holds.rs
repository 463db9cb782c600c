use std::sync::Arc;

use crate::call::{ApiError, Metadata};
use rewitness_messaging::{ResourceId, Selector};

use super::access::Finalizers;
use super::hold_calls::HoldCalls;
use super::protect::is_protected_namespace;
use super::release::{From, Removed};
use crate::Error;
use crate::discovery::{Discovery, ResolvedKind};

/// Looks at and gives up holds, outside of a queue: what `rewitness unhold` does.
///
/// ```no_run
/// # async fn example(client: kube::Client) -> Result<(), rewitness_kubernetes::Error> {
/// use rewitness_kubernetes::{Resolver, finalizer::Holds};
/// use rewitness_messaging::Selector;
///
/// let kind = Resolver::new(&client).await?.resolve("widgets")?.clone();
/// let holds = Holds::new(client);
/// let hold = "hold.rewitness.dev/backup";
/// for held in holds.list(&kind, None, &Selector::default(), hold).await?.held {
///     holds.remove(&held.resource, hold).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Holds(Arc<Finalizers>);

/// What there is of a kind, and what of it is held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldList {
    /// How many resources there are.
    pub total: u64,
    /// How many of them are in protected namespaces, and are not held unless that is allowed.
    pub protected: u64,
    /// How many could not be read.
    pub unreadable: u64,
    /// Those that have the hold.
    pub held: Vec<Held>,
}

/// A resource that has the hold.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Held {
    /// Which.
    pub resource: ResourceId,
    /// Whether it is being deleted, and so waits for its holds.
    pub deleting: bool,
}

impl Holds {
    /// Over a client, best one from [`client`](crate::client); or over what a queue has discovered.
    pub fn new(discovery: impl Into<Discovery>) -> Self {
        Self(Arc::new(Finalizers { discovery: discovery.into(), hold_calls: HoldCalls::default() }))
    }

    /// Lists a kind, in a namespace or everywhere, and says what of it has the hold.
    ///
    /// # Errors
    ///
    /// [`Error::List`] if the server refuses or cannot be reached.
    pub async fn list(
        &self,
        kind: &ResolvedKind,
        namespace: Option<&str>,
        selector: &Selector,
        hold: &str,
    ) -> Result<HeldList, Error> {
        let endpoint = kind.endpoint();
        let add = |found: &mut HeldList, object| {
            found.count(kind, hold, object);
            Ok(())
        };
        let listed = self.0.discovery.server().list(&endpoint, namespace, &selector.to_string(), add).await;
        listed.map_err(|error| Error::List { plural: endpoint.to_string(), error })
    }

    /// Takes a hold off a resource, whether or not that is being deleted.
    ///
    /// # Errors
    ///
    /// As [`Error::retry`] says, it may be tried again. It is idempotent.
    pub async fn remove(&self, resource: &ResourceId, hold: &str) -> Result<Removed, Error> {
        self.0.remove(resource, hold, From::Any).await
    }

    /// The same, unless the resource is being deleted by now: then [`Removed::Kept`].
    ///
    /// # Errors
    ///
    /// As [`Holds::remove`].
    pub async fn remove_from_live(&self, resource: &ResourceId, hold: &str) -> Result<Removed, Error> {
        self.0.remove(resource, hold, From::Live).await
    }
}

impl HeldList {
    fn count(&mut self, kind: &ResolvedKind, hold: &str, object: Result<Metadata, ApiError>) {
        self.total += 1;
        let Ok(object) = object else {
            self.unreadable += 1;
            return;
        };
        self.protected += u64::from(is_protected_namespace(object.namespace.as_deref()));
        if object.finalizers.iter().flatten().any(|one| one == hold) {
            let deleting = object.deleting.is_some();
            self.held.push(Held { resource: object.into_id(&kind.kind), deleting });
        }
    }
}

mod owned;

use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use crate::call::{ApiError, Endpoint, Server};
use kube::Resource;
use rewitness_messaging::{Consumer, Delivery, Failure, Kind, Outcome, Queue, ResourceId, State, Uid};
use serde::de::DeserializeOwned;

use crate::Error;

pub use owned::Owned;

/// A reconcile function of a kube-rs user, as a consumer.
///
/// Each delivery reads the resource from the server, checks its uid, and calls
/// `async fn(Arc<K>, Arc<Ctx>) -> Result<Outcome, E>`. What `kube::runtime::Controller` calls
/// `Action::await_change()` is [`Outcome::Done`]; `Action::requeue(after)` is
/// [`Outcome::requeue_after`]. There is no error policy: an error comes back with exponential
/// backoff, or as a [`Failure`] says.
///
/// A resource that is being deleted has `metadata.deletion_timestamp`: the function cleans up, and
/// `Done` lets the resource go.
///
/// It is handed an `Arc<K>`, as a `Controller` hands it. Nothing else keeps the resource: it is read
/// for this one call. What [`Controller::owns`](https://docs.rs/kube/latest/kube/runtime/struct.Controller.html#method.owns)
/// does, [`Reconciler::owns`] and a second subscription do.
///
/// # Guarantees
///
/// - The function is called with the resource of the delivery and no other of its name (Q7). One
///   that has gone by then, or whose name is another's, is done without a call.
/// - What it is handed is at least as new as the delivery: it is a read from the server, not from
///   a cache.
///
/// # Caveats
///
/// - A delivery costs a `GET`, so the right to `get` is needed.
/// - [`State::Gone`] is done without a call, as there is nothing to read.
///
/// # Errors
///
/// A read that fails, or a resource that is no `K`, is a failure of the delivery.
///
/// ```
/// use std::sync::Arc;
/// use k8s_openapi::api::core::v1::ConfigMap;
/// use rewitness_kubernetes::{Reconciler, kind_of};
/// use rewitness_messaging::{Outcome, Queue, Subscription};
///
/// struct Ctx {
///     client: kube::Client,
/// }
///
/// async fn reconcile(map: Arc<ConfigMap>, _ctx: Arc<Ctx>) -> Result<Outcome, kube::Error> {
///     if map.metadata.deletion_timestamp.is_some() {
///         // … clean up with `ctx.client`
///     }
///     Ok(Outcome::Done)
/// }
///
/// fn subscribe(queue: &impl Queue, client: kube::Client) -> Result<(), rewitness_messaging::Error> {
///     let ctx = Arc::new(Ctx { client: client.clone() });
///     let subscription = Subscription::new("maps", [kind_of::<ConfigMap>()]);
///     let handle = queue.subscribe(subscription, Reconciler::new(client, ctx, reconcile))?;
///     // … keep `handle` for as long as the subscription is to last
/// #   drop(handle);
///     Ok(())
/// }
/// ```
pub struct Reconciler<K, Ctx, F> {
    server: Server,
    endpoint: Endpoint,
    context: Arc<Ctx>,
    reconcile: F,
    of: PhantomData<fn() -> K>,
}

/// The kind of a type of kube-rs or k8s-openapi.
///
/// ```
/// use k8s_openapi::api::apps::v1::Deployment;
/// assert_eq!(rewitness_kubernetes::kind_of::<Deployment>().to_string(), "Deployment.apps");
/// ```
pub fn kind_of<K: Resource<DynamicType = ()>>() -> Kind {
    Kind::new(K::group(&()).as_ref(), K::kind(&()).as_ref())
}

fn endpoint_of<K: Resource<DynamicType = ()>>() -> Endpoint {
    Endpoint {
        group: K::group(&()).into_owned(),
        version: K::version(&()).into_owned(),
        plural: K::plural(&()).into_owned(),
        // Whether it is, the delivery says: it has a namespace or has not.
        namespaced: true,
    }
}

impl<K, Ctx, F> Reconciler<K, Ctx, F> {
    /// A consumer that calls `reconcile`.
    pub fn new<Fut, E>(client: kube::Client, context: Arc<Ctx>, reconcile: F) -> Self
    where
        K: Resource<DynamicType = ()> + DeserializeOwned + Send + Sync + 'static,
        Ctx: Send + Sync + 'static,
        F: Fn(Arc<K>, Arc<Ctx>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Outcome, E>> + Send,
        E: Into<Failure>,
    {
        Self { server: client.into(), endpoint: endpoint_of::<K>(), context, reconcile, of: PhantomData }
    }

    /// The consumer of a kind that `K` owns: when a `C` changes or goes that refers to a `K` as its owner,
    /// that one is reconciled again, be it settled or waiting. `subscription` is the name of that of `K`.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use k8s_openapi::api::core::v1::{ConfigMap, Secret};
    /// use rewitness_kubernetes::{KubernetesQueue, Reconciler, kind_of};
    /// use rewitness_messaging::{Error, Handle, Outcome, Queue, Subscription};
    ///
    /// async fn reconcile(_map: Arc<ConfigMap>, _ctx: Arc<()>) -> Result<Outcome, kube::Error> {
    ///     // … see that its Secret is there, and is what it should be
    ///     Ok(Outcome::Done)
    /// }
    ///
    /// fn subscribe(queue: &KubernetesQueue, client: kube::Client) -> Result<[Handle; 2], Error> {
    ///     let reconciler = Reconciler::new(client, Arc::new(()), reconcile);
    ///     let children = reconciler.owns::<Secret, _>(queue, "maps");
    ///     let maps = Subscription::new("maps", [kind_of::<ConfigMap>()]);
    ///     let secrets = Subscription::new("secrets of maps", [kind_of::<Secret>()]).with_gone();
    ///     Ok([queue.subscribe(maps, reconciler)?, queue.subscribe(secrets, children)?])
    /// }
    /// ```
    pub fn owns<C, Q>(&self, queue: &Q, subscription: impl Into<Arc<str>>) -> Owned<Q>
    where
        K: Resource<DynamicType = ()>,
        C: Resource<DynamicType = ()>,
        Q: Queue,
    {
        Owned {
            server: self.server.clone(),
            endpoint: endpoint_of::<C>(),
            owner: kind_of::<K>(),
            subscription: subscription.into(),
            queue: queue.clone(),
            owners: Mutex::default(),
        }
    }

    /// The resource now; `None` if it has gone, or its name is another's.
    async fn read(&self, resource: &ResourceId) -> Result<Option<K>, Error>
    where
        K: Resource<DynamicType = ()> + DeserializeOwned,
    {
        let request = self.endpoint.get_whole(resource.namespace.as_deref(), &resource.name);
        let body = match self.server.bytes(request).await {
            Ok(body) => body,
            Err(ApiError::NoObject) => return Ok(None),
            Err(error) => return Err(Error::Read { resource: Box::new(resource.clone()), error }),
        };
        let object: K = serde_json::from_slice(&body)
            .map_err(|error| Error::Decode { what: resource.to_string(), source: error.into() })?;
        let is_same = object.meta().uid.as_deref().is_some_and(|uid| Uid::new(uid) == resource.uid);
        Ok(is_same.then_some(object))
    }
}

impl<K, Ctx, F, Fut, E> Consumer for Reconciler<K, Ctx, F>
where
    K: Resource<DynamicType = ()> + DeserializeOwned + Send + Sync + 'static,
    Ctx: Send + Sync + 'static,
    F: Fn(Arc<K>, Arc<Ctx>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Outcome, E>> + Send,
    E: Into<Failure>,
{
    async fn consume(&self, delivery: Delivery) -> Result<Outcome, Failure> {
        if delivery.state == State::Gone {
            return Ok(Outcome::Done);
        }
        match self.read(&delivery.envelope.resource).await {
            Ok(Some(object)) => {
                (self.reconcile)(Arc::new(object), self.context.clone()).await.map_err(Into::into)
            }
            Ok(None) => Ok(Outcome::Done),
            Err(error) => Err(error.into_failure()),
        }
    }
}

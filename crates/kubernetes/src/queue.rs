use std::sync::Arc;

use crate::call::Server;
use rewitness_messaging::dispatcher::Dispatcher;
use rewitness_messaging::schedule::ScheduleConfig;
use rewitness_messaging::{
    Capabilities, Consumer, Error, Handle, Pause, Queue, Source, Stopped, Subscription, Uid, WakeKey,
};

use crate::discovery::Discovery;
use crate::finalizer::{self, Finalizers, HoldCalls, is_protected_namespace};
use crate::intake::{self, Context, Observer, random_seed};
use crate::{Config, pump};

/// The queue on a Kubernetes API server.
///
/// # Guarantees
///
/// Those of [`Queue`]. A hold is a finalizer of the hold's name.
///
/// # Assumptions
///
/// - The client was made by [`client`](crate::client), or otherwise without retries of its own.
/// - The rights to `list` and `watch` each kind that is subscribed to; for holds also to `get` and
///   `patch` it. A right that is missing is shown by `Progress::sources`, and noticed once given.
/// - One queue that holds under a given name runs at a time in a cluster.
///
/// # Caveats
///
/// - Resources in `kube-*` namespaces are delivered as not held, and kinds that are
///   [protected](finalizer::protected) are refused to a subscription that holds, unless
///   [`Config::allow_protected`] says otherwise.
/// - A kind without namespaces is subscribed to everywhere, or in one namespace, which then means
///   the same; in several, its sources fail and say so.
/// - A system of record that was restored from a backup is noticed by its version. If it has been
///   written to so much since that it is ahead again, that cannot be seen.
///
/// # Examples
///
/// ```no_run
/// use rewitness_kubernetes::{Config, KubernetesQueue, client};
/// use rewitness_messaging::{Delivery, Failure, Kind, Outcome, Queue, Subscription};
///
/// async fn print(delivery: Delivery) -> Result<Outcome, Failure> {
///     tracing::info!(resource = %delivery.envelope.resource, state = %delivery.state, "delivered");
///     Ok(Outcome::Done)
/// }
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = client(kube::Config::infer().await?)?;
/// let queue = KubernetesQueue::new(client, Config::default());
/// let subscription = Subscription::new("printer", [Kind::new("example.com", "Widget")]);
/// let handle = queue.subscribe(subscription, print)?;
/// queue.run(async move { drop(handle.replayed().await) }).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct KubernetesQueue(Arc<Shared>);

struct Shared {
    dispatcher: Dispatcher,
    intake: Arc<Context>,
    finalizers: Arc<Finalizers>,
}

impl KubernetesQueue {
    /// A queue that talks to the server of this client.
    pub fn new(client: kube::Client, config: Config) -> Self {
        let exempt_from_holds =
            if config.allow_protected { |_: Option<&str>| false } else { is_protected_namespace };
        let dispatcher = Dispatcher::new(ScheduleConfig {
            hold_writes_per_second: config.hold_writes_per_second,
            exempt_from_holds,
            seed: random_seed(),
        });
        let discovery = Discovery::from(Server::new(client, config.call_timeout));
        let finalizers =
            Arc::new(Finalizers { discovery: discovery.clone(), hold_calls: HoldCalls::default() });
        let intake = Arc::new(Context::new(discovery, config));
        Self(Arc::new(Shared { dispatcher, intake, finalizers }))
    }

    /// What it knows of the kinds that are served, for consumers to share.
    pub fn discovery(&self) -> &Discovery {
        &self.0.intake.discovery
    }

    /// Waits until no call is under way that puts this hold on a resource. Once the subscription of
    /// the hold has ended, none begins any more: what carries the hold then can be listed.
    ///
    /// A call that was given up without an answer counts for a minute more, in which a server ends
    /// by default what it is at (`--request-timeout` of kube-apiserver).
    pub async fn marked(&self, hold: &str) {
        self.0.finalizers.hold_calls.idle(hold).await;
    }

    /// Lists and watches for an observer, for as long as the future is polled: as the queue does for its
    /// subscriptions, with the same guarantees, and also while it does not run. Nothing is kept, and nothing
    /// delivered. With a name it is the one object of that name, which is as much as a right may cover.
    ///
    /// ```no_run
    /// use rewitness_kubernetes::{KubernetesQueue, Observer, Seen};
    /// use rewitness_messaging::{Kind, Selector, Source};
    ///
    /// struct Print;
    ///
    /// impl Observer for Print {
    ///     fn see(&mut self, seen: Seen<'_>) {
    ///         if let Seen::Shown { page, .. } = seen {
    ///             page.iter().for_each(|one| tracing::info!(name = %one.name, "there"));
    ///         }
    ///     }
    /// }
    ///
    /// # async fn example(queue: KubernetesQueue) {
    /// let widgets = Kind::new("example.com", "Widget");
    /// queue.observe(Source { kind: widgets, namespace: None, selector: Selector::default() }, None, Print).await;
    /// # }
    /// ```
    pub fn observe<O: Observer>(
        &self,
        source: Source,
        name: Option<Arc<str>>,
        observer: O,
    ) -> impl Future<Output = ()> + Send + 'static + use<O> {
        intake::observe(self.0.intake.clone(), source, name, observer)
    }

    fn config(&self) -> &Config {
        &self.0.intake.config
    }

    /// A hold that the server would refuse, or that would stop the cluster, is refused here.
    fn check_hold(&self, subscription: &Subscription) -> Result<(), Error> {
        let Some(hold) = &subscription.hold else { return Ok(()) };
        finalizer::check_name(&hold.name)
            .map_err(|reason| Error::InvalidHold { hold: hold.name.clone(), reason })?;
        if !self.config().allow_protected
            && let Some(kind) = subscription.kinds.iter().find(|kind| finalizer::protected(kind).is_some())
        {
            return Err(Error::ProtectedKind { name: subscription.name.clone(), kind: kind.clone() });
        }
        Ok(())
    }
}

impl Queue for KubernetesQueue {
    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    fn subscribe(&self, subscription: Subscription, consumer: impl Consumer) -> Result<Handle, Error> {
        self.check_hold(&subscription)?;
        self.0.dispatcher.subscribe(subscription, consumer)
    }

    fn wake(&self, key: &WakeKey) {
        self.0.dispatcher.wake(key);
    }

    fn redeliver(&self, subscription: &str, resource: &Uid) {
        self.0.dispatcher.redeliver(subscription, resource);
    }

    fn pause(&self, pause: Pause) {
        self.0.dispatcher.pause(pause);
    }

    async fn run(&self, stop: impl Future<Output = ()> + Send + 'static) -> Result<Stopped, Error> {
        let Shared { dispatcher, intake, finalizers } = &*self.0;
        let _running = dispatcher.start()?;
        Ok(pump::run(dispatcher.clone(), intake.clone(), finalizers.clone(), stop).await)
    }
}

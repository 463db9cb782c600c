mod config;
mod intake;
mod run;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use rewitness_messaging::dispatcher::Dispatcher;
use rewitness_messaging::{
    Capabilities, Consumer, Error, Handle, Pause, Queue, Stopped, Subscription, Uid, WakeKey,
};

pub use self::config::Config;
use self::run::Run;
use crate::Store;

/// The reference [`Queue`], on a [`Store`].
///
/// # Guarantees
///
/// Q1 to Q14. On a store [without holds](Store::without_holds) its capabilities say so.
///
/// # Caveats
///
/// Deliveries run on the tokio runtime that polls [`run`](Queue::run), as tasks that `run` owns:
/// dropping its future ends them.
///
/// ```
/// use rewitness_memory::{MemoryQueue, Store};
/// use rewitness_messaging::{Delivery, Failure, Kind, Outcome, Queue, Subscription};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), rewitness_messaging::Error> {
/// let queue = MemoryQueue::new(Store::new());
/// let wants = Subscription::new("reader", [Kind::new("example.com", "Widget")]);
/// let reader = queue.subscribe(wants, async |_delivery: Delivery| Ok::<_, Failure>(Outcome::Done))?;
/// let stopped = queue.run(async move { drop(reader.replayed().await) }).await?;
/// assert_eq!(stopped.cut_off, 0);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct MemoryQueue(Arc<Inner>);

struct Inner {
    store: Store,
    dispatcher: Dispatcher,
    config: Config,
}

impl MemoryQueue {
    /// A queue on this store, with the usual configuration.
    pub fn new(store: Store) -> Self {
        Self::with_config(store, Config::default())
    }

    /// A queue on this store.
    pub fn with_config(store: Store, config: Config) -> Self {
        let dispatcher = Dispatcher::new(config.dispatcher);
        Self(Arc::new(Inner { store, dispatcher, config }))
    }
}

impl Queue for MemoryQueue {
    fn capabilities(&self) -> Capabilities {
        match self.0.store.holds_deletion() {
            true => Capabilities::ALL,
            false => Capabilities::ALL.without_holds(),
        }
    }

    fn subscribe(&self, subscription: Subscription, consumer: impl Consumer) -> Result<Handle, Error> {
        if subscription.hold.is_some() && !self.capabilities().holds_deletion {
            return Err(Error::CannotHold { name: subscription.name });
        }
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
        let Inner { store, dispatcher, config } = &*self.0;
        let _running = dispatcher.start()?;
        let mut run = Run::begin(store, dispatcher, config);
        run.until(stop).await;
        Ok(run.drain().await)
    }
}

impl fmt::Debug for MemoryQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryQueue").field("config", &self.0.config).finish_non_exhaustive()
    }
}

use std::future::Future;
use std::time::Duration;

use rewitness_messaging::{Error, Handle, Progress, Queue, Stopped, Subscription};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::queue::witness::Witness;
use crate::{Failed, Result};

/// A process with a queue in it, as far as the system of record can tell: it is started, stopped
/// and killed. Dropping it kills it.
pub(crate) struct Process<Q> {
    pub(crate) queue: Q,
    handles: Vec<(String, Handle)>,
    deadline: Duration,
    /// The run, and nothing else.
    run: JoinSet<std::result::Result<Stopped, Error>>,
    stop: Option<oneshot::Sender<()>>,
    /// Told once the queue has taken note of the stop.
    heard: Option<oneshot::Receiver<()>>,
}

impl<Q: Queue> Process<Q> {
    pub(crate) fn new(queue: Q, deadline: Duration) -> Self {
        Self { queue, handles: Vec::new(), deadline, run: JoinSet::new(), stop: None, heard: None }
    }

    pub(crate) fn subscribe(&mut self, subscription: Subscription, witness: &Witness) -> Result {
        let name = subscription.name.to_string();
        let handle = self.queue.subscribe(subscription, witness.clone())?;
        self.handles.push((name, handle));
        Ok(())
    }

    pub(crate) fn start(&mut self) {
        let (stop, stopped) = oneshot::channel::<()>();
        let (hear, heard) = oneshot::channel();
        let queue = self.queue.clone();
        (self.stop, self.heard) = (Some(stop), Some(heard));
        self.run.spawn(async move {
            let stopped = async move {
                // A sender that is dropped stops the queue as well.
                drop(stopped.await);
                let _ = hear.send(());
            };
            queue.run(stopped).await
        });
    }

    /// Asks it to stop, and waits until it has taken note: from here on nothing new begins.
    pub(crate) async fn begin_to_stop(&mut self) -> Result {
        self.stop = None;
        let heard = self.heard.take().ok_or_else(|| Failed::new("the queue was not running"))?;
        let deadline = self.deadline;
        let late = |_| Failed::new(format!("the queue took no note of the stop within {deadline:?}"));
        tokio::time::timeout(deadline, heard).await.map_err(late)?.map_err(Into::into)
    }

    /// Stops, and waits for it. A run that had ended before is an error: whatever happens, it goes
    /// on until it is stopped (Q12).
    pub(crate) async fn stop(&mut self) -> Result<Stopped> {
        self.expect_running()?;
        self.stop = None;
        self.stopped().await
    }

    /// Waits until it has stopped.
    pub(crate) async fn stopped(&mut self) -> Result<Stopped> {
        let deadline = self.deadline;
        match tokio::time::timeout(deadline, self.run.join_next()).await {
            Ok(Some(Ok(ended))) => Ok(ended?),
            Ok(Some(Err(panicked))) => Err(panicked.into()),
            Ok(None) => Err(Failed::new("the queue was not running")),
            Err(_) => Err(Failed::new(format!("the queue did not stop within {deadline:?}"))),
        }
    }

    pub(crate) fn expect_running(&mut self) -> Result {
        match self.run.try_join_next() {
            Some(ended) => Err(Failed::new(format!("the run ended by itself: {ended:?}"))),
            None => Ok(()),
        }
    }

    /// Ends it at once, as SIGKILL would. Tasks of it that are at work on another thread at this very
    /// moment end a moment later.
    pub(crate) async fn kill(mut self) {
        self.run.shutdown().await;
    }

    pub(crate) fn handle(&self, name: &str) -> Result<&Handle> {
        let found = self.handles.iter().find(|(one, _)| one == name);
        found.map(|(_, handle)| handle).ok_or_else(|| Failed::new(format!("no subscription {name}")))
    }

    /// Ends a subscription.
    pub(crate) fn close(&mut self, name: &str) {
        self.handles.retain(|(one, _)| one != name);
    }

    /// Waits until every subscription is replayed.
    pub(crate) async fn replayed(&self) -> Result {
        for (name, handle) in &self.handles {
            self.within(&format!("the replay of {name}"), handle, handle.replayed()).await?;
        }
        Ok(())
    }

    /// Waits until a subscription's progress is as `wanted`.
    pub(crate) async fn until(
        &self,
        name: &str,
        what: &str,
        wanted: impl Fn(&Progress) -> bool,
    ) -> Result<Progress> {
        let handle = self.handle(name)?;
        self.within(what, handle, handle.when(wanted)).await
    }

    async fn within<T>(&self, what: &str, handle: &Handle, awaited: impl Future<Output = T>) -> Result<T> {
        let late =
            |_| Failed::new(format!("waited in vain for {what}; the progress is {:?}", handle.progress()));
        tokio::time::timeout(self.deadline, awaited).await.map_err(late)
    }
}

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use rewitness_messaging::{
    Capabilities, Consumer, Control, Delivery, Error, Failure, Handle, Kind, Listed, Outcome, Pause,
    Progress, Queue, ResourceId, Stopped, Subscription, Uid, WakeKey,
};

use super::field::{Field, Recipient, lock};
use super::plant::{Plant, Write};
use crate::Result;
use crate::queue::LeftOut;
use crate::queue::driver::{Clock, Draft, Driver, Fault, Seen};

/// A driver whose queues have a bug.
pub struct Planted<D> {
    driver: Arc<D>,
    plant: Arc<dyn Plant>,
    field: Arc<Field>,
}

impl<D: Driver> Planted<D> {
    pub(super) fn new(driver: D, plant: Arc<dyn Plant>) -> Self {
        let driver = Arc::new(driver);
        let field = Arc::new(Field {
            hands: Box::new(driver.clone()),
            recipients: Mutex::default(),
            made: Mutex::default(),
            runs: AtomicUsize::new(0),
        });
        Self { driver, plant, field }
    }

    async fn wrote(&self, write: Write, resource: &ResourceId) -> Result {
        self.plant.after_write(&self.field, write, resource).await;
        Ok(())
    }

    async fn forced(&self, fault: Fault, resource: Option<&ResourceId>) -> Result {
        self.plant.after_fault(&self.field, fault, resource).await;
        Ok(())
    }
}

impl<D: Driver> Driver for Planted<D> {
    type Queue = PlantedQueue<D::Queue>;

    fn clock(&self) -> Clock {
        self.driver.clock()
    }

    fn kind(&self, nth: usize) -> Kind {
        self.driver.kind(nth)
    }

    fn namespace(&self, nth: usize) -> Arc<str> {
        self.driver.namespace(nth)
    }

    fn queue(&self, grace: Duration) -> Self::Queue {
        PlantedQueue {
            queue: self.driver.queue(self.plant.grace(grace)),
            plant: self.plant.clone(),
            field: self.field.clone(),
            running: Arc::default(),
        }
    }

    async fn create(&self, new: Draft) -> Result<ResourceId> {
        let resource = self.driver.create(new).await?;
        lock(&self.field.made).push(resource.clone());
        Ok(resource)
    }

    async fn update(&self, resource: &ResourceId) -> Result {
        self.driver.update(resource).await
    }

    async fn touch(&self, resource: &ResourceId) -> Result {
        self.driver.touch(resource).await?;
        self.wrote(Write::Touch, resource).await
    }

    async fn relabel(&self, resource: &ResourceId, labels: &[(&str, &str)]) -> Result {
        self.driver.relabel(resource, labels).await?;
        self.wrote(Write::Relabel, resource).await
    }

    async fn delete(&self, resource: &ResourceId) -> Result {
        self.driver.delete(resource).await?;
        self.wrote(Write::Delete, resource).await
    }

    async fn remove_hold(&self, resource: &ResourceId, hold: &str) -> Result {
        self.driver.remove_hold(resource, hold).await
    }

    async fn strip_holds(&self, resource: &ResourceId) -> Result {
        self.driver.strip_holds(resource).await?;
        self.wrote(Write::Strip, resource).await
    }

    async fn look(&self, resource: &ResourceId) -> Result<Option<Seen>> {
        self.driver.look(resource).await
    }

    fn forces(&self) -> &[Fault] {
        self.driver.forces()
    }

    fn leaves_out(&self) -> Vec<LeftOut> {
        self.driver.leaves_out()
    }

    fn page_size(&self) -> usize {
        self.driver.page_size()
    }

    async fn corrupt(&self, resource: &ResourceId) -> Result {
        self.driver.corrupt(resource).await?;
        self.forced(Fault::Corrupt, Some(resource)).await
    }

    async fn mend(&self, resource: &ResourceId) -> Result {
        self.driver.mend(resource).await
    }

    async fn disconnect(&self) -> Result {
        self.driver.disconnect().await?;
        self.forced(Fault::Disconnect, None).await
    }

    async fn expire(&self) -> Result {
        self.driver.expire().await?;
        self.forced(Fault::Expire, None).await
    }

    async fn overload(&self, calls: u32) -> Result {
        self.driver.overload(calls).await?;
        self.forced(Fault::Overload, None).await
    }

    async fn save(&self) -> Result {
        self.driver.save().await
    }

    async fn roll_back(&self) -> Result {
        self.driver.roll_back().await?;
        self.forced(Fault::RollBack, None).await
    }

    async fn take_down(&self) -> Result {
        self.driver.take_down().await?;
        self.forced(Fault::Outage, None).await
    }

    async fn bring_up(&self) -> Result {
        self.driver.bring_up().await
    }

    async fn stall_lists(&self) -> Result {
        self.driver.stall_lists().await?;
        self.forced(Fault::StallLists, None).await
    }

    async fn resume_lists(&self) -> Result {
        self.driver.resume_lists().await
    }
}

/// A queue with a bug.
#[derive(Clone)]
pub struct PlantedQueue<Q> {
    queue: Q,
    plant: Arc<dyn Plant>,
    field: Arc<Field>,
    running: Arc<AtomicBool>,
}

impl<Q: Queue> Queue for PlantedQueue<Q> {
    fn capabilities(&self) -> Capabilities {
        self.plant.capabilities(self.queue.capabilities())
    }

    fn subscribe(&self, subscription: Subscription, consumer: impl Consumer) -> Result<Handle, Error> {
        let recipient = Arc::new(Recipient {
            spec: subscription.clone(),
            consumer: Arc::new(consumer),
            late: self.running.load(Ordering::Relaxed),
            field: self.field.clone(),
        });
        let between = Between { recipient: recipient.clone(), plant: self.plant.clone() };
        let inner = self.queue.subscribe(self.plant.subscription(subscription), between)?;
        lock(&self.field.recipients).push(recipient.clone());
        let inner = Mutex::new(Some(inner));
        Ok(Handle::new(Arc::new(PlantedHandle { inner, recipient, plant: self.plant.clone() })))
    }

    fn wake(&self, key: &WakeKey) {
        self.plant.wake(key).iter().for_each(|key| self.queue.wake(key));
    }

    fn redeliver(&self, subscription: &str, resource: &Uid) {
        let names: Vec<String> =
            lock(&self.field.recipients).iter().map(|one| one.spec.name.to_string()).collect();
        for name in self.plant.redeliver(subscription, names) {
            self.queue.redeliver(&name, resource);
        }
    }

    fn pause(&self, pause: Pause) {
        self.queue.pause(self.plant.pause(pause));
    }

    async fn run(&self, stop: impl Future<Output = ()> + Send + 'static) -> Result<Stopped, Error> {
        self.field.runs.fetch_add(1, Ordering::Relaxed);
        self.running.store(true, Ordering::Relaxed);
        self.plant.ended(self.queue.run(self.plant.stop(stop.boxed())).await)
    }
}

/// What stands between the queue and a consumer.
struct Between {
    recipient: Arc<Recipient>,
    plant: Arc<dyn Plant>,
}

impl Consumer for Between {
    async fn consume(&self, delivery: Delivery) -> Result<Outcome, Failure> {
        self.plant.deliver(&self.recipient, delivery).await
    }

    async fn listed(&self, marker: Listed) -> Result<(), Failure> {
        self.plant.listed(&self.recipient, marker).await
    }

    fn released(&self, resource: &ResourceId, released: Result<(), Failure>) -> Result<Outcome, Failure> {
        self.plant.released(&self.recipient, resource, released)
    }
}

struct PlantedHandle {
    inner: Mutex<Option<Handle>>,
    recipient: Arc<Recipient>,
    plant: Arc<dyn Plant>,
}

impl Control for PlantedHandle {
    fn progress(&self) -> Progress {
        let shown = lock(&self.inner).as_ref().map(Handle::progress);
        self.plant.progress(shown.unwrap_or_default())
    }

    fn changed(&self) -> BoxFuture<'static, ()> {
        let notified = lock(&self.inner).as_ref().map(|handle| handle.changed().boxed());
        self.plant.changed(notified.unwrap_or_else(|| std::future::pending().boxed()))
    }

    fn close(&self) {
        if lock(&self.inner).take().is_some() {
            self.plant.closed(&self.recipient);
        }
    }
}

use std::sync::Arc;

use kube::runtime::controller::ReconcileRequest;
use kube::runtime::reflector::Store;
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::Event;
use rewitness_messaging::dispatcher::Admission;
use tokio::sync::mpsc;

use super::context::Context;
use super::slot::Slot;

/// How many can be requested between two polls of the applier, which takes all that there is. What
/// is due beyond that is requested after the next.
const REQUESTS: usize = 1024;

/// The admission window: a slot is requested for each admission, and is free again only when the
/// applier has yielded its completion. It has as many slots as were ever in use at a time, which
/// the concurrency of the subscriptions bounds.
pub(super) struct Window {
    context: Arc<Context>,
    store: Writer<Slot>,
    requests: mpsc::Sender<ReconcileRequest<Slot>>,
    free: Vec<usize>,
    slots: usize,
}

impl Window {
    /// A window without slots, and the requests that it will make.
    pub(super) fn new(context: Arc<Context>) -> (Self, mpsc::Receiver<ReconcileRequest<Slot>>) {
        let (requests, receiver) = mpsc::channel(REQUESTS);
        let mut store = Writer::default();
        // The applier waits for a complete list before it runs anything. This one is empty.
        store.apply_watcher_event(&Event::Init);
        store.apply_watcher_event(&Event::InitDone);
        (Self { context, store, requests, free: Vec::new(), slots: 0 }, receiver)
    }

    pub(super) fn store(&self) -> Store<Slot> {
        self.store.as_reader()
    }

    /// Whether another request can be made now.
    pub(super) fn has_room(&self) -> bool {
        self.requests.capacity() > 0
    }

    /// Waits until another request can be made.
    pub(super) async fn room(&self) {
        // The applier holds the other end as long as it lives, and so as long as this does.
        let _permit = self.requests.reserve().await;
    }

    /// Whether a slot is in use.
    pub(super) fn is_busy(&self) -> bool {
        self.free.len() < self.slots
    }

    /// Gives a free slot something to do, and requests its reconcile. Only while there is room.
    pub(super) fn give(&mut self, admission: Admission) {
        let slot = self.free.pop().unwrap_or_else(|| self.add_slot());
        self.context.give(admission);
        if self.requests.try_send(Slot::reference(slot).into()).is_err() {
            // There was no room after all. What is dropped has failed, and comes back.
            drop(self.context.take_back());
            self.free.push(slot);
        }
    }

    /// Frees a slot whose reconcile is complete.
    pub(super) fn free(&mut self, slot: usize) {
        self.free.push(slot);
    }

    fn add_slot(&mut self) -> usize {
        let slot = self.slots;
        self.slots += 1;
        self.store.apply_watcher_event(&Event::Apply(Slot::new(slot)));
        slot
    }
}

mod record;
mod reply;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use rewitness_messaging::{Consumer, Delivery, Failure, Listed, Outcome, ResourceId, State};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::queue::driver::{Clock, Seen};
use crate::{Failed, Result};

pub use self::record::{Ending, Handing, Marker, Record};
pub use self::reply::{Gate, Reply};

/// A consumer that answers by a script and records what it is handed.
///
/// Clones share one record. The same witness can be subscribed to one process after another, so
/// that its record spans restarts.
///
/// ```
/// use rewitness_conformance::queue::{Reply, Witness};
/// use rewitness_messaging::Consumer;
///
/// let flaky = Witness::new("flaky").answering(|_, nth| if nth == 1 { Reply::Fail } else { Reply::Done });
/// fn is_consumer(_: impl Consumer) {}
/// is_consumer(flaky.clone());
/// assert!(flaky.record().handings.is_empty());
/// ```
#[derive(Clone)]
pub struct Witness(Arc<Inner>);

struct Inner {
    name: &'static str,
    deadline: Duration,
    ours: Vec<Arc<str>>,
    look: Option<Look>,
    script: Mutex<Script>,
    failing_markers: Mutex<usize>,
    record: Mutex<Record>,
    changed: watch::Sender<()>,
}

/// What to answer to a delivery, the so-many-th of its uid, from 1.
type Script = Box<dyn FnMut(&Delivery, usize) -> Reply + Send>;

/// Looks a resource up in the system of record.
pub(crate) type Look = Box<dyn Fn(ResourceId) -> BoxFuture<'static, Option<Seen>> + Send + Sync>;

/// Resources by this prefix mark a moment in a case; each witness answers `Done` to them at once.
pub(crate) const MARKER: &str = "marker-";

impl Witness {
    /// One that answers `Done`, and waits 30 s for what its record is to show.
    pub fn new(name: &'static str) -> Self {
        Self::build(name, Vec::new(), Clock::REAL.deadline(), None)
    }

    /// One that records deliveries of these namespaces alone; of all, if there are none.
    pub(crate) fn build(
        name: &'static str,
        ours: Vec<Arc<str>>,
        deadline: Duration,
        look: Option<Look>,
    ) -> Self {
        Self(Arc::new(Inner {
            name,
            deadline,
            ours,
            look,
            script: Mutex::new(Box::new(|_, _| Reply::Done)),
            failing_markers: Mutex::new(0),
            record: Mutex::new(Record::default()),
            changed: watch::Sender::new(()),
        }))
    }

    /// From now on, answers as `script` says: to a delivery, the so-many-th of its uid, from 1.
    pub fn answering(self, script: impl FnMut(&Delivery, usize) -> Reply + Send + 'static) -> Self {
        self.answer(script);
        self
    }

    /// As [`Witness::answering`].
    pub fn answer(&self, script: impl FnMut(&Delivery, usize) -> Reply + Send + 'static) {
        *lock(&self.0.script) = Box::new(script);
    }

    /// Fails the next `Listed` markers, so many.
    pub fn fail_markers(&self, so_many: usize) {
        *lock(&self.0.failing_markers) = so_many;
    }

    /// What was recorded so far.
    pub fn record(&self) -> Record {
        lock(&self.0.record).clone()
    }

    /// How often a resource was handed over so far.
    pub fn count(&self, resource: &ResourceId) -> usize {
        lock(&self.0.record).count(resource)
    }

    /// Waits until the record is as `wanted`, and says what was waited for if it never is. Breaking
    /// what holds in every case ends the wait as well: one at a time, a state that never goes back,
    /// and nothing after `Gone`.
    ///
    /// # Errors
    ///
    /// [`Failed::Broken`] with the record, if the deadline passes.
    pub async fn until(&self, what: &str, wanted: impl Fn(&Record) -> bool) -> Result<Record> {
        let mut changed = self.0.changed.subscribe();
        let deadline = Instant::now() + self.0.deadline;
        loop {
            changed.mark_unchanged();
            if let Some(record) = self.check(&wanted)? {
                return Ok(record);
            }
            if tokio::time::timeout_at(deadline, changed.changed()).await.is_err() {
                return Err(self.broken(&format!("waited {:?} in vain for {what}", self.0.deadline)));
            }
        }
    }

    /// Waits until the resource was handed over so many times, and each was answered.
    pub async fn until_answered(&self, resource: &ResourceId, times: usize) -> Result<Record> {
        let wanted =
            |record: &Record| record.of(resource).filter(|handing| handing.was_answered()).count() >= times;
        self.until(&format!("{times} answered deliveries of {}", resource.name), wanted).await
    }

    /// Waits until the resource was handed over in this state at least once.
    pub async fn until_handed(&self, resource: &ResourceId, state: State) -> Result<Record> {
        let wanted = |record: &Record| record.of(resource).any(|handing| handing.delivery.state == state);
        self.until(&format!("a {state} delivery of {}", resource.name), wanted).await
    }

    /// Checks what the record is like now.
    ///
    /// # Errors
    ///
    /// [`Failed::Broken`] with the record, if it is not as `wanted`.
    pub fn expect(&self, what: &str, wanted: impl Fn(&Record) -> bool) -> Result<Record> {
        self.check(wanted)?.ok_or_else(|| self.broken(&format!("expected {what}")))
    }

    /// The record, if it is as `wanted`.
    fn check(&self, wanted: impl Fn(&Record) -> bool) -> Result<Option<Record>> {
        let record = lock(&self.0.record);
        if let Some(what) = record.broken().map(str::to_owned) {
            drop(record);
            return Err(self.broken(&what));
        }
        Ok(wanted(&record).then(|| record.clone()))
    }

    fn broken(&self, what: &str) -> Failed {
        Failed::new(format!("witness `{}`: {what}\n{}", self.0.name, self.record()))
    }

    fn begin(&self, delivery: &Delivery) -> Underway<'_> {
        let number = lock(&self.0.record).begin(delivery.clone());
        self.0.changed.send_replace(());
        Underway { witness: self, number, ending: Ending::CutOff }
    }

    fn script(&self, delivery: &Delivery) -> Reply {
        let nth = self.count(&delivery.envelope.resource);
        match delivery.envelope.resource.name.starts_with(MARKER) {
            true => Reply::Done,
            false => (lock(&self.0.script))(delivery, nth),
        }
    }

    fn is_ours(&self, namespace: Option<&Arc<str>>) -> bool {
        self.0.ours.is_empty() || namespace.is_some_and(|namespace| self.0.ours.contains(namespace))
    }
}

impl Consumer for Witness {
    async fn consume(&self, delivery: Delivery) -> std::result::Result<Outcome, Failure> {
        if !self.is_ours(delivery.envelope.resource.namespace.as_ref()) {
            return Ok(Outcome::Done);
        }
        let mut underway = self.begin(&delivery);
        let reply = self.script(&delivery);
        // So that what should not happen at the same time has the chance to.
        tokio::task::yield_now().await;
        if let Some(look) = &self.0.look {
            let seen = look(delivery.envelope.resource.clone()).await;
            underway.saw(seen);
        }
        let answer = reply.answer(&mut underway.ending).await;
        drop(underway);
        answer
    }

    async fn listed(&self, marker: Listed) -> std::result::Result<(), Failure> {
        if marker.namespace.is_some() && !self.is_ours(marker.namespace.as_ref()) {
            return Ok(());
        }
        lock(&self.0.record).mark(marker);
        self.0.changed.send_replace(());
        let mut failing = lock(&self.0.failing_markers);
        match failing.checked_sub(1) {
            Some(rest) => {
                *failing = rest;
                Err(Failure::backoff("as scripted"))
            }
            None => Ok(()),
        }
    }

    fn released(
        &self,
        resource: &ResourceId,
        released: std::result::Result<(), Failure>,
    ) -> std::result::Result<Outcome, Failure> {
        if released.is_ok() {
            lock(&self.0.record).released.push(resource.clone());
            self.0.changed.send_replace(());
        }
        released.map(|()| Outcome::Done)
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.0.name, self.record())
    }
}

/// A delivery that is being worked on. Dropping it ends it, so that one whose future is dropped is
/// seen to have been cut off.
struct Underway<'a> {
    witness: &'a Witness,
    number: usize,
    ending: Ending,
}

impl Underway<'_> {
    fn saw(&mut self, seen: Option<Seen>) {
        lock(&self.witness.0.record).handings[self.number].seen = seen;
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        lock(&self.witness.0.record).end(self.number, self.ending);
        self.witness.0.changed.send_replace(());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A scripted panic happens outside of the locks; whatever else panics fails the case anyway.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

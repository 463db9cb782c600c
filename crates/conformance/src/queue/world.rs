use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt;
use rewitness_messaging::{Hold, Queue, ResourceId, Subscription};
use tokio::time::Instant;

use crate::queue::driver::{Draft, Driver, Fault, Seen};
use crate::queue::process::Process;
use crate::queue::witness::{MARKER, Witness};
use crate::{Failed, Result};

/// A hold that belongs to none of the subscriptions under test.
pub(crate) const FOREIGN: &str = "conformance.rewitness.dev/foreign";

/// So long that it does not end within a case.
pub(crate) const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// The usual grace period of a case.
const GRACE: Duration = Duration::from_secs(5);

/// What a case works with: its driver, to which it derefs, and what makes cases short.
pub(crate) struct World<D> {
    driver: Arc<D>,
    holds_deletion: bool,
    markers: AtomicUsize,
}

impl<D> Deref for World<D> {
    type Target = D;

    fn deref(&self) -> &D {
        &self.driver
    }
}

impl<D: Driver> World<D> {
    pub(crate) fn new(driver: D) -> Self {
        let holds_deletion = driver.queue(GRACE).capabilities().holds_deletion;
        Self { driver: Arc::new(driver), holds_deletion, markers: AtomicUsize::new(0) }
    }

    /// Ends the case as not applicable unless these faults can be forced.
    pub(crate) fn needs(&self, faults: &[Fault]) -> Result {
        match faults.iter().find(|fault| !self.forces().contains(fault)) {
            Some(fault) => Err(Failed::NotApplicable(format!("this driver cannot force {fault:?}"))),
            None => Ok(()),
        }
    }

    pub(crate) fn holds_deletion(&self) -> bool {
        self.holds_deletion
    }

    fn needs_holds(&self) -> Result {
        match self.holds_deletion {
            true => Ok(()),
            false => Err(Failed::NotApplicable("this backend holds no deletion".to_owned())),
        }
    }

    /// A resource of the first kind in the first namespace.
    pub(crate) fn new_resource(&self, name: &str) -> Draft {
        Draft::new(self.kind(0), self.namespace(0), name)
    }

    pub(crate) async fn make(&self, name: &str) -> Result<ResourceId> {
        self.create(self.new_resource(name)).await
    }

    pub(crate) async fn make_many(&self, prefix: &str, count: usize) -> Result<Vec<ResourceId>> {
        let mut made = Vec::with_capacity(count);
        for number in 0..count {
            made.push(self.make(&format!("{prefix}-{number:03}")).await?);
        }
        Ok(made)
    }

    /// One that is held by a foreign hand, so that it stays when it is deleted.
    pub(crate) async fn make_held(&self, name: &str) -> Result<ResourceId> {
        self.needs_holds()?;
        self.create(self.new_resource(name).held_by(FOREIGN)).await
    }

    /// One that is being deleted, and stays because of a foreign hand.
    pub(crate) async fn make_deleting(&self, name: &str) -> Result<ResourceId> {
        let resource = self.make_held(name).await?;
        self.delete(&resource).await?;
        Ok(resource)
    }

    /// Lets go of what [`World::make_held`] holds.
    pub(crate) async fn let_go(&self, resource: &ResourceId) -> Result {
        self.remove_hold(resource, FOREIGN).await
    }

    /// A subscription to the first kind in the first namespace.
    pub(crate) fn wants(&self, name: &str) -> Subscription {
        Subscription::new(name, [self.kind(0)]).in_namespaces([self.namespace(0)])
    }

    /// The same, with a hold of its own.
    pub(crate) fn wants_held(&self, name: &str) -> Result<Subscription> {
        self.needs_holds()?;
        Ok(self.wants(name).holding(Hold::new(hold(name))))
    }

    /// A witness that answers `Done`.
    pub(crate) fn witness(&self, name: &'static str) -> Witness {
        Witness::build(name, self.namespaces(), self.clock().deadline(), None)
    }

    /// A witness that looks each resource up in the system of record before it answers.
    pub(crate) fn looking_witness(&self, name: &'static str) -> Witness {
        let driver = self.driver.clone();
        let look = Box::new(move |resource: ResourceId| {
            let driver = driver.clone();
            async move { driver.look(&resource).await.ok().flatten() }.boxed()
        });
        Witness::build(name, self.namespaces(), self.clock().deadline(), Some(look))
    }

    fn namespaces(&self) -> Vec<Arc<str>> {
        vec![self.namespace(0), self.namespace(1)]
    }

    /// A new process, running, with these consumers.
    pub(crate) fn run<'a>(
        &self,
        consumers: impl IntoIterator<Item = (Subscription, &'a Witness)>,
    ) -> Result<Process<D::Queue>> {
        self.run_with_grace(GRACE, consumers)
    }

    pub(crate) fn run_with_grace<'a>(
        &self,
        grace: Duration,
        consumers: impl IntoIterator<Item = (Subscription, &'a Witness)>,
    ) -> Result<Process<D::Queue>> {
        let mut process = self.process(grace);
        for (subscription, witness) in consumers {
            process.subscribe(subscription, witness)?;
        }
        process.start();
        Ok(process)
    }

    /// A new process that does not run yet.
    pub(crate) fn process(&self, grace: Duration) -> Process<D::Queue> {
        Process::new(self.queue(grace), self.clock().deadline())
    }

    /// Waits until everything that has happened so far has come to these witnesses, as far as
    /// waiting can show it: until each has been handed a resource that is made now, and then a
    /// little longer. After this, what was not handed over will not be.
    pub(crate) async fn settle<'a>(&self, witnesses: impl IntoIterator<Item = &'a Witness>) -> Result {
        let number = self.markers.fetch_add(1, Ordering::Relaxed);
        let marker = self.make(&format!("{MARKER}{number}")).await?;
        for witness in witnesses {
            witness.until_answered(&marker, 1).await?;
            witness.expect("nothing that is never allowed", |_| true)?;
        }
        self.quiet().await;
        Ok(())
    }

    /// Lets some time pass.
    pub(crate) async fn quiet(&self) {
        tokio::time::sleep(self.clock().quiet()).await;
    }

    /// Waits until the system of record has the resource as `wanted`.
    pub(crate) async fn until(
        &self,
        resource: &ResourceId,
        what: &str,
        wanted: impl Fn(Option<&Seen>) -> bool,
    ) -> Result {
        let deadline = Instant::now() + self.clock().deadline();
        let mut wait = Duration::from_millis(10);
        loop {
            let seen = self.look(resource).await?;
            if wanted(seen.as_ref()) {
                return Ok(());
            }
            if Instant::now() > deadline {
                let name = &resource.name;
                return Err(Failed::new(format!("waited in vain until {name} {what}; it is {seen:?}")));
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(Duration::from_millis(500));
        }
    }

    pub(crate) async fn until_gone(&self, resource: &ResourceId) -> Result {
        self.until(resource, "has gone", |seen| seen.is_none()).await
    }

    pub(crate) async fn until_held_by(&self, resource: &ResourceId, hold: &str) -> Result {
        let held = |seen: Option<&Seen>| seen.is_some_and(|seen| seen.is_held_by(hold));
        self.until(resource, &format!("is held by {hold}"), held).await
    }

    /// The resource, which must be there.
    pub(crate) async fn see(&self, resource: &ResourceId) -> Result<Seen> {
        let seen = self.look(resource).await?;
        seen.ok_or_else(|| Failed::new(format!("{} has gone, and should not have", resource.name)))
    }
}

/// The name of a subscription's hold.
pub(crate) fn hold(subscription: &str) -> String {
    format!("conformance.rewitness.dev/{subscription}")
}

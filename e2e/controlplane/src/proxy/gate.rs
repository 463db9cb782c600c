//! A place where requests wait for the test.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(60);

/// Holds requests until it is opened. Clones are the same gate.
///
/// # Examples
/// ```
/// use rewitness_controlplane::{Fault, Gate};
/// let gate = Gate::new();
/// let fault = Fault::Hold(gate.clone());
/// gate.open();
/// # drop(fault);
/// ```
#[derive(Debug, Clone)]
pub struct Gate {
    passes: Arc<Semaphore>,
    arrived: watch::Sender<usize>,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self { passes: Arc::new(Semaphore::new(0)), arrived: watch::Sender::new(0) }
    }

    /// Waits until a request has come to the gate.
    ///
    /// # Errors
    /// None has come within a minute.
    pub async fn reached(&self) -> Result<()> {
        let mut arrived = self.arrived.subscribe();
        timeout(SOON, arrived.wait_for(|count| *count > 0))
            .await
            .context("no request has come to the gate")??;
        Ok(())
    }

    /// How many requests have come to the gate, the ones included that it let through.
    pub fn arrived(&self) -> usize {
        *self.arrived.borrow()
    }

    /// Lets this many requests through and stays closed for the others.
    pub fn pass(&self, count: usize) {
        self.passes.add_permits(count);
    }

    /// Lets every request through, now and later.
    pub fn open(&self) {
        self.passes.close();
    }

    pub(super) async fn wait(&self) {
        self.arrived.send_modify(|count| *count += 1);
        // An error says that the gate is open.
        if let Ok(pass) = self.passes.acquire().await {
            pass.forget();
        }
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rewitness_messaging::{Failure, ResourceId, Timestamp, Uid};

use super::ledger::Ledger;
use super::report::Report;

/// Where a rule's deletions are counted and reported.
pub trait Records: Send + Sync + 'static {
    /// How many deletions may still begin in this hour.
    fn hour_remaining(&self, limit: u32, now: Timestamp) -> u64;

    /// Counts deletions that begin for a parent, MUST be durable when it answers, and may count
    /// one parent twice after a crash, but never not at all.
    fn begin(
        &self,
        parent: &ResourceId,
        count: u64,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Hears where a deletion stands, after each look at it. MUST NOT block.
    fn report(&self, report: Report);
}

/// Records that end with the process.
///
/// # Caveats
///
/// The hour begins anew at each start, so that `maxPerHour` is per hour and start. The operator
/// keeps it in the status of the Cascade.
#[derive(Debug, Default)]
pub struct MemoryRecords(Mutex<Ledger>);

impl MemoryRecords {
    /// Where the deletion of a parent stands, while it is held.
    pub fn state(&self, parent: &Uid) -> Option<Report> {
        self.ledger().state(parent).cloned()
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Records for MemoryRecords {
    fn hour_remaining(&self, limit: u32, now: Timestamp) -> u64 {
        self.ledger().hour().remaining(limit, now)
    }

    async fn begin(&self, _: &ResourceId, count: u64, now: Timestamp) -> Result<(), Failure> {
        self.ledger().begin(count, now);
        Ok(())
    }

    fn report(&self, report: Report) {
        self.ledger().report(report);
    }
}

impl<R: Records> Records for Arc<R> {
    fn hour_remaining(&self, limit: u32, now: Timestamp) -> u64 {
        (**self).hour_remaining(limit, now)
    }

    fn begin(
        &self,
        parent: &ResourceId,
        count: u64,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), Failure>> + Send {
        (**self).begin(parent, count, now)
    }

    fn report(&self, report: Report) {
        (**self).report(report);
    }
}

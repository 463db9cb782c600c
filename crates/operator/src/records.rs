//! What a rule's deletions are counted and reported by: the status of its Cascade.

use std::sync::Arc;

use rewitness_cascade::{Records, Report};
use rewitness_messaging::{Failure, ResourceId, Timestamp};
use tokio::runtime::{Handle, RuntimeFlavor};

use super::followed::Followed;

/// Records that outlast the process: a deletion begins only once the status has counted it.
///
/// # Assumptions
///
/// The runtime has one thread, and nothing is awaited between [`hour_room`](Records::hour_room) and
/// [`begin`](Records::begin), so that no two parents take the same room.
pub(crate) struct StatusRecords(pub(crate) Arc<Followed>);

impl Records for StatusRecords {
    fn hour_room(&self, limit: u32, now: Timestamp) -> u64 {
        self.0.hour_room(limit, now)
    }

    async fn begin(&self, _: &ResourceId, count: u64, now: Timestamp) -> Result<(), Failure> {
        debug_assert_eq!(Handle::current().runtime_flavor(), RuntimeFlavor::CurrentThread, "one thread");
        self.0.written(count, now).await.map_err(Failure::backoff)
    }

    fn report(&self, report: Report) {
        self.0.report(report);
    }
}

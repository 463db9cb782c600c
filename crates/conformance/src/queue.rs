//! The suite for queues.
//!
//! A backend implements [`Driver`]: how to write to its system of record, and how to make a queue on it; and, if it
//! has them, status writes, holds, and faults that can be forced. [`queue_suite!`](crate::queue_suite) then expands to
//! one test per case, each named after the promise that it shows:
//!
//! ```text
//! test q6_a_deletion_while_nothing_ran_is_delivered ... ok
//! ```
//!
//! No case assumes that time is paused, or that anything happens at once. What must happen is waited for, with a
//! deadline; that something does not happen is shown by what came later.
//!
//! # A backend's test file
//!
//! ```text
//! rewitness_conformance::queue_suite!(#[tokio::test(start_paused = true)] MyDriver::new());
//! ```
//!
//! The package needs tokio as a dev-dependency. `crates/memory/tests/core.rs` is a whole driver of the core alone, to
//! begin with.

mod cases;
mod driver;
mod left_out;
#[cfg(feature = "planted")]
pub mod planted;
mod process;
mod suite;
mod witness;
mod world;

pub use driver::{Clock, Draft, Driver, Fault, Seen};
pub use left_out::{LeftOut, WITHOUT_FAULTS, WITHOUT_HOLDS, WITHOUT_STATUS};
pub use suite::{Verdict, cases, check};
pub use witness::{Ending, Gate, Handing, Marker, Record, Reply, Witness};

//! The conformance suite of Rewitness: what every queue backend must pass.
//!
//! A backend implements [`Driver`], which knows how to write to its system of record, how to make a
//! queue on it and which faults it can force. [`suite!`] then expands to one test per case, each
//! named after the promise of [`Queue`](rewitness_messaging::Queue) that it shows:
//!
//! ```text
//! test q6_a_deletion_while_nothing_ran_is_delivered ... ok
//! ```
//!
//! # Guarantees
//!
//! - Every promise Q1 to Q14 has a case, and one that has several sides has several.
//! - The suite is itself tested: each bug in [`planted`] breaks one promise, and the cases that
//!   should catch it do.
//! - Nothing passes because it was not run: what does not apply to a backend, its driver
//!   [declares](Driver::leaves_out), with a reason.
//! - No case assumes that time is paused, or that anything happens at once. What must happen is
//!   waited for, with a deadline; that something does not happen is shown by what came later.
//!
//! # A backend's test file
//!
//! ```text
//! rewitness_conformance::suite!(#[tokio::test(start_paused = true)] MyDriver::new());
//! ```
//!
//! The package needs tokio as a dev-dependency.

mod cases;
mod driver;
mod failed;
mod left_out;
pub mod planted;
mod process;
mod suite;
mod witness;
mod world;

pub use driver::{Clock, Draft, Driver, Fault, Seen};
pub use failed::{Failed, Result};
pub use left_out::{LeftOut, WITHOUT_HOLDS};
pub use suite::{Verdict, cases, check};
pub use witness::{Ending, Gate, Handing, Marking, Record, Reply, Witness};

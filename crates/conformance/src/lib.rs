//! The conformance suites of Rewitness: what every backend must pass, whoever wrote it.
//!
//! There is one suite so far: [`queue`], with a case for each side of each promise of
//! [`Queue`](rewitness_messaging::Queue). A suite is generic over a driver that the backend writes: a small core that
//! every backend has, and what only some have, which a driver that lacks it declares.
//!
//! This crate knows no backend, and is no place for tests of one: those are beside the backend.
//!
//! # Guarantees
//!
//! - Nothing passes because it was not run: what does not apply to a backend, its driver declares, with a reason.
//! - A suite is itself tested: by the feature `planted`, bugs that break one promise each are planted around a correct
//!   backend, and the cases that should catch them do.
//!
//! # Features
//!
//! `planted`: the bugs.

mod failed;
pub mod queue;

pub use failed::{Failed, Result};

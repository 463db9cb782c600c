//! The queue on a real API server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says so by panicking")]

mod faults;
mod finalizers;
mod intake;
mod outages;
mod reconciler;

//! `rewitness why` against a real API server: incidents are staged, the answer is read as a person
//! reads it, and what it advises is typed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says so by panicking")]

mod answers;
mod cascades;
mod definitions;
mod incidents;
mod large;
mod namespaces;
mod night;
mod objects;
mod rights;
mod session;

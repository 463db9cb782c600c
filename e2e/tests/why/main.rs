//! `rewitness why` against a real API server: incidents are staged, the answer is read as a person
//! reads it, and what it advises is typed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says so by panicking")]

mod answers;
#[path = "../cascade/audit.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod audit;
mod cascades;
mod definitions;
mod incidents;
#[path = "../cascade/lab.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod lab;
mod large;
mod namespaces;
mod night;
mod objects;
#[path = "../cascade/planted.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod planted;
mod rights;
#[path = "../program/running.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod running;
mod session;
#[path = "../program/terminal.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod terminal;

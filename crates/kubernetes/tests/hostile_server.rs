//! What a server can send that is no answer: in memory, and with the clock of the test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says so by panicking")]

#[path = "hostile_server/endless.rs"]
mod endless;
#[path = "hostile_server/scripted.rs"]
mod scripted;
#[path = "hostile_server/served.rs"]
mod served;
#[path = "hostile_server/unseen.rs"]
mod unseen;

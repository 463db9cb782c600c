//! Cascades on a real API server, by the rules of the design (C1 to C13) and the faults (B1 to B30)
//! that they are made for.

mod admission;
mod audited;
#[path = "../../../crates/operator/src/run/counts.rs"]
#[allow(dead_code, reason = "the program asks more of it")]
mod count_watches;
mod counts;
mod crashes;
#[path = "../../../crates/operator/src/run/events.rs"]
mod event_writer;
mod events;
mod faults;
mod foreground;
mod graphs;
mod lag;
mod limits;
mod planted_bugs;
mod references;
mod rights;
mod rules;
mod webhook;

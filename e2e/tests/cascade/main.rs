//! Cascades on a real API server, by the rules of the design (C1 to C13) and the faults (B1 to B30)
//! that they are made for.

mod admission;
#[path = "../../../crates/operator/src/run/counts.rs"]
mod count_watches;
mod counts;
mod crashes;
#[path = "../../../crates/operator/src/run/events.rs"]
mod event_writer;
mod events;
mod faults;
mod lab;
mod limits;
mod references;
mod rules;

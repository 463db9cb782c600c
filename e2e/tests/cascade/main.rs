//! Cascades on a real API server, by the rules of the design (C1 to C13) and the faults (B1 to B30)
//! that they are made for.

mod admission;
mod audited;
mod counts;
mod crashes;
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

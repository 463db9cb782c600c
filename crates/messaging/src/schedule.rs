//! The rules that every in-process queue shares: what is due, for whom, in which order.
//!
//! Everything here is synchronous and pure: a function of what was observed, what was answered, and
//! of the time that the caller passes in. A backend feeds [`Schedule`] what its lists and watches
//! show, takes [deliveries](Schedule::admit) from it, and hands back the [answers](Answer).
//!
//! One resource and one subscription go through these states:
//!
//! ```text
//!             observed                 admit                Done
//!   (unknown) ────────▶ queued ───────────────▶ in flight ────────▶ settled
//!                        ▲  ▲                     │  │  ▲             │
//!        hold observed   │  └── timer, wake, ─────┘  │  └─ observed   │ observed
//!   gated ───────────────┘      change      waiting ◀┘     ("dirty")  │
//!                        └────────────────────────────────────────────┘
//! ```
//!
//! # Memory
//!
//! A settled resource costs 56 bytes and its name's, 4-8 bytes of index, and 2 bytes for each
//! subscription that watches it. What is in flight, waiting or failing costs about 100 bytes more, and so
//! does a resource whose hold somebody takes off, until it has stayed for five minutes.

mod answer;
mod attachment;
mod backoff;
mod cell;
mod contests;
mod delivery;
mod hold_writes;
mod intake;
mod lanes;
mod names;
mod run;
mod sighting;
mod state;
mod subscriber;
mod table;
mod terms;
mod timers;
mod wakes;
mod write_holds;

pub use hold_writes::{HoldWrite, HoldWriteResult, HoldWriteTicket};
pub use sighting::Via;
pub use state::{Schedule, ScheduleConfig};
pub use table::Observation;
pub use terms::{Admitted, Answer, SourceChange, SourceId, SubscriberId, Ticket, Work};

//! The operator of Rewitness: the role that follows a cluster's Cascades, and writes their status.
//!
//! A role is a value that a test can run: [`Operator::new`] takes a client and plain configuration, and
//! [`Operator::run`] works until it is told to stop. It knows no arguments, no terminal, no environment and
//! no signals, and it never ends the process. How one Cascade deletes is decided in `rewitness-cascade`; the
//! queue that delivers parents is in `rewitness-kubernetes`.
//!
//! In reading order: `role` puts the parts together; `definition` is Cascade's own definition and the
//! uninstall mark on it; `controller` follows the Cascades and takes each in; `decision` decides what is
//! to be done about one; `rules` does it, with `release` for what is let go; `followed` is one of them,
//! `state` what is known of it, and `status_writer` the one writer of its status; [`events`] tells of its
//! deletions, [`counts`] is how many dependents there are; `work` says how far all of this is.

mod controller;
pub mod counts;
mod decision;
mod definition;
mod error;
pub mod events;
mod followed;
mod own_finalizer;
mod parents;
mod recheck;
mod release;
mod role;
mod rules;
mod state;
mod status_writer;
mod work;

pub use role::{Config, Ended, Operator};
pub use work::{CascadeState, Work};

//! What Rewitness answers about a cluster: [`why`] a resource is still there, the [`plan`] of what a
//! deletion would take along, and the [`check`] whether all is well.
//!
//! Each answer is made in three steps: load facts with the caller's own rights, decide what they mean
//! (a pure function), and put that into a document, which is serialised for programs and drawn as
//! text for people. Nothing is written to the cluster.
//!
//! This crate knows no arguments, no environment and no signals, and not the operator: it says
//! whether one runs by what it has written. How a cluster is reached, and how commands are typed that go
//! to the same one, is a [`Link`] that the program hands it.

pub mod check;
mod document;
mod error;
mod link;
mod namespace;
pub mod object;
mod parent;
pub mod plan;
pub mod sources;
pub mod text;
pub mod typed;
pub mod why;

pub use document::API_VERSION;
pub use error::{WrongUse, wrong_use};
pub use link::{CONNECT_TIMEOUT, Link, of_what_is_left, place};
pub use namespace::Namespace;
pub use parent::{Parent, Parents};
pub use typed::{Object, Typed};

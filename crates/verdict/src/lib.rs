//! The answers of Rewitness about a cluster: [`why`] a resource is still there, the [`plan`] of what a
//! deletion takes along, and the [`check`] of an installation.
//!
//! Each answer is made in three steps. Load facts, with the caller's own rights; decide what they mean, by a
//! pure function; put that into a document, which is serialised for programs and drawn as text for people.
//! Nothing is written to the cluster.
//!
//! This crate knows no arguments, no environment and no signals. It does not know the operator either: it
//! sees by the status and the field manager whether one runs. The program hands it a [`Link`]: the client,
//! the name of the server, and how commands are typed that go to the same cluster.

pub mod check;
mod commands;
mod document;
mod error;
mod link;
mod namespace;
pub mod object;
mod parent;
mod picture;
pub mod plan;
mod read;
mod served;
pub mod sources;
mod step;
pub mod text;
pub mod typed;
pub mod why;

pub use document::API_VERSION;
pub use error::{WrongUse, wrong_use};
pub use link::{CONNECT_TIMEOUT, Link, of_what_is_left, place};
pub use namespace::Namespace;
pub use parent::{Parent, Parents};
pub use picture::Canvas;
pub use typed::{Object, Typed};

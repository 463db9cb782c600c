//! Holds on Kubernetes: one finalizer per holding subscription.
//!
//! # Guarantees
//!
//! - Every patch tests the uid and the whole list of finalizers as it was read, so that it applies
//!   to that resource in that state or not at all: no other resource of the same name, no finalizer
//!   of somebody else, and not their order, is ever touched.
//! - A resource that has gone, or whose name another has taken, counts as done.
//!
//! # Caveats
//!
//! An API server refuses to add a finalizer to a resource that is being deleted. Whether a hold
//! got onto a resource in time is known only from an answer or a watch that shows it there.

mod access;
mod hold_calls;
mod hold_writer;
mod holds;
mod name;
mod patch;
mod protect;
mod release;
mod write_holds;

pub(crate) use access::Finalizers;
pub(crate) use hold_calls::HoldCalls;
pub(crate) use hold_writer::HoldWriter;
pub use holds::{Held, HeldList, Holds};
pub use name::check_name;
pub use protect::{is_protected_namespace, protected};
pub use release::Removed;

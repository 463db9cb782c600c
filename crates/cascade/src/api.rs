//! The edge to the API server: what is asked beside what every crate asks, and what is read of the
//! answers. All I/O goes through [`Server`].

mod kinds;

pub(crate) use kinds::{KindRef, Kinds, Served};
pub use rewitness_kubernetes::call::ApiError;
pub(crate) use rewitness_kubernetes::call::{Endpoint, Metadata, Server, post_document};

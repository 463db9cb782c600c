//! The edge to the API server: what is asked beside what every crate asks, and what is read of the
//! answers. All I/O goes through [`Server`].

use rewitness_messaging::Kind;

pub(crate) use rewitness_kubernetes::Discovery;
pub use rewitness_kubernetes::call::ApiError;
pub(crate) use rewitness_kubernetes::call::{Endpoint, Metadata, Server, post_document};

/// A kind, and the version by which somebody knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct KindRef {
    pub(crate) kind: Kind,
    pub(crate) version: String,
}

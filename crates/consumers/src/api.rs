//! The edge to the API server: what is asked, and what an answer means. All I/O goes through
//! [`Server`].

mod endpoint;
mod kinds;
mod object;
mod refusal;
mod server;

pub(crate) use endpoint::{Endpoint, post_document};
pub(crate) use kinds::{KindRef, Kinds, Served};
pub(crate) use object::{LivePage, Metadata, Object};
pub use refusal::Refusal;
pub(crate) use server::Server;

//! The edge to the API server: requests, and what an answer means. All I/O goes through [`Server`].

mod endpoint;
mod refusal;
mod server;

pub(crate) use endpoint::{Endpoint, ListAsk, get};
pub use refusal::Refusal;
pub(crate) use server::Server;

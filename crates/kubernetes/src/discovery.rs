//! Which kinds the server serves, and by which paths.

mod cache;
mod documents;
mod near;
mod resolved_kind;
mod resolver;

pub use cache::Discovery;
pub use resolved_kind::ResolvedKind;
pub use resolver::Resolver;

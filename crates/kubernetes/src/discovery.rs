//! Which kinds the server serves, and by which paths.

mod cache;
mod documents;
mod near;
mod resolver;

pub use cache::Discovery;
pub use resolver::{ResolvedKind, Resolver};

/// What a queue does with a kind.
pub(crate) const NEEDED: &[&str] = &["list", "watch"];

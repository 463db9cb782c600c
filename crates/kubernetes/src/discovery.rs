//! Which kinds the server serves, and by which paths.

mod catalog;
mod near;
mod resolver;
mod served;

pub(crate) use catalog::Catalog;
pub use resolver::{ResolvedKind, Resolver};

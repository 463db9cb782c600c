//! What the API server says about resources, decoded: borrowed from the answer, only the fields
//! that are used, and without ever failing on an object (Q11).
//!
//! An object that cannot be read is an [`Entry`] without an observation; the others around it are
//! not affected. Decoding happens in one pass over the whole answer; only if that fails is the
//! answer split into its objects, and each decoded by itself.

mod event;
mod lenient;
mod object;
mod page;
mod split;

#[cfg(test)]
mod tests;

pub(crate) use event::{Event, decode_event};
pub use object::Metadata;
pub(crate) use object::{Entry, decode_metadata, decode_object};
pub(crate) use page::{decode_metadata_page, decode_page};

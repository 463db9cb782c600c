//! Why a resource is still there, and what to do about it.
//!
//! Load, decide, draw: `load` reads with the caller's own rights, `decide` makes a [`Verdict`] of what
//! was read, [`draw()`] shows it. Nothing is written.

use crate::link::Link;

mod change;
mod commands;
mod decide;
mod draw;
mod facts;
mod known;
mod load;
mod target;
mod verdict;
mod words;

use load::Loader;
use target::Target;

// What `check` reads, says and draws with as well.
pub(crate) use commands::Typist;
pub(crate) use decide::{ASK_WHO_PAUSED, NO_RULE, PATIENCE_SECONDS, last_sign};
pub use draw::{Canvas, draw};
pub(crate) use draw::{Picture, Style};
pub(crate) use facts::{Read, Types, Unread};
pub(crate) use load::{is_not_found, read};
pub(crate) use target::preferred;
pub(crate) use verdict::Step;
pub use verdict::{Resource, State, Verdict};
pub use words::REASONS;

/// Reads everything anew, and says why a resource is still there. It is named as `TYPE/NAME` or as
/// `TYPE NAME`; where no namespace is named, it is that of the link.
///
/// # Errors
///
/// No resource is named, or the server cannot be asked. What is merely not readable is said in the
/// verdict.
pub async fn ask(link: &Link, what: &[String], namespace: Option<&str>) -> anyhow::Result<Verdict> {
    let target = Target::find(link, what, namespace).await?;
    let typist = Typist::new(link.typed.clone(), target.types.clone());
    let facts = Loader::new(link, &target).facts().await;
    Ok(decide::decide(&facts, &typist))
}

//! Why a resource is still there, and what to do about it.
//!
//! Load, decide, draw: `load` reads with the caller's own rights, `decide` makes a [`Verdict`] of what
//! was read, [`draw()`] shows it. Nothing is written.

use crate::commands::Commands;
use crate::link::Link;
pub use crate::picture::Canvas;

mod change;
mod decide;
mod draw;
mod facts;
mod load;
mod owners;
mod verdict;
mod words;

use load::Loader;

// What `check` says and reads as well.
pub(crate) use decide::{NO_RULE, PATIENCE_SECONDS, last_sign};
pub use draw::draw;
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
    let loader = Loader::new(link, what, namespace).await?;
    let commands = Commands::new(link.typed.clone(), loader.served.types());
    Ok(decide::decide(&loader.facts().await, &commands))
}

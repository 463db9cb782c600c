//! Whether all is well with Rewitness in a cluster, and the way out where it is not.
//!
//! Load, decide, draw: `load` reads with the caller's own rights, `decide` makes a [`Report`] of what was
//! read, [`draw()`] shows it. Nothing is written.

use crate::commands::Commands;
use crate::link::Link;
use crate::served::Served;

mod decide;
mod draw;
mod facts;
mod load;
mod report;
mod schema;

pub use draw::draw;
pub use report::{Report, Result};

/// Checks a cluster; with `is_before`, one in which Rewitness is to be installed.
pub async fn check(link: &Link, is_before: bool) -> Report {
    match load::facts(link, is_before).await {
        Ok(facts) => {
            let types = facts.served.iter().flat_map(Served::types);
            decide::decide(&facts, &Commands::new(link.typed.clone(), types))
        }
        Err(unreachable) => Report::unreachable(is_before, &unreachable),
    }
}

//! Cascade: when a parent is deleted, delete what refers to it, stage by stage, and let the parent
//! go only when all of that is gone.
//!
//! This crate follows one rule at a time: it decides what is next, deletes it, and previews the same for
//! people. It does not watch Cascades and does not write their status: `rewitness-operator` does both. It
//! runs on any [`Queue`](rewitness_messaging::Queue) and reads no environment.
//!
//! ```no_run
//! use rewitness_cascade::{Cascades, Config, MemoryRecords, Rule};
//! use rewitness_messaging::{Handle, Queue};
//!
//! /// Follows a Cascade with any queue whose resources live on this client's server.
//! fn follow(
//!     queue: &impl Queue,
//!     client: kube::Client,
//!     cascade: &rewitness_crds::Cascade,
//! ) -> Result<Handle, Box<dyn std::error::Error>> {
//!     let rule = Rule::new(cascade)?;
//!     let cascades = Cascades::new(client, Config::default());
//!     let subscription = rule.subscription();
//!     Ok(queue.subscribe(subscription, cascades.consumer(rule, MemoryRecords::default()))?)
//! }
//! ```
//!
//! # Guarantees
//!
//! Those of [`CascadeConsumer`]. What is next is decided by one pure function, from what was listed
//! and then read; what it authorises is done with preconditions on uid and resourceVersion.
//!
//! # In reading order
//!
//! A [`Rule`] is what a Cascade says; `reference` finds what refers to a parent; `plan` decides what
//! is next, with `limits` for what needs a person and `wait_graph` for parents that wait for each
//! other; `load` reads, `apply` writes; [`Records`] and [`Ledger`] keep what is to be remembered and
//! shown; [`CascadeConsumer`] puts them in a row; [`status()`] says it all in the Cascade's status.
//! [`Preview`] is the same plan for people: what a deletion would take, without doing anything.
//!
//! # Types of kube in this API
//!
//! [`kube::Client`], of kube 5, as an argument of [`Cascades::new`] and others. Neither a TLS stack of kube nor a version of
//! k8s-openapi is chosen here: the program does that by its features.

mod api;
mod apply;
mod authority;
mod cascades;
mod check;
mod consumer;
mod counts;
mod definition;
mod dependent;
mod error;
mod events;
mod handle;
mod hash;
mod hour;
mod ledger;
mod limiter;
mod limits;
mod load;
mod own_rights;
mod parent_record;
mod parents;
mod plan;
mod planned;
mod preview;
mod previews;
mod protection;
mod records;
mod reference;
mod report;
mod rights;
mod rule;
mod shared;
mod status;
#[cfg(test)]
mod testing;
mod wait_graph;
mod waits;

pub use api::ApiError;
pub use cascades::Cascades;
pub use check::{RuleCheck, RuleNeeds};
pub use consumer::{CascadeConsumer, wake_key};
pub use counts::{Approximate, CountTable, Referred};
pub use definition::{WAY_OUT, is_served};
pub use error::Error;
pub use events::{About, DeletionEvents, Event, Severity};
pub use handle::RuleHandle;
pub use hour::HourWindow;
pub use ledger::Ledger;
pub use limits::{Excess, Unconfirmed};
pub use own_rights::own_rights;
pub use parents::ParentReference;
pub use plan::Refused;
pub use planned::{CountSource, CountTables};
pub use preview::{Begun, Found, Preview, PreviewKind, PreviewStage};
pub use protection::Protection;
pub use records::{MemoryRecords, Records};
pub use reference::Unclear;
pub use report::{DeletionState, Report};
pub use rights::{Right, may, policy_rules};
pub use rule::{InvalidRule, Rule};
pub use shared::Config;
pub use status::{Facts, keep_revision, status};
pub use waits::{Cause, Wait};

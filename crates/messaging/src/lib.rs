//! The contract of Rewitness: a replayable queue of resource lifecycles.
//!
//! A *resource* lives in a *system of record* (a Kubernetes API server, say). A [`Queue`] hands
//! each one to every [`Consumer`] that subscribed to its kind: again at every start, again after
//! every change, again after every error, and, when the resource is being deleted, as
//! [`State::Deleting`]. What is handed over is an [`Envelope`]: the resource's identity and its
//! deletion timestamp, nothing more. What else a consumer needs it reads from the system of record.
//!
//! This crate is the types, the traits and the scheduling rules that backends share. It is not a queue:
//! those are `rewitness-memory` and `rewitness-kubernetes`. It knows no Kubernetes, no async runtime and
//! no I/O.
//!
//! # Guarantees
//!
//! Delivery is **at least once, in order per resource, never exactly once**. The numbered promises
//! Q1 to Q14 are in the documentation of [`Queue`]; the crate `rewitness-conformance` has a test
//! for each.
//!
//! # Caveats
//!
//! Repetition is normal. A consumer must tolerate to be handed the same resource in the same state
//! any number of times.
//!
//! # In reading order
//!
//! [`ResourceId`] and [`Envelope`] say *what*; [`Delivery`] says *how it is handed over*;
//! [`Subscription`] and [`Consumer`] say *to whom*; [`Outcome`] and [`Failure`] are the answer;
//! [`Queue`] is the trait that a backend implements. [`schedule`] holds the rules that every
//! in-process backend shares, as pure functions of state and time, and [`dispatcher`] is the thin,
//! runtime-free shell around them.

mod consumer;
mod delivery;
pub mod dispatcher;
mod envelope;
mod outcome;
mod queue;
mod resource;
pub mod schedule;
mod selector;
mod subscription;

pub use consumer::{Consumer, DynConsumer, Listed};
pub use delivery::{Cause, Delivery, HoldState, State};
pub use envelope::{Envelope, Timestamp};
pub use outcome::{Failure, Outcome, Retry, WakeKey};
pub use queue::{
    Capabilities, Control, Error, Handle, Pause, Progress, Queue, SourceProgress, SourceState, Stopped,
};
pub use resource::{Kind, ResourceId, Uid, Version};
pub use selector::{ParseSelectorError, Selector};
pub use subscription::{Backoff, Hold, Scope, Source, Subscription};

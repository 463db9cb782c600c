//! The Rewitness queue on a Kubernetes API server.
//!
//! [`KubernetesQueue`] lists and watches kinds that are known only at run time, hands each resource
//! to the consumers that subscribed to its kind, and holds deletions by finalizers until a
//! consumer has dealt with them. [`Reconciler`] makes a consumer of a kube-rs reconcile function,
//! [`Resolver`] finds kinds by the names that people type, [`finalizer`] looks at and gives up holds.
//!
//! This crate does not decide what is due: it runs the rules of [`rewitness_messaging::schedule`], as the
//! other queues do. It knows no kind of its own and no custom resource, and it reads no kubeconfig: the
//! caller hands it a client.
//!
//! # Guarantees
//!
//! Q1 to Q14 of [`rewitness_messaging::Queue`]. Beside them:
//!
//! - Lists are consistent: they ask for no version, and so are at least as new as anything that was
//!   committed before. Objects are asked for by pages and by metadata alone, and decoded without a
//!   copy; of each, the queue keeps some tens of bytes.
//! - A watch that dies silently is noticed within [`Config::silence`]; a version that expired leads
//!   to a new list; a server that says `Retry-After` is asked again then, not sooner; a kind that is
//!   not there, or a right that is missing, stops its own source alone, is said, and is noticed once
//!   it is there. A version that moved backwards is noticed, and leads to a new list.
//! - Every patch of a finalizer tests the uid and the finalizers that were read.
//!
//! # Modules
//!
//! `intake` (list and watch) → the shared rules of [`rewitness_messaging::schedule`] → `reconcile`
//! ([`kube::runtime::applier`], and the slots that it is given) → `finalizer`. In each the decision is a pure
//! function, and the I/O is at its edge.
//!
//! # Types of kube in this API
//!
//! [`kube::Client`] and [`kube::Config`] (arguments), [`kube::Error`] (the source of
//! [`Error::Client`]), [`kube::Resource`] (a bound of [`Reconciler`] and [`kind_of`]), and in [`call`]
//! [`kube::client::Body`] and [`kube::api::PropagationPolicy`], all of kube 5. Neither a TLS stack of
//! kube nor a version of k8s-openapi is chosen here: the program does that by its features.

pub mod call;
mod client;
mod config;
mod discovery;
mod error;
pub mod finalizer;
mod intake;
mod pump;
mod queue;
mod reconcile;
mod reconciler;
mod tasks;
mod wire;

pub use crate::call::ApiError;
pub use client::client;
pub use config::Config;
pub use discovery::{Discovery, ResolvedKind, Resolver};
pub use error::{Error, Unreadable};
pub use intake::{Observer, Seen};
pub use queue::KubernetesQueue;
pub use reconciler::{Owned, Reconciler, kind_of};
pub use tasks::Tasks;

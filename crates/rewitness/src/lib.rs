//! Rewitness: a replayable queue of resource lifecycles, for platform teams on Kubernetes.
//!
//! A platform's resources live in an API server and refer to each other. Consumers must act on
//! their life cycles, above all on deletion, and must not miss one because they were down, slow or
//! failing. Rewitness hands every watched resource to every consumer: again at each start, again
//! after each change, again after each error, and, when it is being deleted, until the consumer has
//! dealt with it.
//!
//! This crate is the one that a Rust developer depends on. It has no code of its own: it re-exports the
//! contract, and by feature the queues and the Cascade. It is not the program `rewitness`, which is the
//! crate `rewitness-cli`.
//!
//! # Guarantees
//!
//! **At least once, in order per resource, never exactly once.** The numbered promises are in the
//! documentation of [`Queue`].
//!
//! # Features
//!
//! | feature | what it brings |
//! |---|---|
//! | `memory` (default) | [`memory`]: the reference queue; for tests and examples |
//! | `kubernetes` | [`kubernetes`]: the queue on an API server; [`kubernetes::Reconciler`] for kube-rs users |
//! | `cascade` | [`cascade`]: deletion by reference, for an operator of one's own; [`crds`]: its custom resource |
//!
//! The program chooses, by its own features, the TLS stack of kube and the version of k8s-openapi:
//! `kube = { version = "5", default-features = false, features = ["rustls-tls", "ring"] }` and
//! `k8s-openapi = { version = "0.29", features = ["v1_36"] }`.
//!
//! # Examples
//!
//! `cargo run --example consumer` needs nothing but Rust. `cargo run --example kubernetes --features
//! kubernetes` needs a cluster, and `--example reconciler` shows a kube-rs reconcile function on
//! the queue.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub use rewitness_messaging::*;

#[cfg(feature = "cascade")]
#[doc(inline)]
pub use rewitness_cascade as cascade;
#[cfg(feature = "cascade")]
#[doc(inline)]
pub use rewitness_crds as crds;
#[cfg(feature = "kubernetes")]
#[doc(inline)]
pub use rewitness_kubernetes as kubernetes;
#[cfg(feature = "memory")]
#[doc(inline)]
pub use rewitness_memory as memory;

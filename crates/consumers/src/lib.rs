//! Consumers for the Rewitness queue. The first of them is [`cascade`]: deletion by reference.
//!
//! Everything here decides by pure functions over values that were read live, and does what was
//! decided at the edge. A consumer can be used with any queue of [`rewitness_messaging`] whose
//! resources live on a Kubernetes API server.
//!
//! # Types of kube in this API
//!
//! [`kube::Client`], of kube 5, as an argument of [`cascade::Cascades::new`]. Neither a TLS stack
//! of kube nor a version of k8s-openapi is chosen here: the program does that by its features.

mod api;
pub mod cascade;
mod error;

pub use api::Refusal;
pub use error::Error;

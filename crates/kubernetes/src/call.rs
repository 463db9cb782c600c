//! How one call to a Kubernetes API server is made, and what its answer means.
//!
//! An [`Endpoint`] says by which path a kind is served, and makes requests for it. A [`Server`] sends
//! them: every call ends in time, and none is repeated behind the caller's back. What did not
//! succeed is a [`ApiError`], which is decided here once, so that all of Rewitness takes the same
//! answer for the same thing.
//!
//! ```no_run
//! use rewitness_kubernetes::Discovery;
//! use rewitness_kubernetes::call::ApiError;
//! use rewitness_messaging::Kind;
//!
//! #[derive(serde::Deserialize)]
//! struct Anything {}
//!
//! # async fn example(client: kube::Client) -> Result<(), ApiError> {
//! let discovery = Discovery::from(client);
//! let widgets = discovery.find(&Kind::new("example.com", "Widget"), None).await?;
//! let widgets = widgets.ok_or(ApiError::NoPath)?;
//! match discovery.server().call::<Anything>(widgets.get(Some("team-a"), "web")).await {
//!     Ok(_) => println!("it is there"),
//!     Err(ApiError::NoObject) => println!("it is not there"),
//!     Err(error) => return Err(error),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Types of kube in this API
//!
//! [`kube::Client`], [`kube::Error`], [`kube::client::Body`] and [`kube::api::PropagationPolicy`], all
//! of kube 5. Neither a TLS stack of kube nor a version of k8s-openapi is chosen here.

mod endpoint;
mod error;
mod in_time;
mod pages;
mod server;

pub(crate) use endpoint::path;
pub use endpoint::{Endpoint, get, get_document, only, post_document, root, segment};
pub use error::ApiError;
pub use in_time::{chain, in_time};
pub(crate) use pages::{PageSize, goes_on};
pub use server::Server;

pub use crate::wire::Metadata;

//! A real Kubernetes control plane for tests and the demo: etcd and kube-apiserver on loopback, ready in
//! seconds, gone with the process that started them.
//!
//! The programs come from `KUBEBUILDER_ASSETS` or are built once from Go modules; see [`Assets::resolve`].
//! Tests of one binary share a control plane:
//!
//! ```no_run
//! use k8s_openapi::api::core::v1::ConfigMap;
//! use kube::{Api, api::ListParams};
//! use rewitness_controlplane::shared;
//!
//! # async fn example() -> anyhow::Result<()> {
//! let plane = shared().await?;
//! let namespace = plane.namespace("example").await?;
//! let maps: Api<ConfigMap> = Api::namespaced(plane.client().await?, &namespace);
//! assert!(maps.list(&ListParams::default()).await?.items.is_empty());
//! # Ok(())
//! # }
//! ```

mod assets;
mod audit;
mod cluster;
mod controlplane;
mod etcd;
mod kubeconfig;
mod pki;
mod ports;
mod process;
mod programs;
mod proxy;
mod shared;
mod wait;
mod webhook;

pub use assets::Assets;
pub use audit::{AuditEvent, AuditObject, AuditStatus, AuditUser};
pub use cluster::policy_rule;
pub use controlplane::{Config, ControlPlane, Snapshot};
pub use kubeconfig::client;
pub use proxy::{Call, Fault, FaultProxy, Gate, Match, Rewrite, Rule, error_event};
pub use shared::{shared, unique};
pub use wait::until;
pub use webhook::Webhook;

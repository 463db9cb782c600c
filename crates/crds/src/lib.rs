//! The custom resources of Rewitness: their types, their schemas, and what is checked at admission.
//!
//! This crate is the types, the schemas that are generated from them, and the names that Rewitness writes
//! into a cluster: annotations, finalizers, the field manager, and the reasons. It has no client, and it
//! does nothing: what a Cascade means is decided in `rewitness-cascade`.
//!
//! What the API server can know when an object is written is refused
//! there, by rules in the schema, with a message that a person can act on; what needs knowledge of
//! the cluster (whether a kind is served, what scope it has) is for the operator to say in the
//! status.
//!
//! # Caveats
//!
//! The definitions in `deploy/crds` are generated from these types by `make generate`. Never edit
//! them by hand.

#![expect(
    unreachable_pub,
    reason = "KubeSchema repeats the structs that it is derived for inside of functions"
)]

mod api_version;
pub mod cascade;
mod command;
mod label_key;
mod names;
mod reason;

pub use api_version::{ApiVersion, InvalidApiVersion};
pub use cascade::{Cascade, CascadeSpec, CascadeStatus};
pub use command::{Command, is_plain, visible};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
pub use label_key::{InvalidLabelKey, LabelKey};
pub use names::{is_dns_label, is_dns_subdomain, is_label_value};
pub use reason::{Reason, UnknownReason};

/// The API group of all of Rewitness' resources.
pub const GROUP: &str = "rewitness.dev";

/// The name of the definition of [`Cascade`].
pub const CASCADES: &str = "cascades.rewitness.dev";

/// The name by which the operator's fields are told from those of others, in `managedFields`.
pub const FIELD_MANAGER: &str = "rewitness";

/// What stands before the name in the finalizer of a hold by hand: `hold.rewitness.dev/NAME`.
pub const HOLD_PREFIX: &str = "hold.rewitness.dev/";

/// The annotation of the definition [`CASCADES`] by which Rewitness is asked to let go of
/// everything, before it is uninstalled. Its value is the time of the request, by RFC 3339.
pub const UNINSTALL_ANNOTATION: &str = "rewitness.dev/uninstall";

/// The annotation of the definition [`CASCADES`] by which the operator says that nothing is held
/// any more. Its value is the request's.
pub const RELEASED_ANNOTATION: &str = "rewitness.dev/released";

/// Every definition, as it is installed in a cluster.
///
/// ```
/// let names: Vec<_> = rewitness_crds::definitions().into_iter().map(|crd| crd.metadata.name).collect();
/// assert_eq!(names, [Some("cascades.rewitness.dev".to_owned())]);
/// ```
pub fn definitions() -> Vec<CustomResourceDefinition> {
    vec![Cascade::crd()]
}

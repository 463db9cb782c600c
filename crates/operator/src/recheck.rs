//! When what is known of the cluster is looked up again.

use std::time::Duration;

/// How often the rights and kinds of a rule are looked up, and each Cascade is read again.
pub(crate) const CHECK: Duration = Duration::from_secs(180);

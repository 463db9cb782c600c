//! One control plane for all tests of a test binary.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Result;
use tokio::sync::OnceCell;

use crate::controlplane::{Config, ControlPlane};
use crate::ports::random;

static SHARED: OnceCell<ControlPlane> = OnceCell::const_new();
static SERIAL: AtomicU32 = AtomicU32::new(0);

/// The control plane of this process, with the default [`Config`], started by the first call. It ends with
/// the process.
///
/// Tests that share it must not disturb each other: take names from [`unique`], and leave its programs
/// running. [`ControlPlane::start_controller_manager`] is fine.
///
/// # Errors
/// As [`ControlPlane::start`].
pub async fn shared() -> Result<&'static ControlPlane> {
    SHARED.get_or_try_init(|| ControlPlane::start(Config::default())).await
}

/// A name that no other call returns, for a namespace, an API group's first part, or an object.
///
/// # Examples
/// ```
/// use rewitness_controlplane::unique;
/// let name = unique("lanes");
/// assert!(name.starts_with("lanes-"));
/// assert_ne!(name, unique("lanes"));
/// ```
pub fn unique(prefix: &str) -> String {
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}-{:06x}-{serial}", random() & 0x00ff_ffff)
}

//! Whether the definition of Cascade is installed.

use kube::Api;
use kube::api::ListParams;
use rewitness_crds::Cascade;
use rewitness_kubernetes::call::in_time;

/// What is done about it when Cascade is not installed.
pub const WAY_OUT: &str = "install the definition: kubectl apply -f deploy/crds";

/// Whether Cascades are served.
///
/// # Errors
///
/// Any answer but a list of Cascades and a 404.
pub async fn is_served(api: &Api<Cascade>) -> kube::Result<bool> {
    match in_time(api.list(&ListParams::default().limit(1))).await {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(answer)) if answer.code == 404 => Ok(false),
        Err(error) => Err(error),
    }
}

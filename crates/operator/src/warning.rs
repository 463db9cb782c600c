//! The warning to whoever deletes a parent (`spec.warnOnDelete`): a ValidatingAdmissionPolicy with its
//! binding, which the Cascade owns.
//!
//! [`desired`] is what is to be done about it; [`objects`] are the two, and [`place`] is where each is
//! kept; [`failure`] is what may be in the way, and [`record`] what became of it. Nothing of this keeps
//! a rule from being followed or left: what goes wrong is said in the status, and tried again.

mod desired;
mod failure;
mod objects;
mod place;
mod record;

use std::time::Duration;

use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use kube::api::ApiResource;
use rewitness_cascade::Right;
use rewitness_crds::Cascade;
use rewitness_crds::cascade::warning_policy;
use tokio::time::{Instant, timeout};

use super::followed::Followed;
use super::own_finalizer::{may_warn, remember_policy};
use super::rules::Rules;
pub(super) use desired::DesiredWarning;
pub(super) use failure::Failure;
use objects::{BINDINGS, POLICIES, Subject};
use place::Place;
pub(super) use record::Record;

const GROUP: &str = "admissionregistration.k8s.io";

/// How long it may take, which is how long it may keep a Cascade from being taken in again.
const WITHIN: Duration = Duration::from_secs(10);

/// The rights that a Cascade needs for its warning, if it has any. `create` is granted by name too:
/// what is applied has one.
pub fn warning_rights(cascade: &Cascade) -> Vec<Right> {
    if !cascade.spec.warn_on_delete && !may_warn(cascade) {
        return Vec::new();
    }
    let name = warning_policy(cascade.metadata.name.as_deref().unwrap_or_default());
    let on = |resource: &'static str| {
        let name = name.clone();
        ["get", "create", "patch", "delete"].map(|verb| Right::new(verb, GROUP, resource).named(name.clone()))
    };
    [POLICIES, BINDINGS].into_iter().flat_map(on).collect()
}

impl Rules {
    /// Sees to the warning of a Cascade, if that is due.
    pub(super) async fn reconcile_warning(
        &self,
        followed: &Followed,
        desired: &DesiredWarning,
        is_remembered: bool,
    ) {
        let begins = followed
            .change(|state| state.warning.begin(state.generation, desired, is_remembered, Instant::now()));
        if !begins {
            return;
        }
        let late = || Failure::new(format!("the server did not answer within {} s", WITHIN.as_secs()));
        let done =
            timeout(WITHIN, self.apply_warning(followed, desired)).await.unwrap_or_else(|_| Err(late()));
        let policy = warning_policy(&followed.name);
        let news = followed.change(|state| state.warning.end(done, &policy, Instant::now()));
        if let Some(why) = news {
            tracing::warn!(cascade = %followed.name, "{why}");
        }
    }

    async fn apply_warning(&self, followed: &Followed, desired: &DesiredWarning) -> Result<(), Failure> {
        let (api, name, uid) = (&self.api, &*followed.name, &*followed.uid);
        let policies = ApiResource::erase::<ValidatingAdmissionPolicy>(&());
        let bindings = ApiResource::erase::<ValidatingAdmissionPolicyBinding>(&());
        let policy = Place::new(&self.client, &policies, POLICIES, name, uid);
        let binding = Place::new(&self.client, &bindings, BINDINGS, name, uid);
        let DesiredWarning::Warn(parents) = desired else {
            // Without its binding a policy says nothing.
            let is_changed = binding.clear().await? | policy.clear().await?;
            if is_changed {
                tracing::info!(cascade = name, "deleting a held parent no longer warns");
            }
            let forgotten = remember_policy(api, name, uid, None).await;
            return forgotten.map(drop).map_err(|error| Failure::StillRemembered {
                reason: rewitness_kubernetes::call::chain(&error),
            });
        };
        let failed = |why: String| Failure::new(format!("look up {}: {why}", parents.kind));
        let found = self.cascades.served(&parents.kind, &parents.version).await;
        let served = found.map_err(|error| failed(error.to_string()))?;
        let served = served.ok_or_else(|| failed("the server does not serve it".to_owned()))?;
        let (plural, namespaced) = (&*served.plural, served.namespaced);
        let subject = Subject { cascade: name, uid, parents, plural, namespaced };
        if !remember_policy(api, name, uid, Some(&warning_policy(name))).await? {
            return Err(Failure::new("the Cascade has gone"));
        }
        let is_changed = policy.put(&subject.policy()).await? | binding.put(&subject.binding()).await?;
        if is_changed {
            tracing::info!(cascade = name, "deleting a held parent warns");
        }
        Ok(())
    }
}

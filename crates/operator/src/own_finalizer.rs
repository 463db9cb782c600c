//! Our finalizer on a Cascade itself, and what is remembered beside it.

use std::ops::ControlFlow::{self, Break, Continue};

use kube::Api;
use kube::api::{Patch, PatchParams};
use rewitness_crds::Cascade;
use rewitness_crds::cascade::{CASCADE_FINALIZER, HELD_PARENTS_ANNOTATION};
use rewitness_kubernetes::call::in_time;
use serde_json::{Value, json};

use super::decision::{HeldParents, is_held};

/// How often a change is tried while others change the Cascade too; our own status writes do.
const ATTEMPTS: usize = 8;

/// Adds our finalizer to a Cascade, with the parents that it may hold from now on. `false` if it has
/// gone, or is being deleted.
pub(super) async fn add(
    api: &Api<Cascade>,
    name: &str,
    uid: &str,
    parents: &HeldParents,
) -> kube::Result<bool> {
    change(api, name, uid, |cascade| {
        let is_going = cascade.metadata.deletion_timestamp.is_some();
        let is_done = is_held(cascade) && HeldParents::remembered(cascade).as_ref() == Some(parents);
        let mut finalizers = cascade.metadata.finalizers.clone().unwrap_or_default();
        if !is_held(cascade) {
            finalizers.push(CASCADE_FINALIZER.to_owned());
        }
        let annotations = json!({ HELD_PARENTS_ANNOTATION: parents.to_text() });
        let wanted = json!({ "finalizers": finalizers, "annotations": annotations });
        match (is_going, is_done) {
            (true, _) => Break(false),
            (false, true) => Break(true),
            (false, false) => Continue(wanted),
        }
    })
    .await
}

/// Removes our finalizer from a Cascade: nothing is held in its name.
pub(super) async fn remove(api: &Api<Cascade>, name: &str, uid: &str) -> kube::Result<()> {
    let changed = change(api, name, uid, |cascade| {
        let others = cascade.metadata.finalizers.iter().flatten().filter(|one| *one != CASCADE_FINALIZER);
        let others: Vec<&String> = others.collect();
        let wanted = json!({ "finalizers": others, "annotations": { HELD_PARENTS_ANNOTATION: null } });
        if HeldParents::remembered(cascade).is_none() { Break(true) } else { Continue(wanted) }
    });
    changed.await.map(drop)
}

/// Changes the metadata of a Cascade as it was just read to what `next` continues with, unless that breaks
/// off with whether it is so already. `false` if it has gone, another has its
/// name, or the change was refused.
async fn change(
    api: &Api<Cascade>,
    name: &str,
    uid: &str,
    next: impl Fn(&Cascade) -> ControlFlow<bool, Value>,
) -> kube::Result<bool> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let Some(cascade) = in_time(api.get_opt(name)).await? else { return Ok(false) };
        if cascade.metadata.uid.as_deref() != Some(uid) {
            return Ok(false);
        }
        let mut metadata = match next(&cascade) {
            Break(is_so) => return Ok(is_so),
            Continue(metadata) => metadata,
        };
        // Nobody's finalizer is lost: it applies to what was read, or not at all.
        metadata["uid"] = json!(uid);
        metadata["resourceVersion"] = json!(cascade.metadata.resource_version);
        let patch = Patch::Merge(json!({ "metadata": metadata }));
        match in_time(api.patch_metadata(name, &PatchParams::default(), &patch)).await {
            Ok(_) => return Ok(true),
            Err(kube::Error::Api(answer)) if answer.is_conflict() && attempts < ATTEMPTS => {}
            Err(kube::Error::Api(answer)) if answer.code == 404 => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

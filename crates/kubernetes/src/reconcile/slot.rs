use std::borrow::Cow;

use kube::Resource;
use kube::api::ObjectMeta;
use kube::core::ClusterResourceScope;

/// What the applier takes for the resource of a reconcile. No such resource exists on any server.
#[derive(Clone, Debug)]
pub(super) struct Slot(ObjectMeta);

impl Slot {
    pub(super) fn new(number: usize) -> Self {
        Self(ObjectMeta { name: Some(number.to_string()), ..ObjectMeta::default() })
    }
}

impl Resource for Slot {
    type DynamicType = ();
    type Scope = ClusterResourceScope;

    fn kind(_: &()) -> Cow<'_, str> {
        "Slot".into()
    }

    fn group(_: &()) -> Cow<'_, str> {
        "reconcile.rewitness.dev".into()
    }

    fn version(_: &()) -> Cow<'_, str> {
        "v1".into()
    }

    fn plural(_: &()) -> Cow<'_, str> {
        "slots".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.0
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.0
    }
}

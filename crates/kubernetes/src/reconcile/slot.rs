use std::borrow::Cow;

use kube::Resource;
use kube::api::ObjectMeta;
use kube::core::ClusterResourceScope;
use kube::runtime::reflector::ObjectRef;

/// A place in the window, as a resource that the applier can look up. Its name is its number.
/// No such resource exists on any server.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    metadata: ObjectMeta,
}

impl Slot {
    pub(super) fn new(number: usize) -> Self {
        Self { metadata: ObjectMeta { name: Some(number.to_string()), ..ObjectMeta::default() } }
    }

    pub(super) fn reference(number: usize) -> ObjectRef<Self> {
        ObjectRef::new(&number.to_string())
    }
}

/// The number of the slot of this name.
pub(super) fn number_of(name: &str) -> Option<usize> {
    name.parse().ok()
}

impl Resource for Slot {
    type DynamicType = ();
    type Scope = ClusterResourceScope;

    fn kind(_: &()) -> Cow<'_, str> {
        "Slot".into()
    }

    fn group(_: &()) -> Cow<'_, str> {
        "window.rewitness.dev".into()
    }

    fn version(_: &()) -> Cow<'_, str> {
        "v1".into()
    }

    fn plural(_: &()) -> Cow<'_, str> {
        "slots".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

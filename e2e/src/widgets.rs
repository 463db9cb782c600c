//! A kind of its own, in a namespace of its own.

use std::time::Duration;

use anyhow::{Context, Result};
use kube::Api;
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use rewitness_controlplane::{ControlPlane, unique, until};
use serde_json::{Value, json};

/// Long enough for anything that is to happen at once, on a busy machine.
pub const SOON: Duration = Duration::from_secs(60);

/// Widgets of one test alone: their API group and their namespace are nobody else's.
pub struct Widgets<'p> {
    /// Where they are.
    pub plane: &'p ControlPlane,
    /// Their namespace.
    pub namespace: String,
    /// Their API group.
    pub group: String,
    /// How they are served.
    pub resource: ApiResource,
    /// Those of the namespace, past any proxy.
    pub api: Api<DynamicObject>,
}

impl<'p> Widgets<'p> {
    /// A new kind in a new namespace, whose name begins so.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn new(plane: &'p ControlPlane, namespace: &str) -> Result<Self> {
        let namespace = plane.namespace(namespace).await?;
        let group = format!("{}.test", unique("g"));
        let resource = plane.crd(&group, "widgets", "Widget", true, &["wd"]).await?;
        let api = Api::namespaced_with(plane.client().await?, &namespace, &resource);
        Ok(Self { plane, namespace, group, resource, api })
    }

    /// Creates a widget.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn create(&self, name: &str) -> Result<DynamicObject> {
        self.create_with(name, json!({})).await
    }

    /// Creates a widget with this further metadata.
    ///
    /// # Errors
    /// The server refuses, or it is no metadata.
    pub async fn create_with(&self, name: &str, metadata: Value) -> Result<DynamicObject> {
        let mut object = DynamicObject::new(name, &self.resource).data(json!({"spec": {"n": 0}}));
        let mut merged = serde_json::to_value(&object.metadata)?;
        for (key, value) in metadata.as_object().context("metadata is an object")? {
            merged[key] = value.clone();
        }
        object.metadata = serde_json::from_value(merged)?;
        Ok(self.api.create(&PostParams::default(), &object).await?)
    }

    /// Changes the spec, and so the generation.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn change(&self, name: &str) -> Result<()> {
        let patch = json!({"spec": {"n": unique("n")}});
        self.api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    /// Changes labels of a widget.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn relabel(&self, name: &str, labels: Value) -> Result<()> {
        let patch = json!({"metadata": {"labels": labels}});
        self.api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    /// Asks for a deletion.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn delete(&self, name: &str) -> Result<()> {
        self.api.delete(name, &DeleteParams::default()).await?;
        Ok(())
    }

    /// The finalizers of a widget; `None` if it has gone.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn finalizers(&self, name: &str) -> Result<Option<Vec<String>>> {
        Ok(self.api.get_opt(name).await?.map(|object| object.metadata.finalizers.unwrap_or_default()))
    }

    /// Waits until a widget has gone.
    ///
    /// # Errors
    /// It is there for too long.
    pub async fn until_gone(&self, name: &str) -> Result<()> {
        let probe = async || Ok(self.finalizers(name).await?.is_none().then_some(()));
        until(&format!("{name} is gone"), SOON, probe).await
    }

    /// Waits until a widget has a finalizer.
    ///
    /// # Errors
    /// It is without for too long.
    pub async fn until_held(&self, name: &str, hold: &str) -> Result<()> {
        let probe = async || {
            let finalizers = self.finalizers(name).await?.unwrap_or_default();
            Ok(finalizers.iter().any(|one| one == hold).then_some(()))
        };
        until(&format!("{name} is held"), SOON, probe).await
    }
}

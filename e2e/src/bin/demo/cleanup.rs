//! What runs of the demo have left in somebody's cluster is taken away, without an operator: it may have been killed.

use anyhow::{Context, Result};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, Client, Resource, ResourceExt};
use rewitness_crds::cascade::CASCADE_FINALIZER;
use rewitness_crds::{CASCADES, Cascade};
use rewitness_kubernetes::Resolver;
use rewitness_kubernetes::finalizer::Holds;
use rewitness_messaging::Selector;
use serde_json::json;

use crate::cascades::finalizer;
use crate::platform::{BACKUP, GROUP, PlatformKind, SESSION};
use crate::stage::FINALIZER;

/// Deletes the Cascades that are selected, and takes our finalizer off them. Before anything else: no operator shall
/// hold a project anew.
pub(crate) async fn cascades(client: &Client, which: &ListParams) -> Result<()> {
    let api: Api<Cascade> = Api::all(client.clone());
    if !is_served(&api).await? {
        return Ok(());
    }
    remove(&api, which).await?;
    remove_finalizer(client, &format!("cascades.{}", rewitness_crds::GROUP), which, CASCADE_FINALIZER).await
}

/// Takes the finalizers of a demo off whatever still has one: no CRD goes before.
pub(crate) async fn finalizers(client: &Client) -> Result<()> {
    for kind in PlatformKind::ALL {
        for finalizer in [FINALIZER, &finalizer(), BACKUP] {
            remove_finalizer(client, &kind.full_name(), &ListParams::default(), finalizer).await?;
        }
    }
    Ok(())
}

async fn remove_finalizer(client: &Client, types: &str, which: &ListParams, finalizer: &str) -> Result<()> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    if definitions.get_metadata_opt(types).await.context("look for the CRDs")?.is_none() {
        return Ok(());
    }
    let selector: Selector = which.label_selector.as_deref().unwrap_or_default().parse()?;
    let (resolver, holds) = (Resolver::new(client).await?, Holds::new(client.clone()));
    // It may be between being defined and being served, when nothing can have been written yet.
    let Ok(kind) = resolver.resolve(types) else { return Ok(()) };
    for held in holds.list(kind, None, &selector, finalizer).await?.held {
        let taken = holds.remove(&held.resource, finalizer).await;
        taken.with_context(|| format!("take {finalizer} off {}", held.resource))?;
    }
    Ok(())
}

/// Deletes the Events that tell of what a demo had: those of cluster-scoped objects are in the namespace `default`.
pub(crate) async fn events(client: &Client) -> Result<()> {
    let api: Api<Event> = Api::namespaced(client.clone(), "default");
    let ours = format!("{GROUP}/");
    for event in api.list(&ListParams::default()).await.context("list the Events")?.items {
        let objects = [&event.regarding, &event.related];
        let mut versions = objects.into_iter().flatten().filter_map(|object| object.api_version.as_deref());
        if versions.any(|version| version.starts_with(&ours)) {
            delete(&api, &event.name_any()).await?;
        }
    }
    Ok(())
}

/// Removes the definition of Cascade if a demo brought it, unless somebody has come to use it meanwhile: all Cascades
/// would go with it. Then it is theirs.
pub(crate) async fn definition(client: &Client, which: &ListParams) -> Result<()> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let ours = which.clone().fields(&format!("metadata.name={CASCADES}"));
    if definitions.list_metadata(&ours).await.context("look for the definition of Cascade")?.items.is_empty()
    {
        return Ok(());
    }
    let cascades: Api<Cascade> = Api::all(client.clone());
    let is_used = is_served(&cascades).await?
        && !cascades
            .list_metadata(&ListParams::default())
            .await
            .context("list the Cascades")?
            .items
            .is_empty();
    if !is_used {
        return delete(&definitions, CASCADES).await;
    }
    let patch = Patch::Merge(json!({"metadata": {"labels": {SESSION: null}}}));
    let patched = definitions.patch_metadata(CASCADES, &PatchParams::default(), &patch).await;
    patched.map(drop).context("leave the definition of Cascade to its users")
}

/// Whether there can be Cascades.
async fn is_served(api: &Api<Cascade>) -> Result<bool> {
    match api.list_metadata(&ListParams::default().limit(1)).await {
        Ok(_) => Ok(true),
        // Without a reason: there is no such path.
        Err(kube::Error::Api(answer)) if answer.code == 404 => Ok(false),
        Err(error) => Err(error).context("list the Cascades"),
    }
}

/// Deletes all that is selected.
pub(crate) async fn remove<K>(api: &Api<K>, which: &ListParams) -> Result<()>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let kind = K::kind(&());
    for object in api.list_metadata(which).await.with_context(|| format!("list every {kind}"))?.items {
        delete(api, &object.name_any()).await?;
    }
    Ok(())
}

async fn delete<K>(api: &Api<K>, name: &str) -> Result<()>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    match api.delete(name, &DeleteParams::default()).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(answer)) if answer.is_not_found() => Ok(()),
        Err(error) => Err(error).with_context(|| format!("delete {} {name}", K::kind(&()))),
    }
}

//! The small platform: projects, and the networks and clusters that refer to them by a label.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{
    ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, WatchEvent,
    WatchParams,
};
use kube::core::GroupVersionKind;
use kube::{Api, Client, ResourceExt};
use rewitness_controlplane::until;
use serde_json::{Value, json};
use tokio::time::timeout;

/// The API group of the platform. Nothing else is ever in it.
pub(crate) const GROUP: &str = "demo.rewitness.dev";

/// What every CRD and namespace of a demo is labelled with: whose it is.
pub(crate) const SESSION: &str = "demo.rewitness.dev/session";

/// The label by which networks and clusters refer to their project.
pub(crate) const PROJECT: &str = "demo.rewitness.dev/project";

/// The finalizer of a backup that somebody else makes of a cluster before it goes.
pub(crate) const BACKUP: &str = "demo.rewitness.dev/backup";

/// The projects. The last one is never deleted.
pub(crate) const PROJECTS: [&str; 4] = ["website", "archive", "reports", "intranet"];

/// The namespaces of the platform's teams.
pub(crate) const NAMESPACES: [&str; 3] = ["demo-shop", "demo-media", "demo-lab"];

const VERSION: &str = "v1";
const SOON: Duration = Duration::from_secs(30);

/// The kinds of the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlatformKind {
    Project,
    Network,
    Cluster,
}

/// A resource of the platform by its name.
#[derive(Clone, Debug)]
pub(crate) struct Thing {
    pub(crate) kind: PlatformKind,
    /// `None` for a project.
    pub(crate) namespace: Option<&'static str>,
    pub(crate) name: &'static str,
}

impl PlatformKind {
    pub(crate) const ALL: [Self; 3] = [Self::Project, Self::Network, Self::Cluster];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Project => "Project",
            Self::Network => "Network",
            Self::Cluster => "Cluster",
        }
    }

    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Project => "projects",
            Self::Network => "networks",
            Self::Cluster => "clusters",
        }
    }

    /// The plural with its group: the name of its CRD, and a name that no other kind can have.
    pub(crate) fn full_name(self) -> String {
        format!("{}.{GROUP}", self.plural())
    }

    fn namespaced(self) -> bool {
        self != Self::Project
    }

    /// The field of its spec, that field's type, and a value of it.
    fn field(self) -> (&'static str, &'static str, Value) {
        match self {
            Self::Project => ("owner", "string", json!("platform team")),
            Self::Network => ("cidr", "string", json!("10.0.0.0/16")),
            Self::Cluster => ("nodes", "integer", json!(3)),
        }
    }

    fn api_resource(self) -> ApiResource {
        let gvk = GroupVersionKind::gvk(GROUP, VERSION, self.name());
        ApiResource::from_gvk_with_plural(&gvk, self.plural())
    }

    fn definition(self, labels: &BTreeMap<String, String>) -> Result<CustomResourceDefinition> {
        let (field, field_type, _) = self.field();
        let definition = json!({
            "metadata": {"name": self.full_name(), "labels": labels},
            "spec": {
                "group": GROUP,
                "scope": if self.namespaced() { "Namespaced" } else { "Cluster" },
                "names": {"kind": self.name(), "plural": self.plural(), "singular": self.name().to_lowercase()},
                "versions": [{
                    "name": VERSION,
                    "served": true,
                    "storage": true,
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                        "spec": {"type": "object", "properties": {field: {"type": field_type}}},
                    }}},
                    "additionalPrinterColumns": [
                        {"name": field, "type": field_type, "jsonPath": format!(".spec.{field}")},
                    ],
                }],
            },
        });
        serde_json::from_value(definition).context("a CRD")
    }
}

impl Thing {
    pub(crate) fn new(kind: PlatformKind, namespace: &'static str, name: &'static str) -> Self {
        Self { kind, namespace: Some(namespace), name }
    }

    pub(crate) fn project(name: &'static str) -> Self {
        Self { kind: PlatformKind::Project, namespace: None, name }
    }

    /// The project that it refers to, in whichever namespace it is.
    fn refers_to(&self) -> Option<&'static str> {
        match (self.kind, self.name) {
            (PlatformKind::Project, _) => None,
            (_, "web" | "public") => Some("website"),
            (_, "db" | "inside") => Some("archive"),
            (_, "jobs") => Some("reports"),
            (_, "uplink") => Some("intranet"),
            (_, name) => Some(name),
        }
    }

    /// As the program names it: `cluster demo-shop/web`.
    pub(crate) fn shown(&self) -> String {
        let kind = self.kind.name().to_lowercase();
        match self.namespace {
            Some(namespace) => format!("{kind} {namespace}/{}", self.name),
            None => format!("{kind} {}", self.name),
        }
    }

    fn object(&self) -> DynamicObject {
        let (field, _, value) = self.kind.field();
        let object = DynamicObject::new(self.name, &self.kind.api_resource());
        let mut object = object.data(json!({"spec": {field: value}}));
        object.metadata.labels =
            self.refers_to().map(|project| BTreeMap::from([(PROJECT.to_owned(), project.to_owned())]));
        match self.namespace {
            Some(namespace) => object.within(namespace),
            None => object,
        }
    }
}

/// Everything that is there when the program starts.
pub(crate) fn things() -> Vec<Thing> {
    let projects = PROJECTS.map(Thing::project);
    let of_team = |namespace| {
        let networks = ["inside", "public"].map(|name| Thing::new(PlatformKind::Network, namespace, name));
        let clusters = ["web", "db", "jobs"].map(|name| Thing::new(PlatformKind::Cluster, namespace, name));
        networks.into_iter().chain(clusters)
    };
    projects.into_iter().chain(NAMESPACES.into_iter().flat_map(of_team)).collect()
}

/// The platform's API.
#[derive(Clone)]
pub(crate) struct Platform {
    client: Client,
}

impl Platform {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Installs the CRDs, and creates the namespaces and everything in them, labelled as the session's.
    pub(crate) async fn install(&self, session: &str) -> Result<()> {
        let labels = BTreeMap::from([(SESSION.to_owned(), session.to_owned())]);
        let definitions: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        for kind in PlatformKind::ALL {
            let created = definitions.create(&PostParams::default(), &kind.definition(&labels)?).await;
            created.with_context(|| format!("create the CRD {}", kind.full_name()))?;
        }
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        for name in NAMESPACES {
            let namespace = json!({"metadata": {"name": name, "labels": labels}});
            let created =
                namespaces.create(&PostParams::default(), &serde_json::from_value(namespace)?).await;
            created.with_context(|| format!("create the namespace {name}"))?;
        }
        until("the CRDs are served", SOON, async || Ok(self.is_served().await.then_some(()))).await?;
        for thing in things() {
            self.create(&thing).await?;
        }
        Ok(())
    }

    /// Whether the kinds are in the discovery, where the program looks for them, and can be listed.
    async fn is_served(&self) -> bool {
        let version = format!("{GROUP}/{VERSION}");
        let Ok(discovered) = self.client.list_api_group_resources(&version).await else { return false };
        let found = |kind: PlatformKind| discovered.resources.iter().any(|it| it.kind == kind.name());
        PlatformKind::ALL.into_iter().all(found) && self.list().await.is_ok()
    }

    pub(crate) async fn create(&self, thing: &Thing) -> Result<DynamicObject> {
        let created = self.api(thing).create(&PostParams::default(), &thing.object()).await;
        created.with_context(|| format!("create {}", thing.shown()))
    }

    /// Asks for another value of the field of its spec.
    pub(crate) async fn change(&self, thing: &Thing, value: Value) -> Result<DynamicObject> {
        let (field, ..) = thing.kind.field();
        let patch = Patch::Merge(json!({"spec": {field: value}}));
        let changed = self.api(thing).patch(thing.name, &PatchParams::default(), &patch).await;
        changed.with_context(|| format!("change {}", thing.shown()))
    }

    pub(crate) async fn delete(&self, thing: &Thing) -> Result<()> {
        let deleted = self.api(thing).delete(thing.name, &DeleteParams::default()).await;
        deleted.map(drop).with_context(|| format!("delete {}", thing.shown()))
    }

    /// Reads a resource; `None` if it is gone.
    pub(crate) async fn read(&self, thing: &Thing) -> Result<Option<DynamicObject>> {
        self.api(thing).get_opt(thing.name).await.with_context(|| format!("read {}", thing.shown()))
    }

    /// Everything of the platform's kinds.
    pub(crate) async fn list(&self) -> Result<Vec<DynamicObject>> {
        let mut objects = Vec::new();
        for kind in PlatformKind::ALL {
            objects.extend(self.list_kind(kind).await?);
        }
        Ok(objects)
    }

    /// Everything of one kind, in all namespaces.
    pub(crate) async fn list_kind(&self, kind: PlatformKind) -> Result<Vec<DynamicObject>> {
        let list = self.all(kind).list(&ListParams::default()).await;
        Ok(list.with_context(|| format!("list {}", kind.plural()))?.items)
    }

    /// What of a kind refers to a project, in all namespaces.
    pub(crate) async fn dependents(&self, kind: PlatformKind, project: &str) -> Result<Vec<DynamicObject>> {
        let of_project = ListParams::default().labels(&format!("{PROJECT}={project}"));
        let list = self.all(kind).list(&of_project).await;
        Ok(list.with_context(|| format!("list the {} of {project}", kind.plural()))?.items)
    }

    /// Somebody else puts a finalizer on a resource, or takes it off again.
    pub(crate) async fn keep(&self, thing: &Thing, finalizer: Option<&str>) -> Result<()> {
        let patch = Patch::Merge(json!({"metadata": {"finalizers": finalizer.map(|one| [one])}}));
        let kept = self.api(thing).patch(thing.name, &PatchParams::default(), &patch).await;
        kept.map(drop).with_context(|| format!("change the finalizers of {}", thing.shown()))
    }

    /// The version at which the API is now.
    pub(crate) async fn version(&self) -> Result<String> {
        let list = self.all(PlatformKind::Project).list_metadata(&ListParams::default().limit(1)).await;
        list.context("list projects")?.metadata.resource_version.context("a list has a version")
    }

    /// The versions at which so many objects of a kind went, as the API tells its history from a version on.
    pub(crate) async fn deletions(&self, kind: PlatformKind, since: &str, count: usize) -> Result<Vec<u64>> {
        let events = self.all(kind).watch(&WatchParams::default(), since).await;
        let events = events.with_context(|| format!("watch {}", kind.plural()))?;
        let gone = events.try_filter_map(async |event| match event {
            WatchEvent::Deleted(object) => Ok(object.resource_version()),
            WatchEvent::Error(status) => Err(kube::Error::Api(status)),
            _ => Ok(None),
        });
        let gone: Vec<String> = timeout(SOON, gone.take(count).try_collect()).await??;
        ensure!(gone.len() == count, "the API tells of {} deletions of {}", gone.len(), kind.plural());
        gone.iter().map(|version| version.parse().context("a version is a number")).collect()
    }

    fn all(&self, kind: PlatformKind) -> Api<DynamicObject> {
        Api::all_with(self.client.clone(), &kind.api_resource())
    }

    fn api(&self, thing: &Thing) -> Api<DynamicObject> {
        let (client, resource) = (self.client.clone(), thing.kind.api_resource());
        match thing.namespace {
            Some(namespace) => Api::namespaced_with(client, namespace, &resource),
            None => Api::all_with(client, &resource),
        }
    }
}

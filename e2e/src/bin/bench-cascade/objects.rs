//! What is deleted: custom resources over ten namespaces that refer to a parent, by a label and by an owner reference.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use kube::api::{ApiResource, DynamicObject, ListParams, PostParams};
use kube::{Api, Client, ResourceExt};
use rewitness_controlplane::{ControlPlane, unique, until};
use serde_json::json;

pub(crate) const GROUP: &str = "bench.example.com";
pub(crate) const LABEL: &str = "bench.example.com/project";

const NAMESPACES: usize = 10;

/// About what an API server with etcd on two cores takes; more clients only wait longer.
const CLIENTS: usize = 32;

/// Longer than any contender takes.
const LONG: Duration = Duration::from_secs(900);

/// Projects without a namespace, and Clusters that belong to them.
pub(crate) struct Objects {
    pub(crate) client: Client,
    pub(crate) projects: Api<DynamicObject>,
    project: ApiResource,
    cluster: ApiResource,
    namespaces: Vec<String>,
}

/// How dependents refer to their parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    Label,
    Owner,
}

impl Objects {
    pub(crate) async fn new(plane: &ControlPlane) -> Result<Self> {
        let project = plane.crd(GROUP, "projects", "Project", false, &[]).await?;
        let cluster = plane.crd(GROUP, "clusters", "Cluster", true, &[]).await?;
        let mut namespaces = Vec::new();
        for _ in 0..NAMESPACES {
            namespaces.push(plane.namespace("bench").await?);
        }
        let client = plane.client().await?;
        let projects = Api::all_with(client.clone(), &project);
        Ok(Self { client, projects, project, cluster, namespaces })
    }

    /// A parent without dependents.
    pub(crate) async fn parent(&self) -> Result<DynamicObject> {
        let parent = DynamicObject::new(&unique("project"), &self.project);
        self.projects.create(&PostParams::default(), &parent).await.context("create a parent")
    }

    /// Its dependents.
    pub(crate) async fn fill(&self, parent: &DynamicObject, count: u32, by: Reference) -> Result<()> {
        let create = |number: u32| {
            let mut object = DynamicObject::new(&format!("{}-{number:05}", parent.name_any()), &self.cluster);
            object.metadata.labels = Some(BTreeMap::from([(LABEL.to_owned(), parent.name_any())]));
            if by == Reference::Owner {
                object.owner_references_mut().extend(kube::Resource::owner_ref(parent, &self.project));
            }
            let object = object.data(json!({ "spec": { "number": number } }));
            let api = self.clusters_in(number);
            async move { api.create(&PostParams::default(), &object).await.map(drop) }
        };
        let creates = stream::iter(0..count).map(create).buffer_unordered(CLIENTS);
        creates.try_collect::<()>().await.context("create dependents")
    }

    /// The namespace of the dependent with this number.
    pub(crate) fn clusters_in(&self, number: u32) -> Api<DynamicObject> {
        let namespace = &self.namespaces[number as usize % self.namespaces.len()];
        Api::namespaced_with(self.client.clone(), namespace, &self.cluster)
    }

    /// Waits until a parent has gone.
    pub(crate) async fn gone(&self, parent: &str) -> Result<()> {
        until("the parent has gone", LONG, async || {
            Ok(self.projects.get_opt(parent).await?.is_none().then_some(()))
        })
        .await
    }

    /// Waits until no dependent is left.
    pub(crate) async fn none_left(&self) -> Result<()> {
        let clusters: Api<DynamicObject> = Api::all_with(self.client.clone(), &self.cluster);
        let one = ListParams::default().limit(1);
        until("all dependents have gone", LONG, async || {
            Ok(clusters.list_metadata(&one).await?.items.is_empty().then_some(()))
        })
        .await
    }
}

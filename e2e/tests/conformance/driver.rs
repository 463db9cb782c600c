//! A Kubernetes API server as the conformance suite drives it.

use std::collections::{HashMap, HashSet};
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams, Preconditions};
use kube::{Api, Client, ResourceExt};
use rewitness_conformance::queue::{Clock, Draft, Driver, Fault, LeftOut, Seen};
use rewitness_conformance::{Failed, Result};
use rewitness_controlplane::{self as controlplane, ControlPlane, FaultProxy, Match, Rule, Snapshot};
use rewitness_kubernetes::{Config, KubernetesQueue};
use rewitness_messaging::{Backoff, Kind, ResourceId, Version};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::OnceCell;

const PAGE: u32 = 4;

/// The kinds of the shared control plane, made once for all cases.
static SHARED_KINDS: OnceCell<[ApiResource; 2]> = OnceCell::const_new();

/// One case's world: two namespaces of its own, and a fault proxy that only its queues go through.
pub(crate) struct KubernetesDriver {
    plane: Plane,
    /// Past the proxy.
    direct: Client,
    proxy: FaultProxy,
    proxied: Client,
    kinds: [ApiResource; 2],
    namespaces: [Arc<str>; 2],
    writes: AtomicU64,
    corrupt: Arc<Mutex<HashSet<String>>>,
    _spoiled: Rule,
    faults: Mutex<Faults>,
}

enum Plane {
    Shared(&'static ControlPlane),
    Own(Box<ControlPlane>),
}

impl Deref for Plane {
    type Target = ControlPlane;

    fn deref(&self) -> &ControlPlane {
        match self {
            Self::Shared(plane) => plane,
            Self::Own(plane) => plane,
        }
    }
}

/// The rules that are in force.
#[derive(Default)]
struct Faults {
    expired: Option<Rule>,
    overload: Option<Rule>,
    outage: Option<Rule>,
    stalled: Option<Rule>,
    saved: Option<Snapshot>,
}

/// Shows the resources of these uids, in lists and watches, with a uid that is no text.
fn spoil(corrupt: Arc<Mutex<HashSet<String>>>) -> controlplane::Fault {
    controlplane::Fault::rewrite(move |_, bytes| {
        let corrupt = corrupt.lock().unwrap_or_else(PoisonError::into_inner);
        if corrupt.is_empty() {
            return None;
        }
        let mut answer: Value = serde_json::from_slice(bytes).ok()?;
        let shown: Vec<&mut Value> = match answer.get("items") {
            Some(_) => answer["items"].as_array_mut().into_iter().flatten().collect(),
            None => answer.get_mut("object").into_iter().collect(),
        };
        for object in shown {
            if object["metadata"]["uid"].as_str().is_some_and(|uid| corrupt.contains(uid)) {
                object["metadata"]["uid"] = json!(42);
            }
        }
        serde_json::to_vec(&answer).ok()
    })
}

fn failed(error: impl std::fmt::Display) -> Failed {
    Failed::new(format!("{error:#}"))
}

async fn make_kinds(plane: &ControlPlane) -> anyhow::Result<[ApiResource; 2]> {
    let group = "conformance.example.com";
    let widgets = plane.crd(group, "widgets", "Widget", true, &[]).await?;
    let gadgets = plane.crd(group, "gadgets", "Gadget", true, &[]).await?;
    Ok([widgets, gadgets])
}

impl KubernetesDriver {
    pub(crate) async fn on_the_shared_plane() -> Result<Self> {
        let plane = controlplane::shared().await.map_err(failed)?;
        let kinds = SHARED_KINDS.get_or_try_init(|| make_kinds(plane)).await.map_err(failed)?;
        Self::new(Plane::Shared(plane), kinds.clone()).await.map_err(failed)
    }

    pub(crate) async fn on_a_plane_of_its_own() -> Result<Self> {
        let plane = ControlPlane::start(controlplane::Config::default()).await.map_err(failed)?;
        let kinds = make_kinds(&plane).await.map_err(failed)?;
        Self::new(Plane::Own(Box::new(plane)), kinds).await.map_err(failed)
    }

    async fn new(plane: Plane, kinds: [ApiResource; 2]) -> anyhow::Result<Self> {
        let proxy = FaultProxy::start(&plane)?;
        let namespaces = [plane.namespace("first").await?.into(), plane.namespace("second").await?.into()];
        let (direct, proxied) = (plane.client().await?, proxy.client().await?);
        let corrupt: Arc<Mutex<HashSet<String>>> = Arc::default();
        let _spoiled = proxy.rule(Match::any().method("GET"), spoil(corrupt.clone()));
        let (writes, faults) = (AtomicU64::new(0), Mutex::default());
        Ok(Self { plane, direct, proxy, proxied, kinds, namespaces, writes, corrupt, _spoiled, faults })
    }

    fn api(&self, kind: &Kind, namespace: &str) -> Result<Api<DynamicObject>> {
        let resource = self.kinds.iter().find(|one| *one.kind == *kind.kind);
        let resource = resource.ok_or_else(|| Failed::new(format!("no such kind: {kind}")))?;
        Ok(Api::namespaced_with(self.direct.clone(), namespace, resource))
    }

    fn of(&self, resource: &ResourceId) -> Result<Api<DynamicObject>> {
        let namespace = resource.namespace.as_deref().ok_or_else(|| Failed::new("no namespace"))?;
        self.api(&resource.kind, namespace)
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_write(&self) -> u64 {
        self.writes.fetch_add(1, Ordering::Relaxed)
    }

    /// Waits until the queue watches, if one runs at all: a watch that is only being opened would escape
    /// what is done to those that are open.
    async fn until_watching(&self) {
        let watching = async {
            while self.proxy.open_watches() == 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let _nothing_runs = tokio::time::timeout(Duration::from_secs(2), watching).await;
    }

    /// A merge patch that the server refuses for any other uid.
    async fn merge(&self, resource: &ResourceId, mut patch: Value) -> Result {
        patch["metadata"]["uid"] = json!(resource.uid.to_string());
        self.of(resource)?.patch(&resource.name, &PatchParams::default(), &Patch::Merge(&patch)).await?;
        Ok(())
    }

    /// Raises the server's version; the answer is the new one.
    async fn raise_version(&self) -> Result<u64> {
        let maps: Api<k8s_openapi::api::core::v1::ConfigMap> =
            Api::namespaced(self.direct.clone(), &self.namespaces[0]);
        let write = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "version"},
            "data": {"n": self.next_write().to_string()},
        });
        let params = PatchParams::apply("conformance").force();
        let written = maps.patch("version", &params, &Patch::Apply(&write)).await?;
        written
            .resource_version()
            .unwrap_or_default()
            .parse()
            .map_err(|error| failed(format!("a version: {error}")))
    }
}

impl Driver for KubernetesDriver {
    type Queue = KubernetesQueue;

    fn clock(&self) -> Clock {
        Clock::REAL
    }

    fn kind(&self, nth: usize) -> Kind {
        Kind::new(self.kinds[nth].group.as_str(), self.kinds[nth].kind.as_str())
    }

    fn namespace(&self, nth: usize) -> Arc<str> {
        self.namespaces[nth].clone()
    }

    fn queue(&self, grace: Duration) -> KubernetesQueue {
        let config = Config {
            grace,
            hold_writes_per_second: 1000,
            page_size: PAGE,
            concurrent_lists: 8,
            call_timeout: Duration::from_secs(5),
            check_every: Duration::from_millis(500),
            backoff: Backoff { base: Duration::from_millis(50), cap: Duration::from_millis(500) },
            ..Config::default()
        };
        KubernetesQueue::new(self.proxied.clone(), config)
    }

    async fn create(&self, new: Draft) -> Result<ResourceId> {
        let api = self.api(&new.kind, &new.namespace)?;
        let resource = self.kinds.iter().find(|one| *one.kind == *new.kind.kind);
        let resource = resource.ok_or_else(|| Failed::new("no such kind"))?;
        let mut object = DynamicObject::new(&new.name, resource).within(&new.namespace);
        object.metadata.labels = Some(new.labels.into_iter().collect());
        object.metadata.finalizers = Some(new.holds);
        object.data = json!({"spec": {"n": self.next_write()}});
        let made = api.create(&PostParams::default(), &object).await?;
        let uid = made.uid().ok_or_else(|| Failed::new("the server gave no uid"))?;
        Ok(ResourceId {
            kind: new.kind,
            namespace: Some(new.namespace),
            name: new.name.into(),
            uid: uid.as_str().into(),
        })
    }

    async fn update(&self, resource: &ResourceId) -> Result {
        self.merge(resource, json!({"spec": {"n": self.next_write()}})).await
    }

    async fn touch(&self, resource: &ResourceId) -> Result {
        let status = Patch::Merge(json!({
            "metadata": {"uid": resource.uid.to_string()},
            "status": {"n": self.next_write()},
        }));
        self.of(resource)?.patch_status(&resource.name, &PatchParams::default(), &status).await?;
        Ok(())
    }

    async fn relabel(&self, resource: &ResourceId, labels: &[(&str, &str)]) -> Result {
        let there = self.of(resource)?.get(&resource.name).await?;
        // In a merge patch null removes.
        let mut replaced: HashMap<&str, Option<&str>> =
            there.labels().keys().map(|key| (&**key, None)).collect();
        replaced.extend(labels.iter().map(|(key, value)| (*key, Some(*value))));
        self.merge(resource, json!({"metadata": {"labels": replaced}})).await
    }

    async fn delete(&self, resource: &ResourceId) -> Result {
        let preconditions = Preconditions { uid: Some(resource.uid.to_string()), resource_version: None };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        self.of(resource)?.delete(&resource.name, &params).await?;
        Ok(())
    }

    async fn remove_hold(&self, resource: &ResourceId, hold: &str) -> Result {
        let seen =
            self.look(resource).await?.ok_or_else(|| Failed::new(format!("{resource} is not there")))?;
        let left: Vec<&String> = seen.holds.iter().filter(|one| *one != hold).collect();
        let version = seen.version.to_string();
        self.merge(resource, json!({"metadata": {"finalizers": left, "resourceVersion": version}})).await
    }

    async fn strip_holds(&self, resource: &ResourceId) -> Result {
        self.merge(resource, json!({"metadata": {"finalizers": null}})).await
    }

    async fn look(&self, resource: &ResourceId) -> Result<Option<Seen>> {
        let found = self.of(resource)?.get_opt(&resource.name).await?;
        let same = found.filter(|object| object.uid().as_deref() == Some(&*resource.uid.to_string()));
        Ok(same.map(|object| Seen {
            deleting: object.metadata.deletion_timestamp.is_some(),
            holds: object.finalizers().to_vec(),
            version: Version::parse(object.resource_version().as_deref().unwrap_or_default()),
        }))
    }

    fn forces(&self) -> &[Fault] {
        const SHARED: [Fault; 6] = [
            Fault::Corrupt,
            Fault::Disconnect,
            Fault::Expire,
            Fault::Overload,
            Fault::Outage,
            Fault::StallLists,
        ];
        match self.plane {
            Plane::Shared(_) => &SHARED,
            Plane::Own(_) => &Fault::ALL,
        }
    }

    fn leaves_out(&self) -> Vec<LeftOut> {
        match self.plane {
            Plane::Shared(_) => crate::restored_from_a_backup::RUN_THERE.to_vec(),
            Plane::Own(_) => Vec::new(),
        }
    }

    fn page_size(&self) -> usize {
        PAGE as usize
    }

    async fn corrupt(&self, resource: &ResourceId) -> Result {
        self.corrupt.lock().unwrap_or_else(PoisonError::into_inner).insert(resource.uid.to_string());
        self.touch(resource).await
    }

    async fn mend(&self, resource: &ResourceId) -> Result {
        self.corrupt.lock().unwrap_or_else(PoisonError::into_inner).remove(&resource.uid.to_string());
        self.touch(resource).await
    }

    async fn disconnect(&self) -> Result {
        self.until_watching().await;
        self.proxy.cut_all_watches();
        Ok(())
    }

    async fn expire(&self) -> Result {
        self.until_watching().await;
        let now = self.raise_version().await?;
        let old =
            Match::watches().when(move |call| version_of(&call.query).is_some_and(|version| version < now));
        self.faults().expired = Some(self.proxy.rule(old, controlplane::Fault::expired()));
        self.proxy.cut_all_watches();
        Ok(())
    }

    async fn overload(&self, calls: u32) -> Result {
        let busy = Match::any().times(calls as usize);
        let rule = (calls > 0).then(|| self.proxy.rule(busy, controlplane::Fault::too_many_requests(1)));
        self.faults().overload = rule;
        Ok(())
    }

    async fn save(&self) -> Result {
        let snapshot = self.plane.snapshot().await.map_err(failed)?;
        self.faults().saved = Some(snapshot);
        // A server that starts writes a little of its own: what comes now is well ahead of that.
        for _ in 0..500 {
            self.raise_version().await?;
        }
        Ok(())
    }

    async fn roll_back(&self) -> Result {
        let saved = self.faults().saved.take().ok_or_else(|| Failed::new("nothing was saved"))?;
        // Its future is not Send, which the compiler cannot see to be harmless here.
        tokio::task::block_in_place(|| Handle::current().block_on(self.plane.restore(&saved))).map_err(failed)
    }

    async fn take_down(&self) -> Result {
        self.until_watching().await;
        self.faults().outage = Some(self.proxy.rule(Match::any(), controlplane::Fault::Drop));
        self.proxy.cut_all_watches();
        Ok(())
    }

    async fn bring_up(&self) -> Result {
        self.faults().outage = None;
        Ok(())
    }

    async fn stall_lists(&self) -> Result {
        let later_pages = Match::any().method("GET").when(|call| call.query.contains("continue="));
        let stalled = controlplane::Fault::Hold(controlplane::Gate::new());
        self.faults().stalled = Some(self.proxy.rule(later_pages, stalled));
        Ok(())
    }

    async fn resume_lists(&self) -> Result {
        self.faults().stalled = None;
        Ok(())
    }
}

/// The version that a watch starts from.
fn version_of(query: &str) -> Option<u64> {
    query.split('&').find_map(|part| part.strip_prefix("resourceVersion="))?.parse().ok()
}

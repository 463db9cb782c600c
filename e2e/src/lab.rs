//! A platform of its own for each test: kinds, parents and dependents.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use rewitness_controlplane::{ControlPlane, FaultProxy, policy_rule, shared, unique, until};
use rewitness_crds::Cascade;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::audit::Audit;
use crate::planted::{self, client, planted};

/// Long enough for anything that is to happen at once, on a busy machine.
pub const SOON: Duration = Duration::from_secs(180);

/// The same; with a planted bug it often never happens, and that is no reason to wait as long.
pub fn soon() -> Duration {
    if planted().is_some() { Duration::from_secs(15) } else { SOON }
}

/// Waits for a state as long as [`soon`] says, and with a planted bug no longer than until the operator
/// asks and hears the same again and again.
pub async fn until_soon<T>(what: &str, mut probe: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let goes_in_circles = planted::rounds();
    until(what, soon(), async || {
        let found = probe().await?;
        let is_stuck = found.is_none() && goes_in_circles.as_ref().is_some_and(|closed| closed());
        ensure!(!is_stuck, "the operator goes round in circles before: {what}");
        Ok(found)
    })
    .await
}

/// Somebody else's.
pub const FOREIGN: &str = "other.example.com/x";

/// The namespaces of the accounts of operators, and of those with planted bugs.
pub const OPERATORS: [&str; 2] = ["rewitness-system", "planted-bugs"];

/// The operator's own identity, so that the audit log tells its calls from those of tests.
pub async fn operator_kubeconfig() -> Result<&'static PathBuf> {
    static SOUND: OnceCell<PathBuf> = OnceCell::const_new();
    static BUGGY: OnceCell<PathBuf> = OnceCell::const_new();
    let [system, buggy] = OPERATORS;
    let (cell, namespace) = if planted().is_some() { (&BUGGY, buggy) } else { (&SOUND, system) };
    let everything = policy_rule("*", "*", &["*"]);
    let account =
        || async { shared().await?.service_account(namespace, "rewitness", vec![everything]).await };
    cell.get_or_try_init(account).await
}

/// Kinds and a namespace of one test: Projects without a namespace; Spaces, Clusters and Disks in
/// namespaces.
pub struct Lab {
    pub plane: &'static ControlPlane,
    pub client: Client,
    pub group: String,
    pub ns: String,
    pub label: String,
    kinds: BTreeMap<&'static str, ApiResource>,
    _audit: Audit,
}

impl Lab {
    pub async fn new() -> Result<Self> {
        Self::on(shared().await?).await
    }

    /// On a control plane that is not shared with other tests.
    pub async fn on(plane: &'static ControlPlane) -> Result<Self> {
        let (ns, group) = (plane.namespace("cascade").await?, format!("{}.test", unique("g")));
        let crd = async |plural: &str, kind: &'static str, namespaced| {
            anyhow::Ok((kind, plane.crd(&group, plural, kind, namespaced, &[]).await?))
        };
        let kinds = tokio::try_join!(
            crd("projects", "Project", false),
            crd("spaces", "Space", true),
            crd("clusters", "Cluster", true),
            crd("disks", "Disk", true),
        )?;
        let kinds = BTreeMap::from([kinds.0, kinds.1, kinds.2, kinds.3]);
        let (client, label, audit) = (plane.client().await?, format!("{group}/parent"), Audit::of(&group));
        Ok(Self { plane, client, label, group, ns, kinds, _audit: audit })
    }

    /// One more kind, in namespaces.
    pub async fn add_kind(&mut self, plural: &str, kind: &'static str) -> Result<()> {
        self.kinds.insert(kind, self.plane.crd(&self.group, plural, kind, true, &[]).await?);
        Ok(())
    }

    pub fn proxy(&self) -> Result<FaultProxy> {
        FaultProxy::start(self.plane)
    }

    /// A client of the operator's account, straight to the server.
    pub async fn operator_client(&self) -> Result<Client> {
        Ok(client(rewitness_controlplane::client(operator_kubeconfig().await?).await?))
    }

    /// A client of the operator's account that goes through a proxy.
    pub async fn proxied(&self, proxy: &FaultProxy) -> Result<Client> {
        self.proxied_as(proxy, operator_kubeconfig().await?).await
    }

    /// A client of this account that goes through a proxy.
    pub async fn proxied_as(&self, proxy: &FaultProxy, account: &Path) -> Result<Client> {
        Ok(client(rewitness_controlplane::client(&proxy.kubeconfig_for(account)?).await?))
    }

    pub fn resource(&self, kind: &str) -> &ApiResource {
        &self.kinds[kind]
    }

    pub fn api(&self, kind: &str) -> Api<DynamicObject> {
        self.api_in(kind, &self.ns)
    }

    pub fn api_in(&self, kind: &str, ns: &str) -> Api<DynamicObject> {
        match kind {
            "Project" => Api::all_with(self.client.clone(), self.resource(kind)),
            _ => Api::namespaced_with(self.client.clone(), ns, self.resource(kind)),
        }
    }

    /// Dependents of a kind, deleted by a label that holds their parent's name.
    pub fn dependents(&self, kind: &str) -> Value {
        json!({
            "apiVersion": format!("{}/v1", self.group), "kind": kind,
            "reference": { "label": self.label, "value": "Name" },
        })
    }

    /// A Cascade in force from Projects, with one stage for each list of dependents.
    pub fn cascade(&self, stages: &[&[Value]]) -> Cascade {
        self.cascade_of("Project", stages, json!({}))
    }

    #[expect(clippy::expect_used, reason = "what tests write is a Cascade, or the test is wrong")]
    pub fn cascade_of(&self, parent: &str, stages: &[&[Value]], more: Value) -> Cascade {
        let stages: Vec<Value> = stages
            .iter()
            .enumerate()
            .map(|(index, dependents)| json!({ "name": format!("stage-{index}"), "dependents": dependents }))
            .collect();
        let mut cascade = json!({
            "apiVersion": "rewitness.dev/v1alpha1", "kind": "Cascade", "metadata": { "name": unique("casc") },
            "spec": {
                "mode": "Enforce", "stages": stages,
                "parent": { "apiVersion": format!("{}/v1", self.group), "kind": parent },
            },
        });
        for (field, value) in more.as_object().into_iter().flatten() {
            cascade["spec"][field] = value.clone();
        }
        serde_json::from_value(cascade).expect("a Cascade")
    }

    /// Creates an object that refers to this parent, if any.
    pub async fn create(&self, kind: &str, name: &str, parent: Option<&str>) -> Result<DynamicObject> {
        self.create_in(kind, &self.ns, name, parent).await
    }

    pub async fn create_in(
        &self,
        kind: &str,
        ns: &str,
        name: &str,
        parent: Option<&str>,
    ) -> Result<DynamicObject> {
        let mut object = DynamicObject::new(name, self.resource(kind));
        object.metadata.labels =
            parent.map(|parent| BTreeMap::from([(self.label.clone(), parent.to_owned())]));
        self.api_in(kind, ns)
            .create(&PostParams::default(), &object)
            .await
            .with_context(|| format!("create {name}"))
    }

    /// Changes an object's metadata.
    pub async fn patch(&self, kind: &str, name: &str, metadata: Value) -> Result<()> {
        let patch = json!({ "metadata": metadata });
        self.api(kind).patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    pub async fn delete(&self, kind: &str, name: &str) -> Result<()> {
        self.api(kind).delete(name, &DeleteParams::default()).await?;
        Ok(())
    }

    pub async fn exists(&self, kind: &str, name: &str) -> Result<bool> {
        Ok(self.api(kind).get_opt(name).await?.is_some())
    }

    /// Waits until an object has gone.
    pub async fn gone(&self, kind: &str, name: &str) -> Result<()> {
        let api = self.api(kind);
        until_soon(&format!("{kind} {name} has gone"), async || {
            Ok(api.get_opt(name).await?.is_none().then_some(()))
        })
        .await
    }

    /// Waits until a parent is held by a rule.
    pub async fn held(&self, kind: &str, name: &str, rule: &Cascade) -> Result<DynamicObject> {
        let finalizer = rewitness_crds::cascade::finalizer(rule.metadata.name.as_deref().unwrap_or_default());
        let api = self.api(kind);
        until(&format!("{kind} {name} is held"), SOON, async || {
            let object = api.get(name).await?;
            let held = object.metadata.finalizers.iter().flatten().any(|one| *one == finalizer);
            Ok(held.then_some(object))
        })
        .await
    }

    /// A parent that is held, and is to have dependents.
    pub async fn parent(&self, kind: &str, name: &str, rule: &Cascade) -> Result<DynamicObject> {
        self.create(kind, name, None).await?;
        self.held(kind, name, rule).await
    }
}

//! A platform of its own for each test, and an operator that can be killed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use rewitness_cascade::{Cascades, Config, MemoryRecords, Records, Report, Rule, RuleHandle, Standing};
use rewitness_controlplane::{ControlPlane, FaultProxy, policy_rule, shared, unique, until};
use rewitness_crds::Cascade;
use rewitness_kubernetes::KubernetesQueue;
use rewitness_messaging::{Backoff, Failure, Handle, Progress, Queue, ResourceId, Timestamp, Uid};
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::audit::Audit;
use crate::planted::{client, planted};

/// Long enough for anything that is to happen at once, on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(180);

/// The same; with a planted bug it often never happens, and that is no reason to wait as long.
pub(crate) fn soon() -> Duration {
    if planted().is_some() { Duration::from_secs(15) } else { SOON }
}

/// Somebody else's.
pub(crate) const FOREIGN: &str = "other.example.com/x";

/// The namespaces of the accounts of operators, and of those with planted bugs.
pub(crate) const OPERATORS: [&str; 2] = ["rewitness-system", "planted-bugs"];

/// The operator's own identity, so that the audit log tells its calls from those of tests.
pub(crate) async fn operator_kubeconfig() -> Result<&'static PathBuf> {
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
pub(crate) struct Lab {
    pub(crate) plane: &'static ControlPlane,
    pub(crate) client: Client,
    pub(crate) group: String,
    pub(crate) ns: String,
    pub(crate) label: String,
    kinds: BTreeMap<&'static str, ApiResource>,
    _audit: Audit,
}

impl Lab {
    pub(crate) async fn new() -> Result<Self> {
        Self::on(shared().await?).await
    }

    /// On a control plane that is not shared with other tests.
    pub(crate) async fn on(plane: &'static ControlPlane) -> Result<Self> {
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
    pub(crate) async fn add_kind(&mut self, plural: &str, kind: &'static str) -> Result<()> {
        self.kinds.insert(kind, self.plane.crd(&self.group, plural, kind, true, &[]).await?);
        Ok(())
    }

    pub(crate) fn proxy(&self) -> Result<FaultProxy> {
        FaultProxy::start(self.plane)
    }

    /// A client of the operator's account, straight to the server.
    pub(crate) async fn operator_client(&self) -> Result<Client> {
        Ok(client(rewitness_controlplane::client(operator_kubeconfig().await?).await?))
    }

    /// A client of the operator's account that goes through a proxy.
    pub(crate) async fn proxied(&self, proxy: &FaultProxy) -> Result<Client> {
        self.proxied_as(proxy, operator_kubeconfig().await?).await
    }

    /// A client of this account that goes through a proxy.
    pub(crate) async fn proxied_as(&self, proxy: &FaultProxy, account: &Path) -> Result<Client> {
        Ok(client(rewitness_controlplane::client(&proxy.kubeconfig_for(account)?).await?))
    }

    pub(crate) fn resource(&self, kind: &str) -> &ApiResource {
        &self.kinds[kind]
    }

    pub(crate) fn api(&self, kind: &str) -> Api<DynamicObject> {
        self.api_in(kind, &self.ns)
    }

    pub(crate) fn api_in(&self, kind: &str, ns: &str) -> Api<DynamicObject> {
        match kind {
            "Project" => Api::all_with(self.client.clone(), self.resource(kind)),
            _ => Api::namespaced_with(self.client.clone(), ns, self.resource(kind)),
        }
    }

    /// Dependents of a kind, deleted by a label that holds their parent's name.
    pub(crate) fn dependents(&self, kind: &str) -> Value {
        json!({
            "apiVersion": format!("{}/v1", self.group), "kind": kind,
            "by": { "label": self.label }, "holds": "Name",
        })
    }

    /// A Cascade in force from Projects, with one stage for each list of dependents.
    pub(crate) fn cascade(&self, stages: &[&[Value]]) -> Cascade {
        self.cascade_of("Project", stages, json!({}))
    }

    #[expect(clippy::expect_used, reason = "what tests write is a Cascade, or the test is wrong")]
    pub(crate) fn cascade_of(&self, parent: &str, stages: &[&[Value]], more: Value) -> Cascade {
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
    pub(crate) async fn create(&self, kind: &str, name: &str, parent: Option<&str>) -> Result<DynamicObject> {
        self.create_in(kind, &self.ns, name, parent).await
    }

    pub(crate) async fn create_in(
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
    pub(crate) async fn patch(&self, kind: &str, name: &str, metadata: Value) -> Result<()> {
        let patch = json!({ "metadata": metadata });
        self.api(kind).patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    pub(crate) async fn delete(&self, kind: &str, name: &str) -> Result<()> {
        self.api(kind).delete(name, &DeleteParams::default()).await?;
        Ok(())
    }

    pub(crate) async fn exists(&self, kind: &str, name: &str) -> Result<bool> {
        Ok(self.api(kind).get_opt(name).await?.is_some())
    }

    /// Waits until an object has gone.
    pub(crate) async fn gone(&self, kind: &str, name: &str) -> Result<()> {
        let api = self.api(kind);
        until(&format!("{kind} {name} has gone"), soon(), async || {
            Ok(api.get_opt(name).await?.is_none().then_some(()))
        })
        .await
    }

    /// Waits until a parent is held by a rule.
    pub(crate) async fn held(&self, kind: &str, name: &str, rule: &Cascade) -> Result<DynamicObject> {
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
    pub(crate) async fn parent(&self, kind: &str, name: &str, rule: &Cascade) -> Result<DynamicObject> {
        self.create(kind, name, None).await?;
        self.held(kind, name, rule).await
    }
}

/// A process that follows rules. Dropping it kills it: nothing of it goes on, and nothing is
/// finished.
pub(crate) struct Operator {
    pub(crate) queue: KubernetesQueue,
    pub(crate) rules: Vec<Followed>,
    tasks: JoinSet<()>,
}

pub(crate) struct Followed {
    pub(crate) handle: Handle,
    pub(crate) rule: RuleHandle,
    pub(crate) records: Arc<Log>,
}

/// Keeps every report.
#[derive(Default)]
pub(crate) struct Log {
    records: MemoryRecords,
    reports: Mutex<Vec<Report>>,
}

impl Log {
    /// What was wanted of the first report that has it.
    pub(crate) fn first<T>(&self, wanted: impl Fn(&Standing) -> Option<T>) -> Option<T> {
        let reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        reports.iter().find_map(|report| wanted(&report.standing))
    }

    /// What was said after this was said first.
    pub(crate) fn since<T>(&self, said: impl Fn(&Standing) -> Option<T>) -> Vec<Standing> {
        let reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        let standings = reports.iter().map(|report| report.standing.clone());
        standings.skip_while(|standing| said(standing).is_none()).collect()
    }

    /// Whether a parent ever waited for this cause.
    pub(crate) fn ever(&self, cause: &'static str) -> bool {
        self.first(waits_for(cause)).is_some()
    }
}

impl Records for Log {
    fn hour_room(&self, limit: u32, now: Timestamp) -> u64 {
        self.records.hour_room(limit, now)
    }

    async fn begin(&self, parent: &ResourceId, count: u64, now: Timestamp) -> Result<(), Failure> {
        self.records.begin(parent, count, now).await
    }

    fn report(&self, report: Report) {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner).push(report.clone());
        self.records.report(report);
    }
}

impl Operator {
    pub(crate) fn start(client: Client, rules: &[&Cascade]) -> Result<Self> {
        Self::start_with(client, rules, Config::default())
    }

    pub(crate) fn start_with(client: Client, rules: &[&Cascade], mut config: Config) -> Result<Self> {
        // A test may hold a call back for as long as it takes.
        config.call_timeout = SOON;
        config.look_again_after = Duration::from_secs(1);
        let quick = rewitness_kubernetes::Config {
            adoptions_per_second: 1000,
            grace: Duration::ZERO,
            call_timeout: SOON,
            backoff: Backoff { base: Duration::from_millis(50), cap: Duration::from_millis(500) },
            ..rewitness_kubernetes::Config::default()
        };
        let queue = KubernetesQueue::new(client.clone(), quick);
        let cascades = Cascades::new(client, config);
        let follow = |cascade: &&Cascade| {
            let (rule, records) = (Rule::new(cascade)?, Arc::new(Log::default()));
            let subscription = rule
                .subscription()
                .with_backoff(Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(1) });
            let rule = RuleHandle::new(rule);
            let handle = queue.subscribe(subscription, cascades.consumer(rule.clone(), records.clone()))?;
            anyhow::Ok(Followed { handle, rule, records })
        };
        let rules = rules.iter().map(follow).collect::<Result<Vec<_>>>()?;
        let mut tasks = JoinSet::new();
        let running = queue.clone();
        tasks.spawn(async move {
            let _ = running.run(std::future::pending()).await;
        });
        Ok(Self { queue, rules, tasks })
    }

    /// Ends it at once, as SIGKILL does, and waits until it has ended.
    pub(crate) async fn kill(mut self) {
        self.tasks.shutdown().await;
    }

    /// Waits until a rule has nothing more to do for a parent: this was said, and no delivery is in
    /// flight or comes back. Whether it was left as it should be is for the test to find out.
    pub(crate) async fn ended(&self, rule: usize, parent: &DynamicObject) -> Result<()> {
        let uid = Uid::new(parent.metadata.uid.as_deref().unwrap_or_default());
        let has_ended = |report: &&Report| {
            matches!(report.standing, Standing::Left | Standing::Finished { .. }) && report.parent.uid == uid
        };
        let records = &self.rules[rule].records;
        until("the rule is done with the parent", SOON, async || {
            let reports = records.reports.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(reports.iter().find(has_ended).map(drop))
        })
        .await?;
        self.at_rest(rule).await
    }

    /// Waits until no delivery of a rule is in flight, and none has failed.
    pub(crate) async fn at_rest(&self, rule: usize) -> Result<()> {
        let rests = |progress: &Progress| progress.in_flight == 0 && progress.failing == 0;
        let resting = self.rules[rule].handle.when(rests);
        timeout(SOON, resting).await.context("the rule does not come to rest")?;
        Ok(())
    }

    /// Waits until a parent's deletion stands as wanted.
    pub(crate) async fn standing<T>(
        &self,
        rule: usize,
        parent: &DynamicObject,
        wanted: impl Fn(&Standing) -> Option<T>,
    ) -> Result<T> {
        let uid = Uid::new(parent.metadata.uid.as_deref().unwrap_or_default());
        let records = &self.rules[rule].records;
        let found = until("the deletion stands as wanted", soon(), async || {
            Ok(records.records.standing(&uid).and_then(|report: Report| wanted(&report.standing)))
        });
        let now = || format!("{:?}", records.records.standing(&uid));
        found.await.with_context(now)
    }
}

/// The causes that a parent waits for.
pub(crate) fn causes(standing: &Standing) -> Option<Vec<&'static str>> {
    match standing {
        Standing::Waiting { waits, .. } => Some(waits.iter().map(|wait| wait.cause.as_str()).collect()),
        _ => None,
    }
}

/// That a parent waits for this cause.
pub(crate) fn waits_for(cause: &'static str) -> impl Fn(&Standing) -> Option<()> {
    move |standing| causes(standing)?.contains(&cause).then_some(())
}

/// Why nothing is done for a parent.
pub(crate) fn refused(standing: &Standing) -> Option<(&'static str, String)> {
    match standing {
        Standing::Refused(refused) => Some((refused.as_str(), refused.to_string())),
        _ => None,
    }
}

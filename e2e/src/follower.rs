//! An operator made of the library that follows Cascades, and can be killed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use kube::Client;
use kube::api::DynamicObject;
use rewitness_cascade::{Cascades, Config, DeletionState, MemoryRecords, Records, Report, Rule, RuleHandle};
use rewitness_controlplane::until;
use rewitness_crds::Cascade;
use rewitness_kubernetes::KubernetesQueue;
use rewitness_messaging::{Backoff, Failure, Handle, Progress, Queue, ResourceId, Timestamp, Uid};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::lab::{SOON, until_soon};

/// A process that follows rules. Dropping it kills it: nothing of it goes on, and nothing is
/// finished.
pub struct Operator {
    pub queue: KubernetesQueue,
    pub rules: Vec<Followed>,
    tasks: JoinSet<()>,
}

pub struct Followed {
    pub handle: Handle,
    pub rule: RuleHandle,
    pub records: Arc<Log>,
}

/// Keeps every report.
#[derive(Default)]
pub struct Log {
    records: MemoryRecords,
    reports: Mutex<Vec<Report>>,
}

impl Log {
    /// What was wanted of the first report that has it.
    pub fn first<T>(&self, wanted: impl Fn(&DeletionState) -> Option<T>) -> Option<T> {
        let reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        reports.iter().find_map(|report| wanted(&report.state))
    }

    /// What was said after this was said first.
    pub fn since<T>(&self, said: impl Fn(&DeletionState) -> Option<T>) -> Vec<DeletionState> {
        let reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        let states = reports.iter().map(|report| report.state.clone());
        states.skip_while(|state| said(state).is_none()).collect()
    }

    /// Whether a parent ever waited for this cause.
    pub fn ever(&self, cause: &'static str) -> bool {
        self.first(waits_for(cause)).is_some()
    }
}

impl Records for Log {
    fn hour_remaining(&self, limit: u32, now: Timestamp) -> u64 {
        self.records.hour_remaining(limit, now)
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
    pub fn start(client: Client, rules: &[&Cascade]) -> Result<Self> {
        Self::start_with(client, rules, Config::default())
    }

    pub fn start_with(client: Client, rules: &[&Cascade], mut config: Config) -> Result<Self> {
        // A test may hold a call back for as long as it takes.
        config.look_again_after = Duration::from_secs(1);
        let quick = rewitness_kubernetes::Config {
            hold_writes_per_second: 1000,
            grace: Duration::ZERO,
            call_timeout: SOON,
            backoff: Backoff { base: Duration::from_millis(50), cap: Duration::from_millis(500) },
            ..rewitness_kubernetes::Config::default()
        };
        let queue = KubernetesQueue::new(client, quick);
        let cascades = Cascades::new(queue.discovery().clone(), config);
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
    pub async fn kill(mut self) {
        self.tasks.shutdown().await;
    }

    /// Waits until a rule has nothing more to do for a parent: this was said, and no delivery is in
    /// flight or comes back. Whether it was left as it should be is for the test to find out.
    pub async fn ended(&self, rule: usize, parent: &DynamicObject) -> Result<()> {
        let uid = Uid::new(parent.metadata.uid.as_deref().unwrap_or_default());
        let has_ended = |report: &&Report| {
            matches!(report.state, DeletionState::Left | DeletionState::Finished { .. })
                && report.parent.uid == uid
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
    pub async fn at_rest(&self, rule: usize) -> Result<()> {
        let rests = |progress: &Progress| progress.in_flight == 0 && progress.failing == 0;
        let resting = self.rules[rule].handle.when(rests);
        timeout(SOON, resting).await.context("the rule does not come to rest")?;
        Ok(())
    }

    /// Waits until a parent's deletion stands as wanted.
    pub async fn state<T>(
        &self,
        rule: usize,
        parent: &DynamicObject,
        wanted: impl Fn(&DeletionState) -> Option<T>,
    ) -> Result<T> {
        let uid = Uid::new(parent.metadata.uid.as_deref().unwrap_or_default());
        let records = &self.rules[rule].records;
        let found = until_soon("the deletion stands as wanted", async || {
            Ok(records.records.state(&uid).and_then(|report: Report| wanted(&report.state)))
        });
        let now = || format!("{:?}", records.records.state(&uid));
        found.await.with_context(now)
    }
}

/// The causes that a parent waits for.
pub fn causes(state: &DeletionState) -> Option<Vec<&'static str>> {
    match state {
        DeletionState::Waiting { waits, .. } => {
            Some(waits.iter().map(|wait| wait.cause.reason().as_str()).collect())
        }
        _ => None,
    }
}

/// That a parent waits for this cause.
pub fn waits_for(cause: &'static str) -> impl Fn(&DeletionState) -> Option<()> {
    move |state| causes(state)?.contains(&cause).then_some(())
}

/// Why nothing is done for a parent.
pub fn refused(state: &DeletionState) -> Option<(&'static str, String)> {
    match state {
        DeletionState::Refused(refused) => Some((refused.reason().as_str(), refused.to_string())),
        _ => None,
    }
}

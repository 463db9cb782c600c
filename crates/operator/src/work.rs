//! How far an operator is with what is there.

use std::sync::Arc;
use std::time::Duration;

use kube::api::ListParams;
use rewitness_crds::CascadeStatus;
use rewitness_crds::cascade::condition;
use rewitness_kubernetes::call::in_time;
use rewitness_messaging::Timestamp;
use tokio::time::{Instant, sleep};

use super::decision::is_ours;
use super::followed::Followed;
use super::rules::Rules;

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(100);

/// How often it is listed what there is, while not all of it is known.
const LIST_AGAIN: Duration = Duration::from_secs(1);

/// For how long nothing may have been left to do: what comes of a deletion comes soon after it.
const QUIET: Duration = Duration::from_secs(2);

/// What an operator works at.
pub struct Work {
    rules: Arc<Rules>,
    selector: String,
}

/// How a Cascade stands, in the operator's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CascadeState {
    /// The Cascade's name.
    pub name: String,
    /// The status of its condition `Ready`: `True`, `False` or `Unknown`.
    pub ready: String,
    /// The reason of that.
    pub reason: String,
    /// How many parents there are.
    pub parents: u64,
    /// How many of them are being deleted, and held.
    pub held: u64,
    /// How many of those cannot go on.
    pub blocked: u64,
}

impl Work {
    pub(crate) fn new(rules: Arc<Rules>, selector: String) -> Self {
        Self { rules, selector }
    }

    /// Waits until every Cascade was taken in and replayed, and every deletion is finished or waits
    /// for something that does not go by itself.
    ///
    /// # Errors
    ///
    /// The Cascades cannot be listed.
    pub async fn worked_off(&self) -> kube::Result<()> {
        let rules = &*self.rules;
        let (mut names, mut listed) = (self.list().await?, Instant::now());
        let mut quiet_since = None;
        loop {
            let all = rules.all();
            let known = names.iter().all(|name| all.iter().any(|followed| followed.name == *name));
            // One that is not known may have gone since.
            if !known && listed.elapsed() >= LIST_AGAIN {
                (names, listed) = (self.list().await.unwrap_or(names), Instant::now());
            }
            let at_rest = known && all.iter().all(|followed| followed.is_worked_off());
            let since = quiet_since.filter(|_| at_rest).unwrap_or_else(Instant::now);
            if at_rest && since.elapsed() >= QUIET {
                return Ok(());
            }
            quiet_since = at_rest.then_some(since);
            sleep(LOOK).await;
        }
    }

    /// The Cascades that are to be taken in.
    async fn list(&self) -> kube::Result<Vec<String>> {
        let labelled = ListParams::default().labels(&self.selector);
        let cascades = in_time(self.rules.api.list(&labelled)).await?;
        Ok(cascades.items.into_iter().filter(is_ours).filter_map(|cascade| cascade.metadata.name).collect())
    }

    /// How each Cascade stands that is followed, by their names.
    pub fn cascades(&self) -> Vec<CascadeState> {
        self.rules.all().iter().map(|followed| state(followed)).collect()
    }
}

fn state(followed: &Followed) -> CascadeState {
    let status = followed.status(&CascadeStatus::default(), Timestamp::now()).unwrap_or_default();
    let ready = status.conditions.iter().find(|one| one.type_ == condition::READY);
    let (ready, reason) = ready.map_or(("Unknown", "Unknown"), |one| (&one.status, &one.reason));
    CascadeState {
        name: followed.name.clone(),
        ready: ready.to_owned(),
        reason: reason.to_owned(),
        parents: status.counts.parents,
        held: status.counts.held,
        blocked: status.counts.blocked,
    }
}

impl CascadeState {
    /// Whether nothing is in error, and no deletion is held.
    pub fn is_clean(&self) -> bool {
        self.ready == "True" && self.held == 0
    }
}

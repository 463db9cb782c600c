//! Letting parents go that a rule is about no longer (C10).

use std::collections::HashSet;
use std::time::Duration;

use futures::StreamExt;
use rewitness_crds::cascade::finalizer;
use rewitness_kubernetes::finalizer::{Held, Removed};
use rewitness_kubernetes::{Error as KubernetesError, ResolvedKind};
use rewitness_messaging::{Backoff, Kind, ResourceId, Selector, Uid};
use tokio::time::sleep;

use super::decision::HeldParents;
use super::error::Error;
use super::followed::Followed;
use super::rules::Rules;

/// Patches under way at a time.
const AT_A_TIME: usize = 16;

/// How often all that has our finalizer is listed before that is given up for a while.
const ROUNDS: u32 = 5;

/// The pauses between two such lists.
const PAUSES: Backoff = Backoff { base: Duration::from_millis(200), cap: Duration::from_secs(5) };

/// What a release led to.
#[derive(Default)]
pub(super) struct Released {
    pub(super) count: u64,
    /// Whether deletions go on outside of the namespaces that the rule is about by now.
    pub(super) leaves_deletions: bool,
}

impl Rules {
    /// Removes our finalizer from the parents `among` these, but for `but` and for what is being deleted, which
    /// goes on (C10); from all of them if `but` is `None`. Also from deletions that the rule can no longer see,
    /// until a list shows none that has it. None is left either if the kind is served no longer.
    pub(super) async fn release(
        &self,
        kind: &Kind,
        followed: &Followed,
        among: &HeldParents,
        but: Option<&HeldParents>,
    ) -> Result<Released, Error> {
        let (mut released, finalizer) = (Released::default(), finalizer(&followed.name));
        // Not as it was a minute ago: nothing is looked for where the kind is served no longer.
        let served = self.queue.discovery().find_now(kind, None).await;
        let served = served
            .map_err(|error| Error::Release { source: Box::new(KubernetesError::Discover { error }) })?;
        let Some(kind) = served else { return Ok(released) };
        for round in 0..ROUNDS {
            let parents = self.find(&kind, &finalizer, (among, but), &mut released).await?;
            if parents.is_empty() {
                tracing::info!(cascade = %followed.name, parents = released.count, "released");
                return Ok(released);
            }
            // Who is there again, or came late, may be so because of somebody who is as quick as we are.
            if round > 0 {
                sleep(PAUSES.interval(round)).await;
            }
            let takes = parents.into_iter().map(|parent| async {
                let taken = match but {
                    // It may have been deleted since it was listed.
                    Some(_) => self.holds.remove_from_live(&parent, &finalizer).await,
                    None => self.holds.remove(&parent, &finalizer).await,
                };
                (parent, taken)
            });
            let mut taken = futures::stream::iter(takes).buffer_unordered(AT_A_TIME);
            let mut failed = None;
            // One that fails stops no other.
            while let Some((parent, taken)) = taken.next().await {
                match taken {
                    // The next list has it among the deletions.
                    Ok(Removed::Kept) => {}
                    Ok(_) => {
                        released.count += 1;
                        followed.left(parent);
                    }
                    Err(error) => failed = Some(error),
                }
            }
            if let Some(source) = failed {
                return Err(Error::Release { source: Box::new(source) });
            }
        }
        Err(Error::Contested)
    }

    async fn find(
        &self,
        kind: &ResolvedKind,
        finalizer: &str,
        (among, but): (&HeldParents, Option<&HeldParents>),
        released: &mut Released,
    ) -> Result<Vec<ResourceId>, Error> {
        let held = self.held(kind, finalizer, among, &Selector::default()).await?;
        let Some(but) = but else { return Ok(held.into_iter().map(|parent| parent.resource).collect()) };
        // What carries the finalizer was listed first, so that what comes meanwhile is kept.
        let selector = but.selector.parse().map_err(|_| Error::Remembered)?;
        let selected = self.held(kind, finalizer, but, &selector).await?;
        let kept: HashSet<Uid> = selected.into_iter().map(|parent| parent.resource.uid).collect();
        let (deleting, live): (Vec<Held>, Vec<Held>) = held.into_iter().partition(|parent| parent.deleting);
        released.leaves_deletions = deleting.iter().any(|parent| !but.covers(&parent.resource));
        let live = live.into_iter().map(|parent| parent.resource);
        Ok(live.filter(|parent| !kept.contains(&parent.uid)).collect())
    }

    async fn held(
        &self,
        kind: &ResolvedKind,
        finalizer: &str,
        parents: &HeldParents,
        selector: &Selector,
    ) -> Result<Vec<Held>, Error> {
        let everywhere = [None];
        let named: Vec<Option<&str>> = match &parents.namespaces {
            Some(names) if kind.namespaced => names.iter().map(|name| Some(&**name)).collect(),
            _ => everywhere.to_vec(),
        };
        let mut held = Vec::new();
        for namespace in named {
            let found = self.holds.list(kind, namespace, selector, finalizer).await;
            let found = found.map_err(|source| Error::Release { source: Box::new(source) })?;
            held.extend(found.held);
        }
        Ok(held)
    }
}

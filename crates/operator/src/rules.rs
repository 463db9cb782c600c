//! What all Cascades of this process share, and those that it follows.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::Api;
use rewitness_cascade::{Cascades, Rule, RuleHandle, wake_key};
use rewitness_crds::Cascade;
use rewitness_crds::cascade::Mode;
use rewitness_kubernetes::KubernetesQueue;
use rewitness_kubernetes::call::in_time;
use rewitness_kubernetes::finalizer::Holds;
use rewitness_messaging::{Delivery, Failure, Kind, Outcome, Queue, Timestamp, Uid};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

use super::counts::{Counts, Shrinks};
use super::decision::{Decision, HeldParents, is_ours};
use super::error::Error;
use super::events::EventSink;
use super::followed::Followed;
use super::own_finalizer;
use super::parents::{Counted, Parents};
use super::state::{Following, Former};
use super::status_writer::StatusWriter;

/// How long deliveries that began before an edit may go on after it.
const LAST_DELIVERIES: Duration = Duration::from_secs(60);

/// The Cascades that this process follows, and what they share.
pub(crate) struct Rules {
    pub(crate) client: kube::Client,
    pub(crate) api: Api<Cascade>,
    pub(crate) queue: KubernetesQueue,
    pub(crate) cascades: Cascades,
    pub(crate) holds: Holds,
    /// The namespaces that this operator works in, if not in all.
    pub(crate) within: Option<Arc<[String]>>,
    /// Where the Events of deletions are put.
    pub(crate) events: EventSink,
    /// How many dependents there are; `None` where not all namespaces may be watched.
    pub(crate) counts: Option<Counts>,
    /// The uninstall mark, while there is one.
    pub(crate) uninstall: watch::Receiver<Option<String>>,
    /// Held by each reconcile of a Cascade while it is under way.
    pub(crate) reconciling: Arc<()>,
    pub(crate) followed: Mutex<BTreeMap<String, Arc<Followed>>>,
    /// Who owns the tasks that write statuses.
    pub(crate) status_writers: mpsc::Sender<StatusWriter>,
}

impl Rules {
    pub(crate) fn is_uninstalling(&self) -> bool {
        self.uninstall.borrow().is_some()
    }

    fn refuse_when_uninstalling(&self) -> Result<(), Error> {
        if self.is_uninstalling() { Err(Error::Uninstalling) } else { Ok(()) }
    }

    pub(crate) fn all(&self) -> Vec<Arc<Followed>> {
        self.followed().values().cloned().collect()
    }

    fn followed(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Followed>>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The Cascade that is followed under this name, if it is this one.
    pub(super) fn followed_as(&self, name: &str, uid: &Uid) -> Option<Arc<Followed>> {
        self.followed().get(name).filter(|followed| Uid::new(&followed.uid) == *uid).cloned()
    }

    /// What is known of a Cascade that was just read; `None` if it is none of our business.
    pub(super) async fn load(&self, live: &Cascade) -> Result<Option<Arc<Followed>>, Error> {
        let name = live.metadata.name.clone().unwrap_or_default();
        let known = self.followed().get(&name).cloned();
        match known {
            Some(known) if Some(&known.uid) == live.metadata.uid.as_ref() => return Ok(Some(known)),
            // The queue tells of its end too, and what it held is let go then.
            Some(_) => return Err(Error::Former),
            None if !is_ours(live) => return Ok(None),
            None => {}
        }
        let events = self.events.of(live);
        let (within, counts) = (self.within.clone(), self.counts.clone());
        let followed = Arc::new(Followed::new(live, within, events, counts, self.queue.clone()));
        self.followed().insert(name, followed.clone());
        let writer = StatusWriter::new(followed.clone(), self.api.clone(), live.status.clone());
        // Without an owner of writers the process is ending.
        let _ = self.status_writers.send(writer).await;
        Ok(Some(followed))
    }

    /// All Cascades are looked at before their time.
    pub(super) fn recheck_all(&self) {
        self.all().iter().for_each(|followed| followed.recheck());
    }

    /// What a rule stops is stopped first of all: before its rights are looked up, and before its status says
    /// that it is suspended.
    pub(super) async fn hold_back(&self, followed: &Followed, rule: &Rule) -> Result<(), Error> {
        let following = followed.following();
        if rule.mode() == Mode::Plan {
            // One that was to be stopped before, in vain, may have deliveries under way still.
            let holds = following.is_none_or(|following| following.mode == Mode::Enforce);
            return if holds { self.stop(followed).await.map(drop) } else { Ok(()) };
        }
        if let Some(following) = following.filter(|_| !rule.deletes()) {
            following.rule.suspend();
        }
        Ok(())
    }

    /// Does what a Cascade says now.
    pub(super) async fn apply(
        &self,
        cascade: &Cascade,
        followed: &Arc<Followed>,
        decision: Decision,
    ) -> Result<(), Error> {
        match decision {
            Decision::Leave => self.leave(cascade, followed).await,
            Decision::Follow(rule) => self.follow(cascade, &rule, followed).await,
            Decision::Suspend => self.stop(followed).await.map(drop),
        }
    }

    /// Lets everything go: the parents, and then the Cascade itself.
    async fn leave(&self, cascade: &Cascade, followed: &Arc<Followed>) -> Result<(), Error> {
        let former = self.stop(followed).await?.and_then(|former| former.held);
        if let Some(parents) = former.or_else(|| HeldParents::remembered(cascade)) {
            // Of a kind that cannot be one nothing is held.
            if let Ok(api_version) = cascade.spec.parent.api_version() {
                let kind = Kind::new(api_version.group, &*cascade.spec.parent.kind);
                self.release(&kind, followed, &parents, None).await?;
            }
            self.remove_finalizer(followed).await?;
        }
        if cascade.metadata.deletion_timestamp.is_some() {
            self.forget(followed);
        }
        Ok(())
    }

    async fn follow(&self, cascade: &Cascade, rule: &Rule, followed: &Arc<Followed>) -> Result<(), Error> {
        let (mode, parents) = (rule.mode(), HeldParents::of(rule));
        if mode == Mode::Enforce && !followed.state().keeps(rule) {
            let recorded = followed.written(0, Timestamp::now()).await;
            recorded.map_err(|reason| Error::Record { reason })?;
        }
        let following = followed.following();
        let is_same = |one: &Following| one.mode == mode && one.parents == parents;
        let same = following.filter(is_same);
        let is_over = match same.as_ref().and_then(|same| same.former_parents.as_ref()) {
            Some(former) => {
                let kind = rule.parent_kind();
                !self.release(kind, followed, former, Some(&parents)).await?.leaves_deletions
            }
            None => false,
        };
        if let Some(same) = same.filter(|_| !is_over) {
            // First, so that nothing begins by the new rule with the rights for the former one.
            same.rule.set_missing_rights(followed.state().missing_rights());
            let is_other = same.rule.is_superseded();
            same.rule.set(rule.clone());
            followed.count(rule);
            if is_other {
                self.wake(followed);
            }
            return Ok(());
        }
        let former = self.stop(followed).await?.and_then(|former| former.held);
        let remembered = former.or_else(|| HeldParents::remembered(cascade));
        let mut former_parents = None;
        match (mode, remembered) {
            (Mode::Plan, Some(former)) => {
                self.release(rule.parent_kind(), followed, &former, None).await?;
                self.remove_finalizer(followed).await?;
            }
            (Mode::Plan, None) => {}
            (Mode::Enforce, former) => {
                if let Some(former) = former.filter(|former| *former != parents) {
                    let released =
                        self.release(rule.parent_kind(), followed, &former, Some(&parents)).await?;
                    former_parents = released.leaves_deletions.then_some(former);
                }
                let held = former_parents.as_ref().map(|former| parents.and_where(former));
                let held = held.as_ref().unwrap_or(&parents);
                // It took many calls to come here.
                self.refuse_when_uninstalling()?;
                let put = own_finalizer::add(&self.api, &followed.name, &followed.uid, held).await;
                if !put.map_err(|source| Error::AddFinalizer { source })? {
                    return Err(Error::NotThere);
                }
                self.refuse_when_uninstalling()?;
            }
        }
        self.subscribe(rule, followed, former_parents)
    }

    /// Ends a subscription: no delete is sent any more, no delivery is in flight, and no
    /// finalizer is being added to a parent.
    async fn stop(&self, followed: &Followed) -> Result<Option<Former>, Error> {
        let Some(former) = followed.unfollow() else { return Ok(None) };
        self.idle(&former.counted, &former.rule.current()).await?;
        Ok(Some(former))
    }

    /// Waits until nothing is under way any more of a subscription that has ended.
    async fn idle(&self, parents: &Parents, rule: &Rule) -> Result<(), Error> {
        let idle = async { tokio::join!(parents.idle(), self.queue.marked(rule.finalizer())) };
        timeout(LAST_DELIVERIES, idle).await.map(drop).map_err(|_| Error::Busy)
    }

    async fn remove_finalizer(&self, followed: &Followed) -> Result<(), Error> {
        let done = own_finalizer::remove(&self.api, &followed.name, &followed.uid).await;
        done.map_err(|source| Error::RemoveFinalizer { source })?;
        followed.state().former = None;
        Ok(())
    }

    fn subscribe(
        &self,
        rule: &Rule,
        followed: &Arc<Followed>,
        former_parents: Option<HeldParents>,
    ) -> Result<(), Error> {
        let mode = rule.mode();
        let mut subscription = rule.subscription().with_gone();
        if let Some(former) = &former_parents {
            subscription = subscription.formerly_in(former.scope());
        }
        if mode == Mode::Plan {
            subscription.hold = None;
        }
        let (handle, counted) = (RuleHandle::new(rule.clone()), Arc::<Parents>::default());
        handle.set_missing_rights(followed.state().missing_rights());
        let subscribed = match mode {
            Mode::Plan => {
                self.queue.subscribe(subscription, Counted { consumer: nothing, parents: counted.clone() })
            }
            Mode::Enforce => {
                let consumer = self.cascades.consumer(handle.clone(), followed.clone());
                self.queue.subscribe(subscription, Counted { consumer, parents: counted.clone() })
            }
        };
        let queue = match subscribed {
            Ok(queue) => queue,
            Err(
                rewitness_messaging::Error::NameTaken { .. } | rewitness_messaging::Error::HoldTaken { .. },
            ) => {
                return Err(Error::Busy);
            }
            Err(source) => return Err(Error::Subscribe { source }),
        };
        tracing::info!(cascade = %followed.name, parents = %rule.parent_kind(), ?mode, "followed");
        followed.count(rule);
        followed.follow(Following {
            handle: Arc::new(queue),
            rule: handle,
            parents: HeldParents::of(rule),
            former_parents,
            mode,
            counted,
            since: Instant::now(),
        });
        Ok(())
    }

    /// Wakes the parents that wait, because their rule has changed.
    pub(super) fn wake(&self, followed: &Followed) {
        for parent in followed.held() {
            self.queue.wake(&wake_key(&parent.uid));
        }
    }

    /// Wakes the parents that wait, whenever less refers to them: a list is worth its price then.
    pub(super) async fn wake_on(&self, mut shrinks: Shrinks) {
        loop {
            let shrunk = shrinks.next().await;
            for followed in self.all() {
                let keys = followed.concerned(&shrunk);
                keys.iter().for_each(|key| self.queue.wake(key));
            }
        }
    }

    /// A Cascade has gone, as far as the queue knows.
    pub(super) async fn gone(&self, followed: &Followed) -> Result<(), Error> {
        let live =
            in_time(self.api.get_opt(&followed.name)).await.map_err(|source| Error::Read { source })?;
        if live.is_some_and(|live| live.metadata.uid.as_ref() == Some(&followed.uid)) {
            // It is there after all, and will be delivered: until then what it holds stays held.
            self.forget(followed);
            return Ok(());
        }
        tracing::info!(cascade = %followed.name, "the Cascade has gone");
        self.abandon(followed).await
    }

    /// Lets the parents go of a Cascade that has gone without leave: somebody removed our finalizer from it.
    async fn abandon(&self, followed: &Followed) -> Result<(), Error> {
        if let Some(Former { rule, held: Some(parents), .. }) = self.stop(followed).await? {
            self.release(rule.current().parent_kind(), followed, &parents, None).await?;
        }
        self.forget(followed);
        Ok(())
    }

    /// A Cascade is followed no more. What it holds stays held.
    pub(super) fn forget(&self, followed: &Followed) {
        followed.unfollow();
        followed.change(|state| state.ended = true);
        let mut all = self.followed();
        if all.get(&followed.name).is_some_and(|known| known.uid == followed.uid) {
            all.remove(&followed.name);
        }
    }
}

/// Plan does nothing to parents.
async fn nothing(_: Delivery) -> Result<Outcome, Failure> {
    Ok(Outcome::Done)
}

#[cfg(test)]
pub(super) mod tests;

use std::time::{Duration, Instant, SystemTime};

use rewitness_messaging::ResourceId;
use tokio::sync::Mutex;

use super::dependent::LiveParent;
use super::handle::RuleHandle;
use super::load::Loader;
use super::rule::Rule;

/// How old a read of the parent may be when a delete begins.
const MAX_AGE: Duration = Duration::from_secs(5);

/// What authorises the deletes of one fan-out: a live read that showed the parent with its uid,
/// deleting, and held by the rule (C3a).
///
/// The precondition of a delete names the dependent. It does not notice that the parent was released
/// and created again meanwhile, and that the dependent now refers to the new one. So no delete begins
/// more than [`MAX_AGE`] after the parent was read: a fan-out that takes longer reads it again, and
/// stops for good when the parent no longer authorises it, or the answer takes as long. Deletes in flight
/// by then may still land.
pub(crate) struct Authority<'a> {
    pub(crate) rule: &'a Rule,
    pub(crate) parent: &'a ResourceId,
    loader: &'a Loader,
    handle: &'a RuleHandle,
    /// When the read was sent; `None` once the authority has ended.
    read: Mutex<Option<Moment>>,
}

impl<'a> Authority<'a> {
    /// By a read that was sent at `read`, and showed that the parent [`authorises`].
    pub(crate) fn new(
        loader: &'a Loader,
        handle: &'a RuleHandle,
        rule: &'a Rule,
        parent: &'a ResourceId,
        read: Moment,
    ) -> Self {
        Self { rule, parent, loader, handle, read: Mutex::new(Some(read)) }
    }

    /// Goes on by a later read.
    pub(crate) fn renew(&mut self, read: Moment) {
        *self.read.get_mut() = Some(read);
    }

    /// Whether a delete may begin now.
    pub(crate) async fn holds(&self) -> bool {
        let mut read = self.read.lock().await;
        if read.as_ref().is_some_and(|read| read.age() > MAX_AGE) {
            let sent = Moment::now();
            // If the parent cannot be read, the next round finds out why, with backoff.
            let live = self.loader.parent(&self.rule.parent, self.parent).await.ok().flatten();
            *read = live.filter(|live| authorises(live, self.parent, self.rule)).map(|_| sent);
        }
        read.as_ref().is_some_and(|read| read.age() <= MAX_AGE) && self.handle.deletes()
    }
}

/// Whether dependents may be deleted because of this parent.
pub(crate) fn authorises(live: &LiveParent, parent: &ResourceId, rule: &Rule) -> bool {
    live.id.uid == parent.uid && live.deleting.is_some() && live.is_held_by(&rule.finalizer)
}

/// A time whose age counts stops of the process and, by the second clock, sleep of the machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment(Instant, SystemTime);

impl Moment {
    pub(crate) fn now() -> Self {
        Self(Instant::now(), SystemTime::now())
    }

    /// A wall clock that was set back says nothing, so that the age is without end.
    fn age(self) -> Duration {
        self.0.elapsed().max(self.1.elapsed().unwrap_or(Duration::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c3a_a_moment_before_the_clock_was_set_is_too_old() {
        let (now, hour) = (Moment::now(), Duration::from_secs(3600));
        assert!(now.age() < MAX_AGE);
        assert!(Moment(now.0, now.1 + hour).age() > MAX_AGE, "set back by an hour");
        assert!(Moment(now.0, now.1 - hour).age() > MAX_AGE, "the machine slept");
    }
}

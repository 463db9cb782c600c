//! What lists and watches show, applied to what is known.

use std::sync::Arc;

use super::sighting::{Origin, Sighting, Via};
use super::state::Schedule;
use super::table::{Change, Index, Observation};
use super::terms::SourceId;
use crate::Uid;

impl Schedule {
    /// Whether one subscription has the kind of this source in other namespaces, too. Should the kind
    /// turn out to have no namespaces, each of them would show all of it.
    pub fn is_one_of_several(&self, id: SourceId) -> bool {
        let Some(watched) = self.watched.get(&id) else { return false };
        let of_kind = |source: &SourceId| {
            self.watched.get(source).is_some_and(|other| other.source.kind == watched.source.kind)
        };
        let attached = watched.attached.iter().filter_map(|(id, _)| self.subscribers.get(id));
        let mut sources = attached
            .map(|subscriber| subscriber.attachments.iter().filter(|one| of_kind(&one.source)).count());
        sources.any(|count| count > 1)
    }

    /// A list begins. What it does not show until [`Schedule::list_finished`] is gone.
    pub fn list_started(&mut self, id: SourceId) {
        if let Some(watched) = self.watched.get_mut(&id) {
            watched.list += 1;
            watched.table.begin_list();
        }
    }

    /// A list or a watch shows a resource.
    pub fn observe(&mut self, id: SourceId, via: Via, seen: &Observation<'_>) {
        let origin = match via {
            Via::List => Origin::List,
            Via::Watch => Origin::Watch,
        };
        self.apply_observation(id, origin, seen);
    }

    pub(super) fn apply_observation(&mut self, id: SourceId, origin: Origin, seen: &Observation<'_>) {
        let Some(watched) = self.watched.get_mut(&id) else { return };
        let table = &mut watched.table;
        let observed = match origin {
            Origin::OwnWrite => table.observe_own_write(seen),
            Origin::List | Origin::Watch => Some(table.observe(seen, watched.accept_older)),
        };
        let Some((index, change)) = observed else { return };
        let change = match (origin, change) {
            (Origin::OwnWrite, Change::Version) => Change::None,
            // A kind without generations (a ConfigMap, say) tells a change of substance from a
            // status write by nothing: every version may matter. So does any after a roll-back, which
            // takes generations back as well.
            (_, Change::Version) if seen.generation == 0 || watched.accept_older => {
                Change::Substance { labels_before: None, beyond_labels: true }
            }
            (_, change) => change,
        };
        if table.is_gone(index) {
            return;
        }
        let sighting = Sighting {
            index,
            seen,
            change: &change,
            origin,
            deleting: table.is_deleting(index),
            outdated: change == Change::Outdated,
            restored: watched.accept_older && !matches!(change, Change::None | Change::Outdated),
            exempt: (self.config.exempt_from_holds)(seen.namespace.as_deref()),
        };
        let mut holds_are_due = false;
        for (subscriber, at) in &watched.attached {
            let Some(subscriber) = self.subscribers.get_mut(subscriber) else { continue };
            let was_held = subscriber.is_held(*at, index);
            let (due, woken) = subscriber.observe(*at, &sighting);
            holds_are_due |= due;
            if was_held && subscriber.hold_to_add(*at, index).is_some() {
                self.hold_writes.contests.lost(id, index);
            }
            if let Some((key, place)) = woken {
                self.wakes.forget(&key, place);
            }
        }
        if holds_are_due && !table.is_hold_write_in_flight(index) && !table.is_hold_write_queued(index) {
            table.set_hold_write_queued(index, true);
            self.hold_writes.push(id, index, origin != Origin::List);
        }
    }

    /// A list is complete: what is known and was not in it has gone.
    pub fn list_finished(&mut self, id: SourceId) {
        let Some(watched) = self.watched.get_mut(&id) else { return };
        watched.listed = true;
        watched.accept_older = false;
        watched.failing = None;
        let (list, unseen) = (watched.list, watched.table.unseen());
        let attached = watched.attached.clone();
        unseen.into_iter().for_each(|index| self.vanished(id, index));
        for (subscriber, at) in attached {
            if let Some(subscriber) = self.subscribers.get_mut(&subscriber) {
                subscriber.list_finished(at, list);
            }
        }
    }

    /// The list that is under way shows something that cannot be read (Q11). What it may be is not
    /// taken for gone, and stays as it was known. With neither uid nor name, that is everything.
    pub fn unreadable(
        &mut self,
        id: SourceId,
        namespace: Option<&str>,
        name: Option<&str>,
        uid: Option<&str>,
    ) {
        if let Some(watched) = self.watched.get_mut(&id) {
            watched.table.unreadable(namespace, name, uid);
        }
    }

    /// A watch says that a resource has left the system of record.
    pub fn removed(&mut self, id: SourceId, uid: &str) {
        let Some(watched) = self.watched.get(&id) else { return };
        if let Some(index) = watched.table.find(&Uid::new(uid))
            && !watched.table.is_gone(index)
        {
            self.vanished(id, index);
        }
    }

    fn vanished(&mut self, id: SourceId, index: Index) {
        let Some(watched) = self.watched.get_mut(&id) else { return };
        watched.table.set_gone(index);
        for (subscriber, at) in &watched.attached {
            let Some(subscriber) = self.subscribers.get_mut(subscriber) else { continue };
            if let Some((key, place)) = subscriber.vanished(*at, index) {
                self.wakes.forget(&key, place);
            }
        }
        self.hold_writes.forget(id, index);
        self.forget_if_unowed(id, index);
    }

    /// Forgets a resource that has gone, unless somebody is still to be told, or still at work.
    pub(super) fn forget_if_unowed(&mut self, id: SourceId, index: Index) {
        let Some(watched) = self.watched.get_mut(&id) else { return };
        let owed = watched.attached.iter().any(|(subscriber, at)| {
            self.subscribers.get(subscriber).is_some_and(|subscriber| subscriber.is_owed(*at, index))
        });
        if !owed && watched.table.is_gone(index) {
            for (subscriber, at) in &watched.attached {
                if let Some(subscriber) = self.subscribers.get_mut(subscriber) {
                    subscriber.forget(*at, index);
                }
            }
            watched.table.forget(index);
        }
    }

    /// A source fails; shown until a list is complete or it has recovered.
    pub fn failing(&mut self, id: SourceId, reason: Arc<str>) {
        if let Some(watched) = self.watched.get_mut(&id) {
            watched.failing = Some(reason);
        }
    }

    /// A source works again.
    pub fn recovered(&mut self, id: SourceId) {
        if let Some(watched) = self.watched.get_mut(&id) {
            watched.failing = None;
        }
    }

    /// A source's versions moved backwards (Q12). Until its next list is complete, what looks older
    /// than what is known counts as newer.
    pub fn rolled_back(&mut self, id: SourceId) {
        if let Some(watched) = self.watched.get_mut(&id) {
            watched.rollbacks += 1;
            watched.accept_older = true;
        }
    }

    /// How many resources of a source cannot be read at present (Q11).
    pub fn poisoned(&mut self, id: SourceId, count: u64) {
        if let Some(watched) = self.watched.get_mut(&id) {
            watched.poisoned = count;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::schedule::{Admitted, ScheduleConfig, SourceChange, Work};
    use crate::{Hold, Kind, Scope, Subscription, Timestamp, Version};

    fn web(version: u64, app: &'static str) -> Observation<'static> {
        Observation {
            name: "web".into(),
            uid: "web".into(),
            version: Version(version),
            labels: vec![("app".into(), app.into())],
            holds: vec!["one".into(), "two".into()],
            ..Observation::default()
        }
    }

    /// The second subscription begins during a list whose pages are older than what is known.
    #[test]
    fn q06_by_the_labels_of_an_older_version_no_hold_is_taken_off() {
        let (mut schedule, now) = (Schedule::new(ScheduleConfig::default()), Instant::now());
        let wants = |name: &'static str| {
            let all = Subscription::new(name, [Kind::new("", "Node")]);
            all.matching("app=web".parse().unwrap()).holding(Hold::new(name))
        };
        let (_, changes) = schedule.subscribe(wants("one")).unwrap();
        let [SourceChange::Open { id, .. }] = changes[..] else { panic!("{changes:?}") };
        schedule.list_started(id);
        schedule.observe(id, Via::List, &web(5, "web"));
        schedule.list_finished(id);
        schedule.subscribe(wants("two")).unwrap();
        schedule.list_started(id);
        schedule.observe(id, Via::List, &web(4, "other"));
        assert!(schedule.next_hold_write(now).is_none(), "it is known to match");

        schedule.observe(id, Via::Watch, &web(6, "other"));
        let relief = schedule.next_hold_write(now).unwrap();
        assert_eq!((relief.remove.len(), relief.version), (2, Version(6)));
    }

    #[test]
    fn q06_a_narrower_scope_releases_live_resources_alone_and_their_deletions_are_delivered() {
        let (mut schedule, now) = (Schedule::new(ScheduleConfig::default()), Instant::now());
        let wants = Subscription::new("one", [Kind::new("", "Pod")]).holding(Hold::new("one"));
        let wants = wants.in_namespaces(["a"]).formerly_in(Scope::All);
        let (_, changes) = schedule.subscribe(wants).unwrap();
        let [SourceChange::Open { id, .. }] = changes[..] else { panic!("{changes:?}") };
        schedule.list_started(id);
        for (name, namespace, deleting) in [("in", "a", false), ("live", "b", false), ("going", "b", true)] {
            let mut seen = web(5, "web");
            (seen.name, seen.uid, seen.namespace) = (name.into(), name.into(), Some(namespace.into()));
            seen.holds = vec!["one".into()];
            seen.deletion_timestamp = deleting.then_some(Timestamp::UNIX_EPOCH);
            schedule.observe(id, Via::List, &seen);
        }
        schedule.list_finished(id);
        let relief = schedule.next_hold_write(now).unwrap();
        assert_eq!((&*relief.resource.name, relief.remove.len()), ("live", 1));
        assert!(schedule.next_hold_write(now).is_none());
        let name = |admitted: Admitted| match admitted.work {
            Work::Deliver(delivery) => delivery.envelope.resource.name.to_string(),
            Work::Listed(_) => "listed".to_owned(),
        };
        let names: Vec<String> = std::iter::from_fn(|| schedule.admit(now)).map(name).collect();
        assert_eq!(names, ["going", "in"]);
    }
}

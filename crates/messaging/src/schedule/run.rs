//! The beginning and the end of a run.

use super::state::Schedule;
use super::table::Index;
use super::terms::SourceChange;
use super::wakes::Wakes;

impl Schedule {
    /// A run begins (Q1): every list is to be made again, and everything is to be delivered again.
    /// What was in flight is forgotten. Every source there is counts as just opened.
    pub fn start(&mut self) -> Vec<SourceChange> {
        self.run += 1;
        self.in_flight = 0;
        self.leaving.clear();
        self.draining = false;
        self.timers.clear();
        self.wakes = Wakes::default();
        self.hold_writes.clear();
        for watched in self.watched.values_mut() {
            watched.listed = false;
            watched.failing = None;
            // While nothing ran, the system of record may have been restored from a backup. The first
            // list of a run is consistent, and is believed.
            watched.accept_older = true;
            let indexes: Vec<Index> = watched.table.indexes().collect();
            for index in indexes {
                watched.table.set_hold_write_queued(index, false);
                watched.table.set_hold_write_in_flight(index, false);
            }
        }
        for subscriber in self.subscribers.values_mut() {
            subscriber.restart(|source| &self.watched[&source].table);
        }
        let mut open: Vec<SourceChange> =
            self.watched.iter().map(|(id, watched)| watched.open(*id)).collect();
        open.sort_by_key(|change| match change {
            SourceChange::Open { id, .. } | SourceChange::Relist { id } | SourceChange::Close { id } => *id,
        });
        open
    }

    /// From now on nothing is admitted, and no hold is written (Q10).
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// How many admissions have not been answered.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// A run has ended. What was in flight is so no more, and its answers are ignored: nothing was
    /// witnessed, so the next run delivers it again (Q10).
    pub fn stop(&mut self) {
        self.run += 1;
        self.in_flight = 0;
        self.leaving.clear();
        self.draining = true;
        for subscriber in self.subscribers.values_mut() {
            subscriber.running = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::schedule::{Answer, ScheduleConfig};
    use crate::{Kind, Subscription};

    fn sources(changes: &[SourceChange]) -> Vec<crate::schedule::SourceId> {
        let opened = changes.iter().filter_map(|change| match change {
            SourceChange::Open { id, .. } => Some(*id),
            _ => None,
        });
        opened.collect()
    }

    #[test]
    fn after_the_end_of_a_run_nothing_is_in_flight_and_late_answers_say_nothing() {
        let (mut schedule, now) = (Schedule::new(ScheduleConfig::default()), Instant::now());
        let wants = Subscription::new("one", [Kind::new("", "Node")]).with_listed();
        let (id, changes) = schedule.subscribe(wants.clone()).unwrap();
        schedule.start();
        for source in sources(&changes) {
            schedule.list_started(source);
            schedule.list_finished(source);
        }
        let marker = schedule.admit(now).unwrap();
        assert_eq!((schedule.in_flight(), schedule.progress(id).in_flight), (1, 1));

        schedule.stop();
        assert_eq!((schedule.in_flight(), schedule.progress(id).in_flight), (0, 0));
        schedule.answer(marker.ticket, Answer::Done { released: false }, now);
        assert_eq!((schedule.in_flight(), schedule.progress(id).in_flight), (0, 0));
        assert!(schedule.admit(now).is_none(), "nothing begins between two runs");
        schedule.unsubscribe(id);
        assert!(schedule.subscribe(wants).is_ok(), "and nobody is waited for");
    }

    #[test]
    fn a_source_is_one_of_several_as_long_as_a_subscription_has_them() {
        let mut schedule = Schedule::new(ScheduleConfig::default());
        let (node, pod) = (Kind::new("", "Node"), Kind::new("", "Pod"));
        let wants = |name: &str| Subscription::new(name, [node.clone(), pod.clone()]);
        let (_, one) = schedule.subscribe(wants("one").in_namespaces(["a"])).unwrap();
        let one = sources(&one);
        assert!(one.iter().all(|id| !schedule.is_one_of_several(*id)), "two kinds are not two namespaces");
        let (both, more) = schedule.subscribe(wants("both").in_namespaces(["a", "b"])).unwrap();
        let all: Vec<_> = one.iter().copied().chain(sources(&more)).collect();
        assert_eq!(all.len(), 4, "those in `a` are shared");
        assert!(all.iter().all(|id| schedule.is_one_of_several(*id)));
        schedule.unsubscribe(both);
        assert!(all.iter().all(|id| !schedule.is_one_of_several(*id)));
    }
}

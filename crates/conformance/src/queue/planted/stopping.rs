//! Bugs against Q10 and Q13.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use rewitness_messaging::{Delivery, Error, Failure, Pause, State, Stopped};

use super::catalogue;
use super::field::{Answering, Recipient, lock};
use super::plant::{Plant, swallowed};
use crate::Result;
use crate::queue::world::YEAR;

catalogue! {
    Q10 StopsLate => q10_a_stop_lets_what_is_in_flight_finish_and_starts_nothing, q10_an_idle_queue_stops_at_once,
        q10_a_stop_does_not_wait_for_what_cannot_be_reached;
    Q10 Grace(Duration::ZERO) => q10_a_stop_lets_what_is_in_flight_finish_and_starts_nothing,
        q10_what_is_done_within_the_grace_period_counts;
    Q10 Grace(YEAR) => q10_the_grace_period_is_the_limit_and_what_is_cut_off_comes_again;
    Q10 HidesWhatItCutsOff => q10_the_grace_period_is_the_limit_and_what_is_cut_off_comes_again;
    Q10 RunsTwiceAtATime => q10_it_does_not_run_twice_at_a_time;
    Q10 LivesOnWhenKilled => q10_a_killed_queue_does_nothing_more;
    Q13 KnowsNoPause => q13_live_work_waits_while_deletions_go_on, q13_deletions_wait_while_live_work_goes_on,
        q13_a_held_deletion_waits_with_its_hold, q13_a_pause_before_the_start_holds_the_replay_back,
        q13_retries_and_requeues_wait_too,
        q13_what_was_in_flight_finishes_and_what_became_a_deletion_waits;
    Q13 PausesEverything => q13_live_work_waits_while_deletions_go_on, q13_deletions_wait_while_live_work_goes_on;
    Q13 LosesWhatIsPaused::default() => q13_live_work_waits_while_deletions_go_on,
        q13_deletions_wait_while_live_work_goes_on, q13_a_held_deletion_waits_with_its_hold,
        q13_a_pause_before_the_start_holds_the_replay_back;
    Q13 NeverResumes => q13_live_work_waits_while_deletions_go_on, q13_deletions_wait_while_live_work_goes_on,
        q13_retries_and_requeues_wait_too;
}

struct StopsLate;

impl Plant for StopsLate {
    fn stop(&self, asked: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
        async move {
            asked.await;
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        .boxed()
    }
}

struct Grace(Duration);

impl Plant for Grace {
    fn grace(&self, _asked: Duration) -> Duration {
        self.0
    }
}

struct HidesWhatItCutsOff;

impl Plant for HidesWhatItCutsOff {
    fn ended(&self, how: Result<Stopped, Error>) -> Result<Stopped, Error> {
        how.map(|_| Stopped { cut_off: 0 })
    }
}

struct RunsTwiceAtATime;

impl Plant for RunsTwiceAtATime {
    fn ended(&self, how: Result<Stopped, Error>) -> Result<Stopped, Error> {
        how.or(Ok(Stopped { cut_off: 0 }))
    }
}

/// As a task that nobody owns does.
struct LivesOnWhenKilled;

impl Plant for LivesOnWhenKilled {
    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        async move {
            let this = to.field.recipients().into_iter().find(|one| one.spec.name == to.spec.name);
            let this: Arc<Recipient> = this.ok_or_else(|| Failure::backoff("it is not there yet"))?;
            let task = tokio::runtime::Handle::current().spawn(async move { this.hand(delivery).await });
            task.await?
        }
        .boxed()
    }
}

struct KnowsNoPause;

impl Plant for KnowsNoPause {
    fn pause(&self, _asked: Pause) -> Pause {
        Pause::default()
    }
}

struct PausesEverything;

impl Plant for PausesEverything {
    fn pause(&self, asked: Pause) -> Pause {
        let anything = asked.live || asked.deletions;
        Pause { live: anything, deletions: anything }
    }
}

#[derive(Default)]
struct LosesWhatIsPaused(Mutex<Pause>);

impl Plant for LosesWhatIsPaused {
    fn pause(&self, asked: Pause) -> Pause {
        *lock(&self.0) = asked;
        Pause::default()
    }

    fn deliver<'a>(&'a self, to: &'a Recipient, delivery: Delivery) -> Answering<'a> {
        let paused = *lock(&self.0);
        let is_lost = if delivery.state == State::Live { paused.live } else { paused.deletions };
        if is_lost { swallowed() } else { to.hand(delivery) }
    }
}

struct NeverResumes;

impl Plant for NeverResumes {
    fn pause(&self, asked: Pause) -> Pause {
        let nothing = !asked.live && !asked.deletions;
        Pause { live: asked.live || nothing, deletions: asked.deletions || nothing }
    }
}

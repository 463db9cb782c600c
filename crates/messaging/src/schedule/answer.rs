//! What follows from a consumer's answer.

use std::time::{Duration, Instant};

use super::attachment::{Active, InFlight, News, Phase, Wait};
use super::backoff::Jitter;
use super::cell::{HELD, MATCHED, RELEASED, REPLAY, WAS_HELD};
use super::state::Schedule;
use super::subscriber::state;
use super::terms::{Answer, Due, MARKER, Place, SourceId, SubscriberId, Ticket};
use crate::{Backoff, Cause, Retry, State, WakeKey};

/// What is next for a resource whose delivery was answered.
#[derive(Debug, PartialEq)]
enum Next {
    /// Nothing, until something happens.
    Settled,
    /// Due at once, as a change.
    Changed,
    /// It has gone meanwhile.
    Gone,
    /// It has left the selector meanwhile.
    Unmatched,
    /// It comes back.
    Again(Again),
}

#[derive(Debug, PartialEq)]
struct Again {
    cause: Cause,
    attempt: u32,
    failed: bool,
    /// How long; `None` is until something changes.
    wait: Option<Duration>,
    key: Option<WakeKey>,
}

/// What an answer means, for a resource that is still there and wanted.
fn next(answer: Answer, in_flight: InFlight, attempt: u32, backoff: Backoff, jitter: &mut Jitter) -> Next {
    let failed = |wait| {
        Next::Again(Again {
            cause: Cause::Retry,
            attempt: attempt.saturating_add(1),
            failed: true,
            wait,
            key: None,
        })
    };
    match answer {
        Answer::Done { .. } if in_flight.news == News::None => Next::Settled,
        Answer::Done { .. } | Answer::Changed => Next::Changed,
        _ if in_flight.news == News::Major => Next::Changed,
        Answer::RequeueAfter { after, wake } => Next::Again(Again {
            cause: Cause::Requeue,
            attempt: 1,
            failed: false,
            wait: Some(after),
            key: wake,
        }),
        Answer::Failed(Retry::Backoff) => failed(Some(jitter.full_jitter(backoff.interval(attempt)))),
        Answer::Failed(Retry::After(after)) => failed(Some(after)),
        // A deletion is never parked for good: that would hold the resource for ever.
        Answer::Failed(Retry::Never) => failed((in_flight.state != State::Live).then_some(backoff.cap)),
    }
}

impl Schedule {
    /// Takes in the answer to an admission.
    pub fn answer(&mut self, ticket: Ticket, answer: Answer, now: Instant) {
        if ticket.run != self.run {
            return;
        }
        self.in_flight -= 1;
        let place = ticket.place;
        self.leave(place.subscriber);
        if place.index == MARKER {
            return self.marker_answered(place, &answer, now);
        }
        let Place { at, index, .. } = place;
        let Some(subscriber) = self.subscribers.get_mut(&place.subscriber) else { return };
        let Some(Active { phase: Phase::InFlight(in_flight), attempt, .. }) = subscriber.land(at, index)
        else {
            return;
        };
        let source = subscriber.attachments[usize::from(at)].source;
        let gone = state(&self.watched[&source].table, index) == State::Gone;
        let backoff = subscriber.spec.backoff;
        let cell = subscriber.cell_mut(at, index);
        if answer == (Answer::Done { released: true }) {
            cell.set(RELEASED);
            cell.clear(HELD);
            cell.clear(WAS_HELD);
        }
        let next = match () {
            () if gone && in_flight.state != State::Gone => Next::Gone,
            () if !cell.has(MATCHED) => Next::Unmatched,
            () if cell.has(RELEASED) => Next::Settled,
            () => next(answer, in_flight, attempt, backoff, &mut self.jitter),
        };
        self.follow(place, source, next, in_flight, now);
        self.forget_if_unowed(source, index);
    }

    /// Counts an answer for a subscription that has ended.
    fn leave(&mut self, id: SubscriberId) {
        if let Some(leaving) = self.leaving.get_mut(&id) {
            leaving.running -= 1;
            if leaving.running == 0 {
                self.leaving.remove(&id);
            }
        }
    }

    fn follow(&mut self, place: Place, source: SourceId, next: Next, in_flight: InFlight, now: Instant) {
        let Place { at, index, .. } = place;
        let Some(subscriber) = self.subscribers.get_mut(&place.subscriber) else { return };
        let Some(watched) = self.watched.get_mut(&source) else { return };
        let table = &mut watched.table;
        match next {
            // Told for good; others may still have to be.
            Next::Settled if in_flight.state == State::Gone => subscriber.forget(at, index),
            Next::Settled => subscriber.cell_mut(at, index).clear(REPLAY),
            Next::Gone => subscriber.tell_gone(at, index),
            Next::Changed => {
                subscriber.cell_mut(at, index).clear(REPLAY);
                subscriber.enqueue(at, index, table.is_deleting(index));
            }
            Next::Unmatched => {
                // Its hold could not be removed while its consumer was at work.
                let relieve = subscriber.hold_to_remove(at, index).is_some();
                if relieve && !table.is_hold_write_queued(index) && !table.is_hold_write_in_flight(index) {
                    table.set_hold_write_queued(index, true);
                    self.hold_writes.push(source, index, true);
                }
            }
            Next::Again(again) => return self.come_back(place, source, again, in_flight, now),
        }
        subscriber.settle_progress(at);
    }

    fn come_back(&mut self, place: Place, source: SourceId, again: Again, in_flight: InFlight, now: Instant) {
        let Again { cause, attempt, failed, wait, key } = again;
        let Some(subscriber) = self.subscribers.get_mut(&place.subscriber) else { return };
        let woken = key.as_ref().is_some_and(|key| self.wakes.woken_since(key, in_flight.since_wake));
        if woken {
            let active = Active { phase: Phase::Ready, attempt, cause, failed };
            subscriber.activate(place.at, place.index, active);
            let live = state(&self.watched[&source].table, place.index) == State::Live;
            subscriber.enqueue(place.at, place.index, !live);
        } else {
            // A wait so long that no clock reaches its end is one until something changes.
            let until = wait.and_then(|wait| now.checked_add(wait));
            if let Some(key) = &key {
                self.wakes.wait(key.clone(), place);
            }
            if let Some(until) = until {
                self.timers.set(until, Due::Delivery(place));
            }
            let phase = Phase::Waiting(Wait { until, key });
            subscriber.activate(place.at, place.index, Active { phase, attempt, cause, failed });
        }
        subscriber.settle_progress(place.at);
    }

    fn marker_answered(&mut self, place: Place, answer: &Answer, now: Instant) {
        let Some(subscriber) = self.subscribers.get_mut(&place.subscriber) else { return };
        let failures = subscriber.marker_answered(place.at, matches!(answer, Answer::Done { .. }));
        if failures > 0 {
            let wait = self.jitter.full_jitter(subscriber.spec.backoff.interval(failures));
            self.timers.set(now + wait, Due::Delivery(place));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIVE: InFlight = InFlight { state: State::Live, news: News::None, since_wake: 0 };

    fn after(answer: Answer, in_flight: InFlight) -> Next {
        next(answer, in_flight, 3, Backoff::default(), &mut Jitter::new(1))
    }

    #[test]
    fn what_happened_meanwhile_is_delivered_after_success_and_overrules_failure_only_if_it_matters() {
        let done = Answer::Done { released: false };
        let failed = Answer::Failed(Retry::After(Duration::from_secs(9)));
        for (news, after_done, failure_stands) in [
            (News::None, Next::Settled, true),
            (News::Minor, Next::Changed, true),
            (News::Major, Next::Changed, false),
        ] {
            let in_flight = InFlight { news, ..LIVE };
            assert_eq!(after(done.clone(), in_flight), after_done);
            assert_eq!(after(failed.clone(), in_flight) != Next::Changed, failure_stands, "{news:?}");
        }
    }

    #[test]
    fn a_failure_counts_an_attempt_and_a_requeue_starts_over() {
        let Next::Again(again) = after(Answer::Failed(Retry::Backoff), LIVE) else { panic!() };
        assert_eq!((again.attempt, again.failed, again.cause), (4, true, Cause::Retry));
        let requeue = Answer::RequeueAfter { after: Duration::from_secs(1), wake: None };
        let Next::Again(again) = after(requeue, LIVE) else { panic!() };
        assert_eq!((again.attempt, again.failed, again.cause), (1, false, Cause::Requeue));
    }

    #[test]
    fn a_deletion_that_never_can_be_done_is_retried_at_the_longest_interval() {
        let never = Answer::Failed(Retry::Never);
        let Next::Again(live) = after(never.clone(), LIVE) else { panic!() };
        assert_eq!(live.wait, None);
        for state in [State::Deleting, State::Gone] {
            let Next::Again(again) = after(never.clone(), InFlight { state, ..LIVE }) else { panic!() };
            assert_eq!(again.wait, Some(Duration::from_secs(300)));
        }
    }
}

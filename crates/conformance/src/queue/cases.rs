//! The cases: one or more per promise, each named after what it shows.

mod q01_replay;
mod q02_requeue;
mod q02_retry;
mod q03_routing;
mod q04_one_at_a_time;
mod q05_isolation;
mod q06_holds;
mod q06_relief;
mod q07_identity;
mod q08_fairness;
mod q09_progress;
mod q10_stopping;
mod q11_poison;
mod q12_survival;
mod q13_pause;
mod q14_gone;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use rewitness_messaging::{
    Backoff, Cause, Delivery, Error, Hold, HoldState, Kind, Listed, Pause, Progress, Queue, ResourceId,
    Scope, SourceState, State, Subscription, Version,
};
use tokio::time::Instant;

use crate::failed::ensure;
use crate::queue::driver::{Draft, Driver, Fault, Seen};
use crate::queue::process::Process;
use crate::queue::witness::{Gate, Handing, MARKER, Record, Reply, Witness};
use crate::queue::world::{FOREIGN, World, YEAR, hold};
use crate::{Failed, Result};

/// One case.
pub(crate) struct Case<D> {
    pub(crate) name: &'static str,
    pub(crate) run: fn(World<D>) -> LocalBoxFuture<'static, Result>,
}

/// Calls a macro with the names of all cases, after what is given.
#[doc(hidden)]
#[macro_export]
macro_rules! for_every_queue_case {
    ($($callback:ident)::+ ! [$($given:tt)*]) => {
        $($callback)::+! { [$($given)*]
            q1_what_is_active_at_the_start_is_replayed_to_every_consumer,
            q1_a_resource_that_is_being_deleted_is_replayed_too,
            q1_every_start_replays_everything_again,
            q1_a_queue_that_is_run_again_replays_everything_again,
            q1_a_subscription_that_begins_while_running_is_replayed,
            q1_a_later_subscription_is_given_what_it_alone_asks_for,
            q1_the_same_name_in_two_namespaces_and_kinds_is_four_resources,
            q1_everywhere_means_every_namespace,
            q1_what_is_outside_of_the_scope_or_the_selector_is_not_delivered,
            q1_deliveries_begin_before_the_list_ends,
            q1_a_kill_during_the_replay_is_made_good_by_the_next_start,
            q1_what_is_replayed_is_the_newest_state,
            q2_a_failure_comes_again_until_it_is_done_and_then_no_more,
            q2_backoff_doubles_with_full_jitter_up_to_its_cap,
            q2_success_resets_the_attempts_and_the_backoff,
            q2_a_status_write_does_not_shorten_the_backoff,
            q2_a_status_write_does_not_reset_the_attempts,
            q2_a_new_list_neither_shortens_the_backoff_nor_resets_the_attempts,
            q2_a_change_ends_the_backoff_and_resets_the_attempts,
            q2_a_label_counts_as_a_change_if_it_was_asked_for,
            q2_a_deletion_ends_the_backoff,
            q2_backoff_is_per_resource_and_consumer,
            q2_a_retry_after_is_kept,
            q2_never_parks_a_live_resource_until_it_changes,
            q2_never_does_not_park_a_deletion,
            q2_a_hold_that_is_put_on_again_does_not_shorten_the_backoff,
            q2_a_change_that_comes_with_a_lost_hold_is_not_lost,
            q2_a_requeue_comes_back_in_time_and_counts_as_no_attempt,
            q2_a_requeue_waits_for_its_time,
            q2_a_change_ends_the_wait_of_a_requeue,
            q2_a_wake_reaches_all_who_wait_for_its_key_and_nobody_else,
            q2_a_wake_during_the_delivery_is_not_lost,
            q2_a_wake_from_before_the_delivery_is_over,
            q2_a_resource_that_is_redelivered_comes_again_to_that_consumer_alone,
            q2_what_backs_off_is_not_redelivered_sooner,
            q3_the_deletion_timestamp_decides,
            q3_what_is_being_deleted_is_never_live_again,
            q3_a_deletion_overtakes_what_waits,
            q3_a_deletion_during_a_live_delivery_comes_next,
            q3_a_roll_back_makes_no_deletion_undone,
            q4_what_happens_meanwhile_is_one_more_delivery_of_the_newest_state,
            q4_a_status_write_meanwhile_is_one_more_delivery_at_most,
            q4_a_change_during_a_failure_is_one_more_delivery_and_no_retry,
            q4_a_deletion_meanwhile_is_the_one_more_delivery,
            q4_different_resources_go_in_parallel,
            q4_the_concurrency_is_a_bound,
            q4_retries_and_changes_never_overlap,
            q5_a_slow_consumer_delays_nobody,
            q5_two_consumers_have_the_same_resource_at_once,
            q5_a_failing_consumer_makes_no_other_run_again,
            q5_a_consumer_that_always_fails_keeps_nothing_from_the_rest,
            q5_a_panic_is_a_failure_like_any_other,
            q5_the_end_of_one_subscription_leaves_the_others_alone,
            q6_the_hold_is_on_before_the_first_live_delivery,
            q6_a_later_subscription_holds_what_is_there,
            q6_a_deletion_while_nothing_ran_is_delivered,
            q6_a_deletion_that_a_killed_queue_had_begun_is_begun_again,
            q6_the_hold_stays_until_the_deletion_is_done,
            q6_done_with_the_live_state_releases_nothing,
            q6_done_at_a_version_counts_only_at_that_version,
            q6_the_consumer_hears_that_its_hold_is_off,
            q6_one_consumers_failure_keeps_its_own_hold_alone,
            q6_it_goes_when_every_consumer_is_done,
            q6_what_is_first_seen_deleting_is_not_held_and_is_told_so,
            q6_other_holds_are_left_alone,
            q6_a_hold_that_a_foreign_hand_takes_off_is_put_on_again,
            q6_a_hold_that_is_taken_off_again_and_again_is_put_on_with_growing_pauses,
            q6_a_delivery_whose_hold_is_lost_before_its_turn_waits_for_it,
            q6_a_deletion_that_is_forced_is_counted_as_lost,
            q6_what_leaves_the_selector_is_relieved_of_the_hold,
            q6_what_comes_back_into_the_selector_is_held_again,
            q6_what_is_outside_of_the_selector_at_the_start_is_relieved_too,
            q6_a_deletion_that_left_the_selector_while_nothing_ran_is_delivered,
            q6_a_deletion_in_a_former_scope_is_delivered,
            q6_an_ended_subscription_leaves_its_holds_for_the_next,
            q6_a_consumer_of_deletions_alone_does_not_wait_for_its_hold,
            q6_nothing_is_written_to_a_resource_that_nobody_holds,
            q6_names_and_holds_belong_to_one_subscription,
            q6_a_hold_is_refused_where_it_cannot_be_kept,
            q7_a_resource_recreated_while_nothing_ran_is_another,
            q7_a_resource_recreated_during_a_delivery_is_another,
            q7_a_resource_recreated_while_its_former_failed_starts_afresh,
            q7_what_waited_for_the_former_does_not_wake_its_successor,
            q7_a_release_meant_for_the_former_does_not_free_its_successor,
            q7_a_resource_recreated_while_disconnected_is_another,
            q7_a_resource_recreated_between_two_lists_is_another,
            q8_deletions_go_before_changes_and_those_before_replay,
            q8_every_lane_has_one_delivery_in_four_while_it_has_any,
            q8_a_backlog_delays_no_other_consumer,
            q9_replayed_waits_until_everything_was_answered_once,
            q9_any_number_of_waiters_is_woken,
            q9_an_answer_counts_whatever_it_is,
            q9_where_nothing_is_the_replay_is_complete,
            q9_what_goes_before_it_was_delivered_is_not_waited_for,
            q9_a_source_shows_that_it_is_synced,
            q9_the_marker_comes_after_everything_that_was_listed,
            q9_the_marker_waits_for_the_last_answer,
            q9_the_marker_waits_for_what_waits_for_its_hold,
            q9_a_marker_whose_consumer_failed_comes_again,
            q9_a_later_subscription_has_its_own_marker,
            q10_a_stop_lets_what_is_in_flight_finish_and_starts_nothing,
            q10_what_is_done_within_the_grace_period_counts,
            q10_the_grace_period_is_the_limit_and_what_is_cut_off_comes_again,
            q10_what_was_unfinished_comes_again,
            q10_a_killed_queue_does_nothing_more,
            q10_it_does_not_run_twice_at_a_time,
            q10_an_idle_queue_stops_at_once,
            q10_a_stop_does_not_wait_for_what_cannot_be_reached,
            q11_an_unreadable_resource_stops_itself_alone,
            q11_a_resource_that_becomes_unreadable_stops_itself_alone,
            q11_an_unreadable_resource_is_not_gone,
            q11_a_resource_that_is_mended_is_delivered,
            q12_a_broken_connection_is_resumed,
            q12_an_expired_version_leads_to_a_new_list,
            q12_an_overload_at_the_start_is_waited_out,
            q12_an_overload_delays_holds_and_loses_none,
            q12_an_outage_is_shown_and_survived,
            q12_an_outage_at_the_start_is_waited_out,
            q12_an_outage_during_a_release_loses_nothing,
            q12_an_outage_in_the_middle_of_a_list_is_survived,
            q12_a_version_that_moved_backwards_is_noticed,
            q12_a_roll_back_brings_back_what_had_gone,
            q13_live_work_waits_while_deletions_go_on,
            q13_deletions_wait_while_live_work_goes_on,
            q13_a_held_deletion_waits_with_its_hold,
            q13_a_pause_before_the_start_holds_the_replay_back,
            q13_retries_and_requeues_wait_too,
            q13_what_was_in_flight_finishes_and_what_became_a_deletion_waits,
            q14_what_has_left_is_told_once_to_those_who_ask,
            q14_gone_is_never_routed_as_anything_else,
            q14_gone_waits_for_the_delivery_in_flight,
            q14_gone_ends_every_wait,
            q14_a_new_list_that_lacks_it_is_a_gone,
            q14_what_left_between_two_runs_of_a_queue_is_told,
            q14_whose_own_done_released_it_is_not_told,
            q14_whose_hold_was_taken_by_force_is_told,
            q14_gone_comes_again_until_it_is_done,
            q14_a_recreated_resource_is_live_and_its_former_gone,
            q14_leaving_the_selector_is_not_leaving
        }
    };
}

macro_rules! registry {
    ([$($module:ident)*] $($name:ident),* $(,)?) => {
        /// All cases, in the order of the promises.
        pub(crate) fn all<D: Driver>() -> Vec<Case<D>> {
            $(use self::$module::*;)*
            vec![$(Case { name: stringify!($name), run: |world| $name(world).boxed_local() }),*]
        }
    };
}
for_every_queue_case!(registry![
    q01_replay
    q02_retry
    q02_requeue
    q03_routing
    q04_one_at_a_time
    q05_isolation
    q06_holds
    q06_relief
    q07_identity
    q08_fairness
    q09_progress
    q10_stopping
    q11_poison
    q12_survival
    q13_pause
    q14_gone
]);

/// Failures that come back soon.
const SHORT: Backoff = Backoff { base: Duration::from_millis(10), cap: Duration::from_millis(50) };

/// Failures that do not come back by themselves within a case.
const ENDLESS: Backoff = Backoff { base: YEAR, cap: YEAR };

/// A timer is never early; tokio's counts in milliseconds.
const ROUNDING: Duration = Duration::from_millis(2);

/// Why, and the how many-th try, each delivery of a resource was.
fn tries(record: &Record, resource: &ResourceId) -> Vec<(Cause, u32)> {
    record.of(resource).map(|handing| (handing.delivery.cause, handing.delivery.attempt)).collect()
}

/// The times from the end of each delivery of a resource to the beginning of the next.
fn waits(record: &Record, resource: &ResourceId) -> Vec<Duration> {
    let ends = record.of(resource).filter_map(|handing| handing.ended.map(|(at, _)| at));
    let begins = record.of(resource).skip(1).map(|handing| handing.began);
    begins.zip(ends).map(|(began, ended)| began.saturating_duration_since(ended)).collect()
}

/// A case that does not apply, as [`Driver::leaves_out`](super::Driver::leaves_out) declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its name.
    pub case: &'static str,
    /// Why it does not apply, or where it is run instead.
    pub reason: &'static str,
}

macro_rules! left_out {
    ($(#[$doc:meta])+ $name:ident, $reason:literal, [$($case:ident),* $(,)?]) => {
        $(#[$doc])+
        pub const $name: &[LeftOut] = &[$(LeftOut { case: stringify!($case), reason: $reason }),*];
    };
}

left_out! {
    /// What a driver leaves out whose backend holds no deletion, and whose resources therefore are gone as soon as
    /// they are deleted.
    WITHOUT_HOLDS, "it needs a deletion that is held", [
    q1_a_resource_that_is_being_deleted_is_replayed_too,
    q2_a_deletion_ends_the_backoff,
    q2_never_does_not_park_a_deletion,
    q2_a_hold_that_is_put_on_again_does_not_shorten_the_backoff,
    q2_a_change_that_comes_with_a_lost_hold_is_not_lost,
    q3_the_deletion_timestamp_decides,
    q3_what_is_being_deleted_is_never_live_again,
    q3_a_deletion_overtakes_what_waits,
    q3_a_deletion_during_a_live_delivery_comes_next,
    q3_a_roll_back_makes_no_deletion_undone,
    q4_a_deletion_meanwhile_is_the_one_more_delivery,
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
    q6_names_and_holds_belong_to_one_subscription,
    q7_a_release_meant_for_the_former_does_not_free_its_successor,
    q8_deletions_go_before_changes_and_those_before_replay,
    q8_every_lane_has_one_delivery_in_four_while_it_has_any,
    q9_the_marker_waits_for_what_waits_for_its_hold,
    q10_what_is_done_within_the_grace_period_counts,
    q12_an_overload_delays_holds_and_loses_none,
    q12_an_outage_during_a_release_loses_nothing,
    q13_live_work_waits_while_deletions_go_on,
    q13_deletions_wait_while_live_work_goes_on,
    q13_a_held_deletion_waits_with_its_hold,
    q13_what_was_in_flight_finishes_and_what_became_a_deletion_waits,
    q14_gone_is_never_routed_as_anything_else,
    q14_whose_own_done_released_it_is_not_told,
    q14_whose_hold_was_taken_by_force_is_told,
    ]
}

left_out! {
    /// What a driver leaves out whose backend has no status, so that every write counts as a change.
    WITHOUT_STATUS, "it needs a write that changes nothing that counts", [
        q2_a_status_write_does_not_shorten_the_backoff,
        q2_a_status_write_does_not_reset_the_attempts,
        q2_a_retry_after_is_kept,
        q2_never_parks_a_live_resource_until_it_changes,
        q2_a_requeue_waits_for_its_time,
        q4_a_status_write_meanwhile_is_one_more_delivery_at_most,
        q4_retries_and_changes_never_overlap,
    ]
}

left_out! {
    /// What a driver leaves out that can force no fault.
    WITHOUT_FAULTS, "it needs a fault that is forced", [
        q1_deliveries_begin_before_the_list_ends,
        q2_a_new_list_neither_shortens_the_backoff_nor_resets_the_attempts,
        q7_a_resource_recreated_while_disconnected_is_another,
        q7_a_resource_recreated_between_two_lists_is_another,
        q10_a_stop_does_not_wait_for_what_cannot_be_reached,
        q11_an_unreadable_resource_stops_itself_alone,
        q11_a_resource_that_becomes_unreadable_stops_itself_alone,
        q11_an_unreadable_resource_is_not_gone,
        q11_a_resource_that_is_mended_is_delivered,
        q12_a_broken_connection_is_resumed,
        q12_an_expired_version_leads_to_a_new_list,
        q12_an_overload_at_the_start_is_waited_out,
        q12_an_outage_is_shown_and_survived,
        q12_an_outage_at_the_start_is_waited_out,
        q12_an_outage_in_the_middle_of_a_list_is_survived,
        q12_a_version_that_moved_backwards_is_noticed,
        q12_a_roll_back_brings_back_what_had_gone,
        q14_a_new_list_that_lacks_it_is_a_gone,
    ]
}

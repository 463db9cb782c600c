//! Each guard is there because a test fails without it. Here the tests of the faults run once more, on an
//! operator that is wrong in the way they are about; see [`rewitness_e2e::planted`] for how.
//!
//! | fault | planted | made from outside by |
//! |---|---|---|
//! | B1 | a parent taken from a cache | its GET and PATCH answered from the list that the operator began with; the uid cut out of patches |
//! | B2 | deletes and patches that name nobody | `preconditions` cut out of DELETEs; `test` cut out of JSON patches |
//! | B3 | any version of a list will do | `resourceVersion=0` put into the lists |
//! | B5 | a finalizer that was sent is taken for there | put into what GET answers |
//! | B6 | a delete that was sent is taken for done | its object cut out of every list from then on, over restarts |
//! | B7 | what a deletion began with is forgotten | annotations cut out of what the parent is read as |
//! | B8 | deletes by uid alone | `resourceVersion` cut out of the preconditions |
//! | B9 | what was listed is not listed again | every second and later list answered as empty |
//! | B13 | a finalizer removed by its place | the JSON patch made a `remove` of the place that was read |
//! | B14 | a conflict counts as a failure | 409 to a DELETE turned into 500 |
//! | B15 | NotFound counts as a failure | 404 to a DELETE turned into 500 |
//! | B16 | a delete without an answer is repeated as a plain one | sent again without a body once the connection breaks |
//! | B17, B18 | a kind that is not served is taken for empty | 404 to a list turned into an empty one, the kind put into discovery |
//! | B19 | something is created beside the parent first | a ConfigMap posted into its namespace, whose refusal is the answer |
//! | B22 | the selector is empty | `labelSelector` cut out of the lists, the label put into what is listed |
//! | B23 | objects are told apart by names | names put for uids into the lists |
//! | audit | plain deletes, deletes of collections | in [`rewitness_e2e::audit`] |

use anyhow::Result;

use crate::faults::{contention, edits};
use crate::{crashes, faults, graphs, lag, references, rules};
use rewitness_e2e::planted::{Bug, caught};

/// A test, and what it says when it fails.
type Test<'a> = (fn() -> Result<()>, &'a str);

/// Runs tests with a bug; each has to fail, and to say so.
fn assert_caught(bug: Bug, tests: &[Test<'_>]) {
    for (test, said) in tests {
        let failure = caught(bug, *test);
        assert!(failure.contains(said), "{bug:?} is caught for another reason than {said:?}: {failure}");
    }
}

#[test]
fn fault_b1_a_parent_from_a_cache_is_caught() {
    let lagging = lag::fault_b1_a_former_parent_of_this_name_that_a_lagging_server_shows_takes_nothing;
    assert_caught(Bug::ParentFromCache, &[(lagging, "the dependent of a live parent went")]);
}

#[test]
fn fault_b2_deletes_without_preconditions_are_caught() {
    assert_caught(
        Bug::NoPreconditions,
        &[
            (faults::fault_b2_a_parent_recreated_at_any_step_takes_nothing_with_it, "step 4"),
            (
                faults::fault_b2_a_dependent_recreated_under_its_name_for_another_parent_stays,
                "it belongs to another",
            ),
            (
                faults::fault_b2_a_dependent_recreated_for_the_same_parent_goes_by_its_own_uid,
                "the first one conflicts",
            ),
        ],
    );
}

#[test]
fn fault_b2_patches_without_tests_are_caught() {
    let recreated = faults::fault_b2_the_finalizer_of_a_recreated_parent_stays;
    assert_caught(Bug::NoTests, &[(recreated, "nothing was written to it")]);
}

#[test]
fn fault_b13_a_finalizer_taken_off_by_its_place_is_caught() {
    let writers = contention::fault_b13_the_finalizers_of_others_survive_concurrent_writers;
    assert_caught(Bug::ByPlace, &[(writers, "another's was removed")]);
}

#[test]
fn fault_b3_lists_of_any_version_are_caught() {
    let restart = lag::fault_b3_an_old_list_after_a_restart_does_not_let_a_parent_go;
    let asked =
        references::fault_b3_b22_c2_lists_are_consistent_paged_by_label_and_made_before_the_parent_is_read;
    assert_caught(
        Bug::AnyVersion,
        &[(restart, "the parent went by an old list"), (asked, "resourceVersion=0")],
    );
}

#[test]
fn fault_b5_a_finalizer_that_was_only_sent_is_caught() {
    let early = faults::fault_b5_nothing_is_deleted_before_the_finalizer_was_observed;
    assert_caught(Bug::FinalizerAssumed, &[(early, "it went before")]);
}

#[test]
fn fault_b6_a_delete_that_was_only_sent_is_caught() {
    let killed = crashes::fault_b6_killed_before_any_call_the_next_start_finishes;
    assert_caught(Bug::SentIsDone, &[(killed, "is left, Before call")]);
}

#[test]
fn fault_b7_a_deletion_that_forgets_its_rule_is_caught() {
    let edited = edits::fault_b7_a_deletion_ends_with_the_rule_that_it_began_with;
    assert_caught(Bug::RecordForgotten, &[(edited, "the deletion stands as wanted")]);
}

#[test]
fn fault_b8_deletes_without_a_version_are_caught() {
    assert_caught(
        Bug::NoVersion,
        &[
            (faults::fault_b8_a_dependent_relabelled_between_list_and_delete_stays, "it no longer refers"),
            (faults::fault_b8_a_dependent_that_changed_and_still_refers_goes, "the first one conflicts"),
        ],
    );
}

#[test]
fn fault_b9_lists_that_are_not_made_again_are_caught() {
    let late = faults::fault_b9_a_dependent_created_during_the_deletion_goes_before_the_parent;
    assert_caught(Bug::ListedOnce, &[(late, "list 0")]);
}

#[test]
fn fault_b14_a_conflict_that_counts_as_a_failure_is_caught() {
    let writer = contention::fault_b14_conflicts_one_after_the_other_are_no_failure;
    assert_caught(Bug::ConflictFails, &[(writer, "a conflict is no failure")]);
}

#[test]
fn fault_b15_a_not_found_that_counts_as_a_failure_is_caught() {
    let raced = contention::fault_b15_a_dependent_that_somebody_else_deletes_first_is_a_success;
    assert_caught(Bug::GoneFails, &[(raced, "that it has gone is no failure")]);
}

#[test]
fn fault_b16_a_blind_retry_is_caught() {
    let lost = contention::fault_b16_a_delete_whose_answer_was_lost_does_not_hit_what_came_after_it;
    assert_caught(Bug::BlindRetry, &[(lost, "it belongs to another")]);
}

#[test]
fn fault_b17_b18_a_kind_taken_for_empty_is_caught() {
    let removed = references::a_kind_that_goes_and_comes_back_is_never_taken_for_empty;
    let absent = lag::fault_b18_kinds_that_are_not_there_at_the_start_are_found_when_they_come;
    let state = "the deletion stands as wanted";
    assert_caught(Bug::UnservedIsEmpty, &[(removed, state), (absent, state)]);
}

#[test]
fn fault_b19_what_is_created_in_a_terminating_namespace_is_caught() {
    let namespace = faults::fault_b19_the_deletion_of_a_namespace_takes_its_parents_and_ends;
    assert_caught(Bug::CreatesBeside, &[(namespace, "the namespace has gone")]);
}

#[test]
fn fault_b22_an_empty_selector_is_caught() {
    let stages = rules::deleting_a_parent_deletes_its_dependents_stage_by_stage_and_then_lets_it_go;
    let graphs = graphs::fault_b23_in_random_graphs_on_a_real_server_what_is_deleted_is_what_the_model_says;
    assert_caught(Bug::SelectsEverything, &[(stages, "what does not refer to it went"), (graphs, "seed ")]);
}

#[test]
fn fault_b23_names_for_uids_are_caught() {
    let itself = rules::c5_a_parent_that_refers_to_itself_goes;
    let cycle = rules::c9_a_cycle_of_two_cascades_ends;
    assert_caught(Bug::NamesForUids, &[(itself, "Project web has gone"), (cycle, "has gone")]);
}

//! The suite notices every planted bug, on the memory queue, in paused time.

#[path = "support/driver.rs"]
mod support;

use std::collections::BTreeSet;

use rewitness_conformance::queue::planted::{self, Bug};
use rewitness_conformance::queue::{LeftOut, Verdict, cases, check};
use rewitness_conformance::{Failed, Result};
use rewitness_memory::Store;

use self::support::MemoryDriver;

fn run(case: &str, bug: Bug) -> Result<Verdict> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    runtime.block_on(check(case, bug.plant(MemoryDriver::new(Store::new()))))
}

#[test]
fn every_planted_bug_is_caught() {
    let known: BTreeSet<&str> = cases::<MemoryDriver>().collect();
    let mut escaped = Vec::new();
    for bug in planted::bugs() {
        for case in bug.caught_by {
            assert!(known.contains(case), "{bug:?} is to be caught by `{case}`, which there is not");
            let begun = std::time::Instant::now();
            match run(case, bug) {
                Err(Failed::Broken(how)) => {
                    println!("{bug:?} was caught by {case} in {:?}: {how}\n", begun.elapsed());
                }
                other => escaped.push(format!("{bug:?} escaped {case}, which came to {other:?}")),
            }
        }
    }
    assert!(escaped.is_empty(), "{}", escaped.join("\n"));
}

#[test]
fn every_promise_has_a_planted_bug() {
    let broken: BTreeSet<&str> = planted::bugs().map(|bug| bug.breaks).collect();
    for promise in (1..=14).map(|number| format!("Q{number}")) {
        assert!(broken.contains(&*promise), "no planted bug breaks {promise}");
    }
}

#[test]
fn every_case_catches_a_planted_bug() {
    let caught_by: BTreeSet<&str> = planted::bugs().flat_map(|bug| bug.caught_by).copied().collect();
    let idle: Vec<&str> = cases::<MemoryDriver>().filter(|case| !caught_by.contains(case)).collect();
    assert!(idle.is_empty(), "no planted bug needs these cases:\n{}", idle.join("\n"));
}

#[test]
fn what_bugs_are_planted_with_breaks_nothing_by_itself() {
    for case in cases::<MemoryDriver>() {
        run(case, planted::none()).unwrap_or_else(|broken| panic!("{case}: {broken}"));
    }
}

const HOLDS: &str = "q6_the_hold_stays_until_the_deletion_is_done";

/// One case on a store with or without holds, by a driver that declares this.
fn declaring(leaves_out: &'static [LeftOut], case: &str, store: Store) -> Result<Verdict> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    runtime.block_on(check(case, MemoryDriver::new(store).leaving_out(leaves_out)))
}

#[test]
fn a_case_that_does_not_apply_fails_unless_it_is_declared() {
    match declaring(&[], HOLDS, Store::without_holds()) {
        Err(Failed::NotApplicable(why)) => assert!(why.contains("does not declare it"), "{why}"),
        other => panic!("{other:?}"),
    }
    const DECLARED: &[LeftOut] = &[LeftOut { case: HOLDS, reason: "nothing is held" }];
    let verdict = declaring(DECLARED, HOLDS, Store::without_holds()).unwrap();
    assert_eq!(verdict, Verdict::LeftOut { reason: "nothing is held" });
}

#[test]
fn a_declared_case_that_applies_fails_and_so_does_a_name_that_no_case_has() {
    const TOO_MUCH: &[LeftOut] = &[LeftOut { case: HOLDS, reason: "nothing is held" }];
    let applies = declaring(TOO_MUCH, HOLDS, Store::new()).unwrap_err();
    assert!(applies.to_string().contains("but it applies"), "{applies}");
    const MISSPELT: &[LeftOut] = &[LeftOut { case: "q6_a_hold", reason: "nothing is held" }];
    let unknown = declaring(MISSPELT, HOLDS, Store::new()).unwrap_err();
    assert!(unknown.to_string().contains("`q6_a_hold`, which no case is named"), "{unknown}");
}

//! The suite notices every planted bug, on the memory queue, in paused time.

#[path = "support/driver.rs"]
mod support;

use std::collections::BTreeSet;

use rewitness_conformance::planted::{self, Bug};
use rewitness_conformance::{Result, Verdict, cases, check};
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
                Err(broken) => println!("{bug:?} was caught by {case} in {:?}: {broken}\n", begun.elapsed()),
                Ok(verdict) => escaped.push(format!("{bug:?} escaped {case}, which came to {verdict:?}")),
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

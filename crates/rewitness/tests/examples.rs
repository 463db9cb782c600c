//! The examples do what they say.
#![allow(clippy::expect_used, reason = "a test says so by panicking")]

use std::path::PathBuf;
use std::process::Command;

/// The README's consumer. `cargo test` has built it, as all examples.
#[test]
fn the_consumer_of_the_readme_holds_a_deletion_until_its_third_attempt() {
    let example = example("consumer");
    assert!(example.exists(), "it is not built: cargo build --package rewitness --examples");
    let output = Command::new(example).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected = "\
live (replay, attempt 1): Bucket.example.com team-a/logs
deleting (change, attempt 1): Bucket.example.com team-a/logs
deleting (retry, attempt 2): Bucket.example.com team-a/logs
deleting (retry, attempt 3): Bucket.example.com team-a/logs
gone
";
    assert_eq!(said, expected);
}

/// Where cargo puts an example: beside `deps`, where this test is.
fn example(name: &str) -> PathBuf {
    let this = std::env::current_exe().expect("this executable has a path");
    let profile = this.parent().and_then(|deps| deps.parent()).expect("it is in a profile's folder");
    profile.join("examples").join(name)
}

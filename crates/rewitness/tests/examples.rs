//! The examples do what they say.
#![allow(clippy::expect_used, reason = "a test says so by panicking")]

use std::process::Command;

/// The README's consumer, run as a newcomer runs it.
#[test]
fn the_consumer_of_the_readme_holds_a_deletion_until_its_third_try() {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let output = Command::new(cargo)
        .args(["run", "--quiet", "--locked", "--offline", "--example", "consumer"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected = "\
live (replay, try 1): Bucket.example.com team-a/logs
deleting (change, try 1): Bucket.example.com team-a/logs
deleting (retry, try 2): Bucket.example.com team-a/logs
deleting (retry, try 3): Bucket.example.com team-a/logs
gone
";
    assert_eq!(said, expected);
}

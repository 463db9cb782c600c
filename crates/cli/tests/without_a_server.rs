//! What the program says where there is no server to ask.
//!
//! That these tests need the program has an effect beyond them: cargo builds it together with all
//! tests, with the same features, so that nothing is compiled twice for those that start it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says so by panicking")]

use std::process::{Command, Output};

fn rewitness(args: &[&str]) -> Output {
    rewitness_with(&[], args)
}

fn rewitness_with(variables: &[(&str, &str)], args: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_rewitness"));
    for name in ["KUBECONFIG", "KUBERNETES_SERVICE_HOST", "NO_COLOR", "RUST_LOG"] {
        command.env_remove(name);
    }
    command.args(args).envs(variables.iter().copied()).env("HOME", home.path()).output().unwrap()
}

#[test]
fn a_variable_of_the_completions_that_got_lost_silences_no_command() {
    let lost = rewitness_with(&[("REWITNESS_COMPLETE", "bash")], &["resume", "project"]);
    assert_ne!(lost.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&lost.stderr).contains("error"), "{lost:?}");
}

#[test]
fn it_tells_its_version_its_help_and_its_completions() {
    for (args, expected) in [
        (&["--version"][..], "rewitness 0."),
        (&["--help"], "Examples:"),
        (&["tail", "--help"], "REWITNESS_CAUSE"),
        (&["unhold", "-h"], "--dry-run"),
        (&["plan", "-h"], "\"kind\":\"Plan\""),
        (&["confirm", "-h"], "--yes"),
        (&["pause", "-h"], "--deletions"),
        (&["resume", "-h"], "Deletions that"),
        (&["rbac", "-h"], "--as-group"),
        (&["completions", "bash"], "-F _clap_complete_rewitness rewitness"),
        (&["check", "-h"], "--pre"),
        (&["check", "--help"], "\"kind\":\"Check\""),
        (&["completions", "zsh"], "#compdef rewitness"),
        (&["completions", "fish"], "complete --keep-order --exclusive --command rewitness"),
    ] {
        let Output { status, stdout, stderr } = rewitness(args);
        assert_eq!((status.code(), String::from_utf8_lossy(&stderr).as_ref()), (Some(0), ""), "{args:?}");
        let said = String::from_utf8_lossy(&stdout);
        assert!(said.contains(expected), "{args:?} does not say {expected}: {said}");
    }
}

#[test]
fn without_a_cluster_it_says_what_it_looked_for() {
    for args in [
        &["tail", "widgets"][..],
        &["unhold", "demo", "widgets"],
        &["plan", "project"],
        &["confirm", "project", "projects/web"],
        &["pause", "--all"],
        &["rbac", "--all"],
        &["check"],
        &["check", "--pre"],
    ] {
        let Output { status, stdout, stderr } = rewitness(args);
        let said = String::from_utf8_lossy(&stderr);
        assert_eq!((status.code(), stdout.len()), (Some(2), 0), "{said}");
        assert!(said.starts_with("error: no cluster is configured"), "{said}");
        assert!(said.contains("--kubeconfig FILE"), "{said}");
    }
}

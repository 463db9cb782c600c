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
        (&["suspend", "-h"], "--all"),
        (&["resume", "-h"], "spec.suspend"),
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
        &["suspend", "--all"],
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

/// A Cascade, and instead of one of its names a text that a YAML document could begin in.
fn cascade_with(field: &str, text: &str) -> String {
    let mut cascade = serde_json::json!({
        "apiVersion": "rewitness.dev/v1alpha1", "kind": "Cascade", "metadata": { "name": "project" },
        "spec": {
            "parent": {
                "apiVersion": "example.com/v1", "kind": "Project", "namespaces": ["a"],
                "labelSelector": { "matchLabels": { "tier": "x" } },
            },
            "stages": [{ "name": "all", "dependents": [{
                "apiVersion": "v1", "kind": "ConfigMap", "reference": { "label": "project", "value": "UID" },
            }] }],
        },
    });
    *cascade.pointer_mut(field).unwrap() = text.into();
    cascade.to_string()
}

#[test]
fn names_in_a_file_are_checked_as_the_server_checks_them_before_anything_is_made_of_them() {
    let long = "x".repeat(10_000);
    let hostile = [
        "p\n---\nkind: ClusterRoleBinding\n",
        "a: b",
        "a #b",
        "{",
        "\"",
        "a\0b",
        "a\u{2028}b",
        "A_b",
        "-a",
        "",
        &long,
    ];
    let fields = [
        ("/metadata/name", "metadata.name"),
        ("/spec/parent/apiVersion", "spec.parent.apiVersion"),
        ("/spec/parent/kind", "spec.parent.kind"),
        ("/spec/parent/namespaces/0", "spec.parent.namespaces[0]"),
        ("/spec/parent/labelSelector/matchLabels/tier", "spec.parent.labelSelector"),
        ("/spec/stages/0/name", "spec.stages[0].name"),
        ("/spec/stages/0/dependents/0/apiVersion", "spec.stages[0].dependents[0].apiVersion"),
        ("/spec/stages/0/dependents/0/kind", "spec.stages[0].dependents[0].kind"),
        ("/spec/stages/0/dependents/0/reference/label", "spec.stages[0].dependents[0].reference.label"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cascade.json");
    for (pointer, field) in fields {
        for text in hostile {
            // The empty text and capitals can be in a label.
            if field.contains("abel") && ["", "A_b"].contains(&text) {
                continue;
            }
            std::fs::write(&file, cascade_with(pointer, text)).unwrap();
            for verb in ["rbac", "plan"] {
                let ended = rewitness(&[verb, "-f", &file.display().to_string()]);
                let said = String::from_utf8_lossy(&ended.stderr);
                assert_eq!(
                    (ended.status.code(), ended.stdout.len()),
                    (Some(2), 0),
                    "{verb} {field} {text:?}: {said}"
                );
                assert!(said.contains(field), "{verb} {field} {text:?}: {said}");
                let (lines, length) = (said.trim_end().lines().count(), said.len());
                assert!(lines == 1 && length < 1_000 && !said.contains(['\0', '\u{2028}']), "{said:?}");
            }
        }
    }
    for (field, text) in [("/metadata/name", "a".repeat(63)), ("/spec/parent/kind", "Project".to_owned())] {
        std::fs::write(&file, cascade_with(field, &text)).unwrap();
        let said = rewitness(&["rbac", "-f", &file.display().to_string()]).stderr;
        assert!(String::from_utf8_lossy(&said).contains("no cluster is configured"), "{field}");
    }
}

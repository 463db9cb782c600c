//! The dependency picture of ARCHITECTURE.md, held against what cargo resolves; and that no files of a
//! crate depend on each other in a circle.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says so by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

// By its path, as a file beside this one would be a test of its own.
#[path = "architecture/files.rs"]
mod files;

/// What cargo says. Without the packages of others, so that nothing has to be fetched that this
/// platform does not need.
fn cargo(args: &[&str]) -> Vec<u8> {
    let output = Command::new(option_env!("CARGO").unwrap_or("cargo"))
        .args(args)
        .args(["--locked", "--offline"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn metadata() -> Value {
    serde_json::from_slice(&cargo(&["metadata", "--format-version=1", "--no-deps"])).expect("JSON")
}

/// The crates of this workspace that each crate depends on, in normal use (not for its tests).
fn workspace_dependencies(metadata: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let members: BTreeSet<&str> = array(&metadata["workspace_members"]).map(text).collect();
    let ours = |package: &&Value| members.contains(text(&package["id"]));
    let packages: Vec<&Value> = array(&metadata["packages"]).filter(ours).collect();
    let names: BTreeSet<&str> = packages.iter().map(|package| text(&package["name"])).collect();
    let depends = |package: &&Value| {
        let normal = array(&package["dependencies"]).filter(|one| one["kind"].is_null());
        normal.map(|one| text(&one["name"])).filter(|name| names.contains(name)).map(str::to_owned).collect()
    };
    packages.iter().map(|package| (text(&package["name"]).to_owned(), depends(package))).collect()
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().expect("an array").iter()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

#[test]
fn dependencies_point_down_only() {
    let found = workspace_dependencies(&metadata());
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("rewitness-messaging", &[][..]),
        ("rewitness-memory", &["rewitness-messaging"]),
        ("rewitness-conformance", &["rewitness-messaging"]),
        ("rewitness-kubernetes", &["rewitness-messaging"]),
        ("rewitness-crds", &[]),
        ("rewitness-cascade", &["rewitness-messaging", "rewitness-crds", "rewitness-kubernetes"]),
        (
            "rewitness",
            &[
                "rewitness-messaging",
                "rewitness-memory",
                "rewitness-kubernetes",
                "rewitness-cascade",
                "rewitness-crds",
            ],
        ),
        (
            "rewitness-verdict",
            &["rewitness-messaging", "rewitness-kubernetes", "rewitness-cascade", "rewitness-crds"],
        ),
        (
            "rewitness-operator",
            &["rewitness-messaging", "rewitness-kubernetes", "rewitness-cascade", "rewitness-crds"],
        ),
        (
            "rewitness-cli",
            &[
                "rewitness-messaging",
                "rewitness-kubernetes",
                "rewitness-cascade",
                "rewitness-crds",
                "rewitness-verdict",
                "rewitness-operator",
            ],
        ),
    ]);
    for (name, depends) in &found {
        let test_package =
            ["rewitness-tests", "rewitness-e2e", "rewitness-controlplane"].contains(&name.as_str());
        if test_package {
            continue;
        }
        let Some(allowed) = allowed.get(name.as_str()) else {
            panic!("{name} is not in the picture: draw it there and in ARCHITECTURE.md");
        };
        let unexpected: Vec<_> = depends.iter().filter(|one| !allowed.contains(&one.as_str())).collect();
        assert!(unexpected.is_empty(), "{name} must not depend on {unexpected:?}");
    }
    for package in allowed.keys() {
        assert!(found.contains_key(*package), "{package} is in the picture and not in the workspace");
    }
}

/// Every crate that `package` needs in normal use, directly or not.
fn closure(package: &str) -> BTreeSet<String> {
    let tree = cargo(&["tree", "--edges=normal", "--prefix=none", "--format={p}", "--package", package]);
    let tree = String::from_utf8(tree).expect("text");
    tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn the_contract_knows_no_kubernetes_and_no_runtime() {
    let needed = closure("rewitness-messaging");
    for stranger in ["kube", "kube-client", "kube-core", "k8s-openapi", "tokio", "hyper", "async-std", "smol"]
    {
        assert!(!needed.contains(stranger), "rewitness-messaging needs {stranger}");
    }
}

#[test]
fn the_libraries_of_the_program_know_no_arguments_and_no_terminal() {
    for library in ["rewitness-verdict", "rewitness-operator"] {
        let needed = closure(library);
        for stranger in ["clap", "clap_complete", "rustix", "tracing-subscriber"] {
            assert!(!needed.contains(stranger), "{library} needs {stranger}");
        }
    }
}

#[test]
fn libraries_choose_no_kubernetes_version() {
    for package in array(&metadata()["packages"]) {
        let name = text(&package["name"]);
        if !name.starts_with("rewitness") || name == "rewitness-cli" {
            continue;
        }
        for dependency in array(&package["dependencies"]) {
            let chooses = array(&dependency["features"]).any(|feature| text(feature).starts_with("v1_"));
            let normal = dependency["kind"].is_null();
            let published = package["publish"].is_null();
            assert!(!(chooses && normal && published), "{name} chooses a version of {}", dependency["name"]);
        }
    }
}

#[test]
fn there_is_one_tls_stack() {
    let needed = closure("rewitness-cli");
    for stranger in ["openssl", "openssl-sys", "native-tls", "aws-lc-rs", "aws-lc-sys"] {
        assert!(!needed.contains(stranger), "the program needs {stranger}");
    }
    assert!(needed.contains("rustls"));
}

/// A circle of files, a line for each with the path by which it names the next.
fn told(circle: &[&str], edges: &BTreeMap<&str, BTreeMap<&str, String>>) -> String {
    let to = circle.iter().cycle().skip(1);
    let steps = circle.iter().zip(to);
    steps.map(|(from, to)| format!("  {from} names {}, of {to}\n", edges[from][to])).collect()
}

/// What two files need lies below both, in a file of its own.
#[test]
fn no_files_of_a_crate_depend_on_each_other_in_a_circle() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(crates).expect("the folder of the crates can be read") {
        let folder = entry.expect("it can be read").path();
        let name = folder.file_name().expect("it has a name").to_string_lossy().into_owned();
        let modules = files::Modules::read(&folder.join("src"));
        let edges = modules.edges();
        let circles = modules.circles();
        wrong.extend(circles.iter().map(|circle| format!("{name}:\n{}", told(circle, &edges))));
    }
    assert!(wrong.is_empty(), "files in a circle\n{}", wrong.concat());
}

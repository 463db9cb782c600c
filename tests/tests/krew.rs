//! `.krew.yaml`, the plugin as krew's index has it: it is about the program that is in this repository.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says so by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What cargo knows of the program.
fn package() -> Value {
    let cargo = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline", "--locked"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&cargo.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages.iter().find(|package| package["name"] == "rewitness-cli").unwrap().clone()
}

/// The manifest as the release bot renders it for a tag: the first line of each sum's address is
/// followed by one of its own for the sum.
fn manifest(tag: &str) -> Value {
    let template = fs::read_to_string(root().join(".krew.yaml")).unwrap();
    let rendered: Vec<String> = template.lines().map(|line| rendered(line, tag)).collect();
    serde_saphyr::from_str(&rendered.join("\n")).unwrap()
}

fn rendered(line: &str, tag: &str) -> String {
    let line = line.replace("{{ .TagName }}", tag);
    match line
        .split_once("{{addURIAndSha \"")
        .and_then(|(indent, rest)| Some((indent, rest.split_once("\" .TagName }}")?)))
    {
        Some((indent, (address, _))) => {
            format!("{indent}uri: {address}\n{indent}sha256: {}", "0".repeat(64))
        }
        None => line,
    }
}

#[test]
fn the_plugin_is_the_program_of_this_workspace() {
    let package = package();
    let tag = format!("v{}", package["version"].as_str().unwrap());
    let manifest = manifest(&tag);
    let program = &package["targets"]
        .as_array()
        .unwrap()
        .iter()
        .find(|target| target["kind"][0] == "bin")
        .unwrap()["name"];
    assert_eq!(&manifest["metadata"]["name"], program, "kubectl runs it by the name of the plugin");
    let spec = &manifest["spec"];
    assert_eq!(spec["version"], *tag);
    assert_eq!(spec["homepage"], package["repository"], "the bot takes it for the owner's");
    let said = package["description"].as_str().unwrap().split_once(": ").unwrap().1;
    let description = spec["description"].as_str().unwrap().to_lowercase();
    assert!(description.starts_with(&format!("{said}.").to_lowercase()), "{description} is not {said}");
    assert!(spec["shortDescription"].as_str().unwrap().len() <= 50, "krew cuts it off");
    assert!(spec["caveats"].as_str().unwrap().contains("kubectl_complete-rewitness"));
}

#[test]
fn each_platform_has_an_archive_of_what_make_archive_puts_into_it() {
    let manifest = manifest("v1.2.3");
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let mut platforms = BTreeSet::new();
    for platform in manifest["spec"]["platforms"].as_array().unwrap() {
        let labels = &platform["selector"]["matchLabels"];
        let (os, arch) = (labels["os"].as_str().unwrap(), labels["arch"].as_str().unwrap());
        platforms.insert((os.to_owned(), arch.to_owned()));
        let homepage = manifest["spec"]["homepage"].as_str().unwrap();
        let archive = format!("rewitness-v1.2.3-{os}-{arch}.tar.gz");
        assert_eq!(platform["uri"], format!("{homepage}/releases/download/v1.2.3/{archive}"));
        assert_eq!(platform["bin"], "rewitness");
        let files: Vec<&str> =
            platform["files"].as_array().unwrap().iter().map(|file| file["from"].as_str().unwrap()).collect();
        assert_eq!(files, ["rewitness", "LICENSE"]);
    }
    let expected =
        ["darwin", "linux"].map(|os| ["amd64", "arm64"].map(|arch| (os.to_owned(), arch.to_owned())));
    assert_eq!(platforms, expected.concat().into_iter().collect());
    assert!(root().join("LICENSE").is_file(), "krew wants it in the archive");
    assert!(makefile.contains("-C $(TARGET)/release rewitness -C $(CURDIR) LICENSE"), "{makefile}");
    assert!(makefile.contains("rewitness-v$(VERSION)-$(OS)-$(ARCH).tar.gz"), "{makefile}");
}

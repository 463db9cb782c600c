//! Where Cascades come from that a command is about: the cluster, or files.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use kube::Api;
use kube::api::ListParams;
use rewitness_cascade::{Rule, WAY_OUT, is_served};
use rewitness_crds::cascade::{self, Dependents, HeldParent};
use rewitness_crds::{ApiVersion, Cascade};
use rewitness_kubernetes::call::in_time;
use rewitness_kubernetes::call::segment;
use rewitness_messaging::Kind;

use crate::error::wrong_use;
use crate::link::Link;

/// What a file may have at most: etcd takes no object over 1.5 MiB, and a file may have many.
const SIZE: u64 = 64 << 20;

/// How long what is no regular file may take to be read.
const PATIENCE: Duration = Duration::from_secs(30);

/// Before the name of a Cascade, as kubectl takes it.
const PREFIXES: [&str; 4] = ["cascade/", "cascades/", "casc/", "cascades.rewitness.dev/"];

/// The name in `cascade/NAME`, if it is written so, or in the finalizer.
pub fn cascade_name(text: &str) -> Option<&str> {
    PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix)).or_else(|| cascade::of_finalizer(text))
}

/// A Cascade's name; one of the cluster has one.
pub(crate) fn name(cascade: &Cascade) -> &str {
    cascade.metadata.name.as_deref().unwrap_or_default()
}

/// Whose deletion a Cascade is about.
pub fn parent_kind(cascade: &Cascade) -> Kind {
    let parent = &cascade.spec.parent;
    Kind::new(ApiVersion::group_of(&parent.api_version), &*parent.kind)
}

/// What a Cascade deletes or waits for.
pub(crate) fn dependents(cascade: &Cascade) -> impl Iterator<Item = &Dependents> {
    cascade.spec.stages.iter().flat_map(|stage| &stage.dependents)
}

/// The kind of such dependents.
pub(crate) fn dependent_kind(dependents: &Dependents) -> Kind {
    Kind::new(ApiVersion::group_of(&dependents.api_version), &*dependents.kind)
}

/// The parents that the status of a Cascade names.
pub(crate) fn held_parents(cascade: &Cascade) -> impl Iterator<Item = &HeldParent> {
    cascade.status.iter().flat_map(|status| &status.held_parents)
}

/// The cluster's Cascades.
pub fn api(link: &Link) -> Api<Cascade> {
    Api::all(link.client.clone())
}

/// The Cascade that was named, as `NAME` or as `cascade/NAME`.
pub async fn named(link: &Link, typed: &str) -> anyhow::Result<Cascade> {
    let name = cascade_name(typed).unwrap_or(typed);
    match find(link, name).await? {
        Some(cascade) => Ok(cascade),
        None if is_served(&api(link)).await.unwrap_or(true) => anyhow::bail!(
            "there is no Cascade `{name}` on {}\n`{}` lists those that there are",
            link.place(),
            link.typed.kubectl("get").word("cascades")
        ),
        None => Err(not_installed(link)),
    }
}

/// The Cascade of this name, if there is one.
pub async fn find(link: &Link, name: &str) -> anyhow::Result<Option<Cascade>> {
    // A 404 without a reason is no word of the server on this Cascade: it fails.
    let found = in_time(api(link).get_opt(&segment(name))).await;
    found.map_err(|error| link.explain_call(&format!("read the Cascade {name}"), error))
}

/// All Cascades, by their names.
pub async fn all(link: &Link) -> anyhow::Result<Vec<Cascade>> {
    match in_time(api(link).list(&ListParams::default())).await {
        Ok(list) => Ok(list.items),
        Err(kube::Error::Api(status)) if status.code == 404 => Err(not_installed(link)),
        Err(error) => Err(link.explain_call("list Cascades", error)),
    }
}

fn not_installed(link: &Link) -> anyhow::Error {
    anyhow::anyhow!("{} does not serve Cascade\n{WAY_OUT}", link.place())
}

/// What a Cascade makes.
pub fn rule(cascade: &Cascade) -> anyhow::Result<Rule> {
    let name = cascade.metadata.name.as_deref().unwrap_or_default();
    Rule::new(cascade).map_err(|error| wrong_use(format!("cascade/{name}: {error}")))
}

/// The Cascades in a file of YAML or JSON, of which other objects are passed over; `-` is stdin.
pub fn read(file: &Path) -> anyhow::Result<Vec<Cascade>> {
    let place = || format!("cannot read {}", file.display());
    let text = match file.to_str() {
        Some("-") => bounded(io::stdin()),
        _ if file.is_file() => File::open(file).map_err(anyhow::Error::from).and_then(bounded),
        _ => special(file),
    };
    let cascades = parse(&text.with_context(place)?).with_context(place)?;
    match cascades.is_empty() {
        true => Err(wrong_use(format!("there is no Cascade in {}", file.display()))),
        false => Ok(cascades),
    }
}

/// A pipe or a device, which may say nothing for ever, or end never.
fn special(file: &Path) -> anyhow::Result<String> {
    let (file, (done, read)) = (file.to_owned(), mpsc::channel());
    // It may be stuck in the opening of a pipe that nobody writes to. It ends with the process.
    thread::spawn(move || {
        let text = File::open(&file).map_err(anyhow::Error::from).and_then(bounded);
        let _ = done.send(text);
    });
    let waited =
        |_| anyhow::anyhow!("it is no regular file, and did not end within {} s", PATIENCE.as_secs());
    read.recv_timeout(PATIENCE).map_err(waited)?
}

fn bounded(from: impl Read) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    from.take(SIZE + 1).read_to_end(&mut bytes)?;
    anyhow::ensure!(bytes.len() as u64 <= SIZE, "it has more than {} MiB", SIZE >> 20);
    Ok(String::from_utf8(bytes)?)
}

fn parse(text: &str) -> anyhow::Result<Vec<Cascade>> {
    let documents: Vec<serde_json::Value> = serde_saphyr::from_multiple(text)?;
    let objects = documents.into_iter().flat_map(|mut document| match document["kind"].as_str() {
        Some("List" | "CascadeList") => match document["items"].take() {
            serde_json::Value::Array(items) => items,
            _ => Vec::new(),
        },
        _ => vec![document],
    });
    let is_cascade = |object: &serde_json::Value| {
        let version = object["apiVersion"].as_str().unwrap_or_default();
        object["kind"] == "Cascade" && version.starts_with("rewitness.dev/")
    };
    let cascades = objects.filter(is_cascade).map(|object| {
        // Nobody has checked it yet, so it may hold anything.
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let name: String = name.chars().take(63).collect();
        let wrong = |error| wrong_use(format!("the Cascade {name:?} is not valid: {error}"));
        let cascade: Cascade = serde_path_to_error::deserialize(object).map_err(wrong)?;
        cascade.check_names().map_err(|error| wrong_use(format!("a Cascade is not valid: {error}")))?;
        Ok(cascade)
    });
    cascades.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASCADE: &str = "\
apiVersion: rewitness.dev/v1alpha1
kind: Cascade
metadata: { name: project }
spec:
  parent: { apiVersion: example.com/v1, kind: Project }
  stages:
  - name: all
    dependents:
    - { apiVersion: v1, kind: ConfigMap, reference: { label: project, value: Name } }
";

    #[test]
    fn cascades_are_found_among_other_objects() {
        let text = format!("---\napiVersion: v1\nkind: Namespace\nmetadata: {{ name: x }}\n---\n{CASCADE}");
        let json = serde_json::to_string(&parse(CASCADE).unwrap()[0]).unwrap();
        let list = format!(r#"{{"apiVersion":"v1","kind":"List","items":[{json},{json}]}}"#);
        for (text, count) in [(CASCADE, 1), (&*text, 1), (&*json, 1), (&*list, 2), ("kind: Cascade", 0)] {
            let found = parse(text).unwrap();
            assert_eq!(found.len(), count, "{text}");
            assert!(found.iter().all(|one| one.metadata.name.as_deref() == Some("project")));
        }
    }

    #[test]
    fn a_file_without_end_and_a_folder_are_errors() {
        for (file, expected) in [("/dev/zero", "it has more than 64 MiB"), ("/", "directory")] {
            let error = format!("{:#}", read(Path::new(file)).unwrap_err());
            assert!(error.contains(&format!("cannot read {file}")), "{error}");
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn what_is_no_cascade_is_said_with_its_name() {
        let error = parse(&CASCADE.replace("label: project", "label: \"\"")).unwrap_err();
        let said = error.to_string();
        assert!(
            said.starts_with(
                "the Cascade \"project\" is not valid: spec.stages[0].dependents[0].reference.label: "
            ),
            "{said}"
        );
        assert!(parse("a: [").is_err());
    }
}

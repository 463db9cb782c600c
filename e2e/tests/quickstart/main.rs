//! What the book says to type, typed as it stands by somebody who has nothing but kubectl, a cluster and this clone: all
//! of the quickstart, and what operators do from day to day.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says so by panicking")]

mod output;
mod page;
mod session;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::ListParams;
use kube::{Api, Client, Resource, ResourceExt};
use output::{begins_as_shown, is_as_shown};
use page::{Block, Reads, Step, Typed};
use rewitness_controlplane::{Assets, Config, ControlPlane, until};
use rewitness_e2e::OnTerminal;
use serde::de::DeserializeOwned;
use session::{Session, visible};
use tempfile::TempDir;

const SOON: Duration = Duration::from_secs(60);

/// The workspace's folder, where the reader is.
fn clone() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn page(name: &str, reads: Reads) -> Result<Vec<Step>> {
    let file = clone().join("docs/src").join(name);
    page::steps(&fs::read_to_string(&file).with_context(|| file.display().to_string())?, reads)
}

/// kubectl as readers have it, but for more patience than the 30 s for which it waits if nothing is said: the machine may
/// be busy, and no page is to be about that.
const PATIENT_KUBECTL: &str = r#"#!/bin/sh
if [ "$1" = wait ]; then shift; set -- wait --timeout=2m "$@"; fi
exec "$KUBECTL" "$@"
"#;

/// A reader's machine: the two programs, a kubeconfig, and a home with nothing in it.
struct Machine {
    home: TempDir,
    kubeconfig: PathBuf,
}

impl Machine {
    fn new(kubeconfig: PathBuf) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let bin = home.path().join("bin");
        fs::create_dir(&bin)?;
        symlink(rewitness_e2e::program()?, bin.join("rewitness"))?;
        fs::write(bin.join("kubectl"), PATIENT_KUBECTL)?;
        fs::set_permissions(bin.join("kubectl"), fs::Permissions::from_mode(0o755))?;
        Ok(Self { home, kubeconfig })
    }

    /// A shell in the clone, to be given its arguments.
    fn bash(&self) -> Result<Command> {
        let path = std::env::var_os("PATH").context("there is a PATH")?;
        let path = std::env::join_paths(
            [self.home.path().join("bin")].into_iter().chain(std::env::split_paths(&path)),
        )?;
        let mut bash = Command::new("bash");
        bash.env_clear().current_dir(clone());
        // The page shows no colours.
        bash.envs([("TERM", "xterm"), ("LC_ALL", "C.UTF-8"), ("NO_COLOR", "1")]);
        bash.env("PATH", path).env("HOME", self.home.path()).env("KUBECONFIG", &self.kubeconfig);
        bash.env("KUBECTL", Assets::resolve()?.dir().join("kubectl"));
        Ok(bash)
    }
}

/// The second terminal, and where on the page it was begun.
struct Second {
    line: usize,
    shell: OnTerminal,
}

/// Somebody who does what a page says.
struct Reader<'m> {
    machine: &'m Machine,
    first: Session,
    second: Option<Second>,
}

impl<'m> Reader<'m> {
    fn new(machine: &'m Machine) -> Result<Self> {
        Ok(Self { machine, first: Session::start(machine.bash()?)?, second: None })
    }

    async fn reads(&mut self, steps: &[Step]) -> Result<()> {
        for step in steps {
            match step {
                Step::Build(block) => is_a_target(block)?,
                Step::Type(typed) => self.types(typed).await?,
                Step::TypeInSecond(typed) => self.types_in_second(typed).await?,
                Step::InterruptSecond { line } => self.interrupts_second(*line).await?,
            }
        }
        Ok(())
    }

    /// The page ends here.
    fn ends(self) -> Result<()> {
        ensure!(self.second.is_none(), "the page leaves the second terminal running");
        Ok(())
    }

    async fn types(&mut self, typed: &Typed) -> Result<()> {
        let Block { line, text } = &typed.code;
        let printed = self.first.types(text).await;
        let printed = printed.with_context(|| format!("the block at line {line}:\n{text}"))?;
        if let Some(shown) = &typed.output {
            let is_so = is_as_shown(&shown.text, &printed);
            ensure!(is_so, "line {}: the page shows\n{}\nand it printed\n{printed}", shown.line, shown.text);
        }
        Ok(())
    }

    /// Begins it, and waits until it has printed what is shown.
    async fn types_in_second(&mut self, typed: &Typed) -> Result<()> {
        let Block { line, text } = &typed.code;
        ensure!(self.second.is_none(), "line {line}: the second terminal is in use");
        let mut bash = self.machine.bash()?;
        // Of a single command bash becomes the command, so that it is what will be interrupted.
        bash.args(["--noprofile", "--norc", "-c", text.trim_end()]);
        let second = Second { line: *line, shell: OnTerminal::start(bash)? };
        if let Some(shown) = &typed.output {
            let printed = || visible(&second.shell.shown());
            let begins = async || Ok(begins_as_shown(&shown.text, &printed()).then_some(()));
            let seen = until("the second terminal shows it", SOON, begins).await;
            seen.with_context(|| {
                format!("line {}: the page shows\n{}\nand it printed\n{}", shown.line, shown.text, printed())
            })?;
        }
        self.second = Some(second);
        Ok(())
    }

    async fn interrupts_second(&mut self, line: usize) -> Result<()> {
        let Second { line: begun, shell } = self
            .second
            .take()
            .with_context(|| format!("line {line}: nothing runs in the second terminal"))?;
        shell.interrupt()?;
        let status = shell.end().await?;
        ensure!(status == Some(0), "what was begun at line {begun} ended at line {line} with {status:?}");
        Ok(())
    }
}

/// The tests run the program that cargo has built for them; what the page builds it by is only looked up.
fn is_a_target(block: &Block) -> Result<()> {
    let makefile = fs::read_to_string(clone().join("Makefile"))?;
    let targets: Vec<&str> = block.text.lines().filter_map(|line| line.strip_prefix("make ")).collect();
    ensure!(!targets.is_empty(), "line {}: nothing is made here", block.line);
    for target in targets {
        let is_there = makefile.lines().any(|line| line.starts_with(&format!("{target}:")));
        ensure!(is_there, "line {}: the Makefile has no target {target}", block.line);
    }
    Ok(())
}

async fn names<K>(client: &Client) -> Result<BTreeSet<String>>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
{
    let all = Api::<K>::all(client.clone()).list_metadata(&ListParams::default()).await?;
    Ok(all.items.into_iter().map(|it| format!("{} {}", K::kind(&()), it.name_any())).collect())
}

/// What of a cluster a page could leave behind.
async fn things(client: &Client) -> Result<BTreeSet<String>> {
    let mut things = names::<CustomResourceDefinition>(client).await?;
    things.extend(names::<Namespace>(client).await?);
    things.extend(names::<ClusterRole>(client).await?);
    things.extend(names::<ClusterRoleBinding>(client).await?);
    Ok(things)
}

#[tokio::test]
async fn the_quickstart_works_as_it_stands_and_leaves_nothing_behind() -> Result<()> {
    let plane = ControlPlane::start(Config { controller_manager: true, ..Config::default() }).await?;
    let client = plane.client().await?;
    let before = things(&client).await?;
    let machine = Machine::new(plane.kubeconfig())?;
    let mut reader = Reader::new(&machine)?;
    reader.reads(&page("quickstart.md", Reads::All)?).await?;
    reader.ends()?;
    assert_eq!(things(&client).await?, before, "what was there before, and what is there now");
    Ok(())
}

/// What the page on the operator takes for granted: a Cascade, and an operator that runs.
const BEFORE_THE_OPERATOR: &str = "\
```sh
kubectl apply -f docs/quickstart/kinds.yaml -f deploy/crds
until kubectl get projects,buckets,cascades -A 2>/dev/null; do sleep 1; done
kubectl apply -f docs/quickstart/objects.yaml -f docs/quickstart/cascade.yaml
```
<!-- test: second terminal -->
```sh
rewitness run
```
```sh
kubectl wait --for=condition=Ready cascade/project
```
";

const AFTER_THE_OPERATOR: &str = "<!-- test: Ctrl-C in the second terminal -->\n";

#[tokio::test]
async fn what_operators_type_works_and_the_uninstallation_leaves_no_hold_behind() -> Result<()> {
    let plane = ControlPlane::start(Config::default()).await?;
    let machine = Machine::new(plane.kubeconfig())?;
    let mut reader = Reader::new(&machine)?;
    reader.reads(&page::steps(BEFORE_THE_OPERATOR, Reads::All)?).await?;
    let typed = page("operator.md", Reads::Marked)?;
    assert_eq!(
        typed.len(),
        7,
        "rights, roles, from Plan to Enforce, pausing, the warning, the guard, leaving"
    );
    reader.reads(&typed).await?;
    reader.reads(&page::steps(AFTER_THE_OPERATOR, Reads::All)?).await?;

    let left = "```sh\nkubectl get projects -o jsonpath='{.items[*].metadata.finalizers}'\nkubectl get crd -o name\n```\n\
                ```text\ncustomresourcedefinition.apiextensions.k8s.io/buckets.example.com\n\
                customresourcedefinition.apiextensions.k8s.io/projects.example.com\n```\n";
    reader.reads(&page::steps(left, Reads::All)?).await?;
    reader.ends()
}

/// A line that is on the page and tells of nothing stable is no test of the program.
#[test]
fn the_quickstart_shows_what_each_command_of_rewitness_prints() {
    let mut shown = BTreeSet::new();
    for step in page("quickstart.md", Reads::All).unwrap() {
        let (Step::Type(typed) | Step::TypeInSecond(typed)) = step else { continue };
        let line = typed.code.line;
        let commands = typed.code.text.lines().filter_map(|line| line.strip_prefix("rewitness "));
        let commands: Vec<String> =
            commands.filter_map(|rest| rest.split(' ').next()).map(str::to_owned).collect();
        let text = typed.output.map(|output| output.text).unwrap_or_default();
        let is_shown = text.lines().any(|line| !line.replace('…', "").trim().is_empty());
        assert!(commands.is_empty() || is_shown, "line {line}: it is not shown what {commands:?} print");
        shown.extend(commands);
    }
    let expected = ["plan", "rbac", "run", "tail", "why"].map(str::to_owned);
    assert!(shown.is_superset(&BTreeSet::from(expected)), "{shown:?}");
}

/// A reader without a cluster: what needs none is typed in the same way.
async fn error_of(page: &str) -> String {
    let machine = Machine::new(PathBuf::from("/dev/null")).unwrap();
    let mut reader = Reader::new(&machine).unwrap();
    let read = reader.reads(&page::steps(page, Reads::All).unwrap()).await;
    match read.and_then(|()| reader.ends()) {
        Ok(()) => String::new(),
        Err(error) => format!("{error:#}"),
    }
}

#[tokio::test]
async fn what_one_block_sets_is_there_for_the_next() {
    let page = "```sh\ncd docs\nname=web\n```\n\n```sh\nls book.toml\necho \"$name\" >&2\n```\n```text\nbook.toml\nweb\n```\n";
    assert_eq!(error_of(page).await, "");
}

#[tokio::test]
async fn a_page_that_is_wrong_is_told_by_its_line() {
    for (page, expected) in [
        ("a\n```sh\necho b\n```\n```text\nc\n```\n", &["line 6: the page shows\nc\n\nand it printed\nb"][..]),
        ("```sh\necho a\nfalse\necho b\n```\n", &["the block at line 2", "it failed with 1:\na"]),
        ("```sh\nfalse | true\n```\n", &["it failed with 1"]),
        (
            "<!-- test: built already -->\n```sh\nmake nothing\n```\n",
            &["line 3: the Makefile has no target nothing"],
        ),
        (
            "<!-- test: second terminal -->\n```sh\nsleep 60\n```\n",
            &["the page leaves the second terminal running"],
        ),
        (
            "<!-- test: second terminal -->\n```sh\nsleep 60\n```\n<!-- test: Ctrl-C in the second terminal -->\n",
            &["what was begun at line 3 ended at line 5 with None"],
        ),
    ] {
        let error = error_of(page).await;
        for words in expected {
            assert!(error.contains(words), "`{words}` is not said of {page}: {error}");
        }
    }
}

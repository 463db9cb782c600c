//! The demo in somebody's cluster, here the shared control plane: it shows everything, and leaves nothing behind.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use rewitness_controlplane::{ControlPlane, shared, until};
use rewitness_crds::{CASCADES, Cascade};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

const GROUP: &str = "demo.rewitness.dev";
/// The label of everything that a demo creates; its value is the run.
const SESSION: &str = "demo.rewitness.dev/session";
const PATIENCE: Duration = Duration::from_secs(240);

/// The name of its Cascade.
const CASCADE: &str = "demo-project";
/// What is written when a project is being deleted, waits for the finalizer of a cluster, and the operator was killed;
/// two steps are still to come.
const IN_THE_MIDDLE: &str = "delete project reports";
/// What the operator writes when it starts, and the demo shows.
const OPERATES: &str = "INFO started ";

/// The steps, as the table has them.
const STEPS: [&str; 11] = [
    "Replay",
    "A live change",
    "A failing consumer",
    "A held deletion",
    "A crash",
    "Letting go",
    "A plan",
    "A deletion by reference",
    "A crash in the middle",
    "Leaving",
    "Why is it still there?",
];

/// There is one API group of the demo, so one demo at a time.
static TURN: Mutex<()> = Mutex::const_new(());

/// A control plane that nobody else has a demo in, that removes namespaces, and that does not know Cascade.
async fn cluster() -> Result<(&'static ControlPlane, Client, MutexGuard<'static, ()>)> {
    let turn = TURN.lock().await;
    let plane = shared().await?;
    plane.start_controller_manager().await?;
    let client = plane.client().await?;
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    if is_defined(&client).await? {
        definitions.delete(CASCADES, &DeleteParams::default()).await?;
    }
    let gone = async || Ok((!is_defined(&client).await?).then_some(()));
    until("Cascade is not defined", Duration::from_secs(60), gone).await?;
    Ok((plane, client, turn))
}

/// Whether Cascade is installed.
async fn is_defined(client: &Client) -> Result<bool> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    Ok(definitions.get_opt(CASCADES).await?.is_some())
}

/// The command lines of the program that belongs to this test, as far as it runs.
fn operators() -> Result<Vec<String>> {
    let program = format!("{} ", rewitness_e2e::program()?.display());
    let listed = std::process::Command::new("ps").args(["-A", "-o", "args="]).output()?;
    let running = String::from_utf8_lossy(&listed.stdout).into_owned();
    Ok(running.lines().filter(|args| args.starts_with(&program)).map(String::from).collect())
}

/// PATH, with the folder of this program before everything else.
fn path_with(program: &Path) -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = program.parent().map(Path::to_owned).into_iter().chain(std::env::split_paths(&path));
    std::env::join_paths(folders).unwrap_or_default()
}

/// `make demo CONTEXT=controlplane` with these flags, and without a terminal.
fn demo(plane: &ControlPlane, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    command
        .args(["--context", "controlplane"])
        .args(flags)
        .env("KUBECONFIG", plane.kubeconfig())
        .env("PATH", path_with(&plane.kubectl_program()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn run(mut command: Command) -> Result<(Output, String)> {
    let output = timeout(PATIENCE, command.output()).await.context("the demo takes too long")??;
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    Ok((output, text))
}

/// Starts a demo, and waits until it has written lines that contain these, one after the other.
async fn started(
    plane: &ControlPlane,
    flags: &[&str],
    lines: &[&str],
) -> Result<(Child, impl AsyncRead + use<>)> {
    let mut child = demo(plane, flags).spawn()?;
    let mut stdout = BufReader::new(child.stdout.take().context("stdout is piped")?);
    let wait = async {
        let mut read = String::new();
        for line in lines {
            let mut from = read.len();
            while !read[from..].contains(line) {
                from = read.len();
                ensure!(stdout.read_line(&mut read).await? > 0, "the demo ended early:\n{read}");
            }
        }
        Ok(())
    };
    timeout(PATIENCE, wait).await.context("the demo takes too long")??;
    Ok((child, stdout))
}

/// What is there of the demo.
async fn left_behind(client: &Client) -> Result<Vec<String>> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let all = ListParams::default();
    let definitions = definitions.list_metadata(&all).await?.items.into_iter().map(|it| it.name_any());
    let namespaces = namespaces.list_metadata(&all).await?.items.into_iter().map(|it| it.name_any());
    let groups = client.list_api_groups().await?.groups.into_iter().map(|group| group.name);
    let mut left: Vec<String> = definitions.chain(groups).filter(|name| name.ends_with(GROUP)).collect();
    left.extend(namespaces.filter(|name| name.starts_with("demo-")));
    if is_defined(client).await? {
        let cascades: Api<Cascade> = Api::all(client.clone());
        left.extend(cascades.get_opt(CASCADE).await?.map(|it| it.name_any()));
    }
    let events: Api<Event> = Api::namespaced(client.clone(), "default");
    let is_ours = |event: &Event| serde_json::to_string(event).is_ok_and(|text| text.contains(GROUP));
    left.extend(events.list(&all).await?.items.iter().filter(|it| is_ours(it)).map(ResourceExt::name_any));
    Ok(left)
}

fn signal(child: &Child, name: &str) -> Result<()> {
    let pid = child.id().context("the demo has ended")?.to_string();
    let status = std::process::Command::new("kill").args(["-s", name, &pid]).status()?;
    ensure!(status.success(), "kill ended with {status}");
    Ok(())
}

#[tokio::test]
async fn every_step_happens_and_nothing_is_left_behind() -> Result<()> {
    let (plane, client, _turn) = cluster().await?;
    // Somebody else's, maybe of a demo that runs now.
    let (others, label) = (plane.namespace("others").await?, json!({SESSION: "another"}));
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let labelled = Patch::Merge(json!({"metadata": {"labels": label}}));
    namespaces.patch(&others, &PatchParams::default(), &labelled).await?;
    let (output, text) = run(demo(plane, &["--yes"])).await?;
    assert!(output.status.success(), "{text}");
    assert!(
        text.contains(&format!("https://127.0.0.1:{}", plane.port())),
        "the server is not named:\n{text}"
    );
    assert!(text.contains("outstanding"), "no progress:\n{text}");
    for (number, title) in (1..).zip(STEPS) {
        let row = text.lines().rfind(|line| line.trim_start().starts_with(&format!("{number}  {title}")));
        assert!(row.is_some_and(|row| row.ends_with('✓')), "step {number} is not in the table:\n{text}");
    }
    assert!(!text.contains(['✗', '\x1b']), "a failure, or colour without a terminal:\n{text}");
    assert!(text.contains("From the start to the first replayed line: "), "{text}");
    // What is printed is typed: the same command stands in the answer, and after the prompt.
    for command in ["rewitness why", "kubectl patch"] {
        for before in ["│   ", "$ "] {
            let line = format!("{before}{command} ");
            assert!(text.contains(&line), "`{line}` is not there:\n{text}");
        }
    }
    assert_eq!(left_behind(&client).await?, Vec::<String>::new());
    assert_eq!(namespaces.get(&others).await?.metadata.deletion_timestamp, None, "it is not this demo's");
    assert!(!is_defined(&client).await?, "the demo has brought it");
    assert_eq!(operators()?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn it_stops_where_its_api_group_is_taken() -> Result<()> {
    let (plane, client, _turn) = cluster().await?;
    plane.crd(GROUP, "boats", "Boat", true, &[]).await?;
    let (output, text) = run(demo(plane, &["--yes"])).await?;
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("the API group demo.rewitness.dev is there already"), "{text}");
    assert_eq!(left_behind(&client).await?, ["boats.demo.rewitness.dev", GROUP]);

    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    definitions.delete("boats.demo.rewitness.dev", &DeleteParams::default()).await?;
    let gone = async || Ok(left_behind(&client).await?.is_empty().then_some(()));
    until("the API group is gone", Duration::from_secs(60), gone).await
}

#[tokio::test]
async fn nothing_is_written_without_consent() -> Result<()> {
    let (plane, client, _turn) = cluster().await?;
    let (output, text) = run(demo(plane, &[])).await?;
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("YES=1"), "{text}");
    assert_eq!(left_behind(&client).await?, Vec::<String>::new());

    let (output, text) = run({
        let mut other = demo(plane, &["--yes"]);
        other.env("KUBECONFIG", "/dev/null");
        other
    })
    .await?;
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("there is no context controlplane"), "{text}");
    Ok(())
}

#[tokio::test]
async fn an_interrupted_demo_leaves_nothing_behind() -> Result<()> {
    let (plane, client, _turn) = cluster().await?;
    for line in ["clusters have the finalizer", IN_THE_MIDDLE] {
        let (child, _stdout) = started(plane, &["--yes"], &[line]).await?;
        signal(&child, "INT")?;
        let output = timeout(PATIENCE, child.wait_with_output()).await??;
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(left_behind(&client).await?, Vec::<String>::new());
        assert!(!is_defined(&client).await?, "the demo has brought it");
    }
    Ok(())
}

#[tokio::test]
async fn what_a_killed_demo_left_the_next_one_removes_but_not_what_others_use_by_now() -> Result<()> {
    let (plane, client, _turn) = cluster().await?;
    let (mut child, _stdout) = started(plane, &["--yes"], &[IN_THE_MIDDLE, OPERATES]).await?;
    // The next step but one starts it again, should it have come to that already.
    let runs = async || Ok((operators()?.len() == 1).then_some(()));
    until("the operator runs", Duration::from_secs(60), runs).await?;
    child.kill().await?;
    let ended = async || Ok(operators()?.is_empty().then_some(()));
    until("the operator has ended with the demo", Duration::from_secs(60), ended).await?;
    assert!(left_behind(&client).await?.contains(&CASCADE.to_owned()));
    let cascades: Api<Cascade> = Api::all(client.clone());
    let mut theirs = cascades.get(CASCADE).await?;
    theirs.metadata = serde_json::from_value(json!({"name": "theirs"}))?;
    cascades.create(&PostParams::default(), &theirs).await?;

    let (output, text) = run(demo(plane, &["--yes"])).await?;
    assert!(output.status.success(), "{text}");
    assert!(text.contains("An earlier demo was cut off here"), "{text}");
    assert_eq!(left_behind(&client).await?, Vec::<String>::new());
    let theirs = cascades.get("theirs").await?;
    assert_eq!(theirs.metadata.deletion_timestamp, None);
    let definitions: Api<CustomResourceDefinition> = Api::all(client);
    let definition = definitions.get(CASCADES).await?;
    assert_eq!(definition.metadata.labels.unwrap_or_default().get(SESSION), None, "it is theirs now");
    assert_eq!(definition.metadata.deletion_timestamp, None);
    Ok(())
}

#[tokio::test]
async fn where_an_operator_works_already_its_work_is_not_shown_as_ours() -> Result<()> {
    let (plane, client, _turn) = cluster().await?;
    for definition in rewitness_crds::definitions() {
        plane.apply_crd(serde_json::to_value(definition)?).await?;
    }
    let _theirs = Command::new(rewitness_e2e::program()?)
        .arg("run")
        .env("KUBECONFIG", plane.kubeconfig())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let (output, text) = run(demo(plane, &["--yes"])).await?;
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("an operator runs in this cluster already"), "{text}");
    assert_eq!(left_behind(&client).await?, Vec::<String>::new());
    assert!(is_defined(&client).await?, "it was there");
    Ok(())
}

#[tokio::test]
async fn without_any_api_server_the_ways_out_are_told() -> Result<()> {
    let tools = tempfile::tempdir()?;
    for tool in ["bash", "sed", "dirname", "date", "uname", "cargo", "cc"] {
        let path = std::env::var_os("PATH").context("there is a PATH")?;
        let found = std::env::split_paths(&path).map(|dir| dir.join(tool)).find(|file| file.exists());
        std::os::unix::fs::symlink(found.context(tool)?, tools.path().join(tool))?;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo.sh");
    let mut command = Command::new(script);
    command.env("PATH", tools.path()).env("REWITNESS_CACHE", tools.path());
    command.env_remove("KUBEBUILDER_ASSETS").env_remove("CONTEXT");
    let (output, text) = run(command).await?;
    assert_eq!(output.status.code(), Some(1), "{text}");
    for way in ["install Go 1.21 or newer", "CONTEXT=name", "KUBEBUILDER_ASSETS=folder"] {
        assert!(text.contains(way), "{way} is not told:\n{text}");
    }
    Ok(())
}

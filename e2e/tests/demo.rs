//! The demo in somebody's cluster, here the shared control plane: it shows everything, and leaves nothing behind.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use rewitness_controlplane::{ControlPlane, shared, until};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

const GROUP: &str = "demo.rewitness.dev";
/// The label of everything that a demo creates; its value is the run.
const SESSION: &str = "demo.rewitness.dev/session";
const PATIENCE: Duration = Duration::from_secs(240);

/// There is one API group of the demo, so one demo at a time.
static TURN: Mutex<()> = Mutex::const_new(());

/// A control plane that nobody else has a demo in, and that removes namespaces.
async fn cluster() -> Result<(&'static ControlPlane, Client, MutexGuard<'static, ()>)> {
    let turn = TURN.lock().await;
    let plane = shared().await?;
    plane.start_controller_manager().await?;
    Ok((plane, plane.client().await?, turn))
}

/// `make demo CONTEXT=controlplane` with these flags, and without a terminal.
fn demo(plane: &ControlPlane, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    command
        .args(["--context", "controlplane"])
        .args(flags)
        .env("KUBECONFIG", plane.kubeconfig())
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

/// Starts a demo, and waits until it has written a line that contains this.
async fn started(
    plane: &ControlPlane,
    flags: &[&str],
    line: &str,
) -> Result<(Child, impl AsyncRead + use<>)> {
    let mut child = demo(plane, flags).spawn()?;
    let mut stdout = BufReader::new(child.stdout.take().context("stdout is piped")?);
    let wait = async {
        let mut read = String::new();
        while !read.lines().last().is_some_and(|last| last.contains(line)) {
            ensure!(stdout.read_line(&mut read).await? > 0, "the demo ended early:\n{read}");
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
    for (number, title) in
        (1..).zip(["Replay", "A live change", "A failing consumer", "A held deletion", "A crash"])
    {
        let row = text.lines().rfind(|line| line.trim_start().starts_with(&format!("{number}  {title}")));
        assert!(row.is_some_and(|row| row.ends_with('✓')), "step {number} is not in the table:\n{text}");
    }
    assert!(!text.contains(['✗', '\x1b']), "a failure, or colour without a terminal:\n{text}");
    assert!(text.contains("From the start to the first replayed line: "), "{text}");
    assert_eq!(left_behind(&client).await?, Vec::<String>::new());
    assert_eq!(namespaces.get(&others).await?.metadata.deletion_timestamp, None, "it is not this demo's");
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
    let (child, _stdout) = started(plane, &["--yes"], "clusters have the finalizer").await?;
    signal(&child, "INT")?;
    let output = timeout(PATIENCE, child.wait_with_output()).await??;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(left_behind(&client).await?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn what_a_killed_demo_left_the_next_one_removes() -> Result<()> {
    let (plane, client, _turn) = cluster().await?;
    let (mut child, _stdout) = started(plane, &["--yes"], "clusters have the finalizer").await?;
    child.kill().await?;
    assert!(left_behind(&client).await?.len() > 3);

    let (output, text) = run(demo(plane, &["--yes"])).await?;
    assert!(output.status.success(), "{text}");
    assert!(text.contains("An earlier demo was cut off here"), "{text}");
    assert_eq!(left_behind(&client).await?, Vec::<String>::new());
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

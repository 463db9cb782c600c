//! The program as kubectl's plugin: run by kubectl, listed by it, completed by it and by bash.

use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;
use rewitness_controlplane::until;
use serde_json::json;
use tempfile::TempDir;

use rewitness_e2e::lab::SOON;
use rewitness_e2e::office::Office;
use rewitness_e2e::{Ended, Running};

/// A folder with the program under all of its names, as `make install` lays them.
fn installed() -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    let program = rewitness_e2e::program()?;
    for name in ["rewitness", "kubectl-rewitness", "kubectl_complete-rewitness"] {
        symlink(&program, folder.path().join(name))?;
    }
    Ok(folder)
}

/// A command that finds the program and nothing else of ours, with only this kubeconfig.
fn command(program: &Path, folder: &TempDir, kubeconfig: &Path) -> Command {
    let mut command = Command::new(program);
    for name in ["NO_COLOR", "RUST_LOG", "TERM"] {
        command.env_remove(name);
    }
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let cache = folder.path().join("cache");
    command.env("PATH", path).env("KUBECONFIG", kubeconfig).env("KUBECACHEDIR", cache).env("KUBERC", "off");
    command
}

/// Runs the control plane's kubectl with the plugin installed.
async fn kubectl(office: &Office, folder: &TempDir, args: &[&str]) -> Result<Ended> {
    let plane = office.lab.plane;
    let mut command = command(&plane.kubectl_program(), folder, &plane.kubeconfig());
    command.args(args);
    Running::start(command)?.end().await
}

/// What kubectl would offer for the last of these words, once it has this line: a busy machine may
/// take longer to ask the cluster than somebody who types is made to wait.
async fn completes(office: &Office, folder: &TempDir, words: &[&str], line: &str) -> Result<()> {
    let args = [&["__complete", "rewitness"], words].concat();
    let probe = async || {
        let ended = kubectl(office, folder, &args).await?;
        let is_offered = ended.stdout.iter().any(|one| one == line);
        // kubectl itself says how it came about: that is for people who debug, and no shell shows it.
        let is_kubectls = |line: &str| line.starts_with("[Debug] ") || line.starts_with("Completion ended");
        let noise = ended.stderr.iter().find(|line| !is_kubectls(line));
        anyhow::ensure!(noise.is_none() && ended.status == Some(0), "{ended:?}");
        Ok(is_offered.then_some(()))
    };
    until(&format!("`{line}` is offered after {words:?}"), SOON, probe).await
}

/// Asks the program under the name that kubectl asks.
async fn asked(kubeconfig: &Path, folder: &TempDir, words: &[&str]) -> Result<Ended> {
    let mut command = command(&folder.path().join("kubectl_complete-rewitness"), folder, kubeconfig);
    command.args(words);
    Running::start(command)?.end().await
}

#[tokio::test]
async fn kubectl_lists_the_plugin_and_warns_of_nothing() -> Result<()> {
    let (office, folder) = (Office::new().await?, installed()?);
    let ended = kubectl(&office, &folder, &["plugin", "list"]).await?;
    assert_eq!((ended.status, ended.warnings().as_str()), (Some(0), ""), "{ended:?}");
    let plugin = folder.path().join("kubectl-rewitness").display().to_string();
    assert!(ended.stdout.contains(&plugin), "{ended:?}");
    Ok(())
}

#[tokio::test]
async fn kubectl_runs_the_commands_with_what_is_typed_behind_them() -> Result<()> {
    let (office, folder) = (Office::new().await?, installed()?);
    let ns = office.lab.ns.as_str();
    let clusters = office.kinds("clusters");
    office.lab.create("Cluster", "data", None).await?;
    office.lab.patch("Cluster", "data", json!({ "finalizers": ["other.example.com/x"] })).await?;
    office.lab.delete("Cluster", "data").await?;

    let kubeconfig = office.lab.plane.kubeconfig().display().to_string();
    let contexts = kubectl(&office, &folder, &["config", "get-contexts", "-o", "name"]).await?.stdout;
    let data = format!("{clusters}/data");
    let args = ["rewitness", "why", &data, "-n", ns, "--context", &contexts[0], "--kubeconfig", &kubeconfig];
    let ended = kubectl(&office, &folder, &args).await?;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert!(ended.stdout.iter().any(|line| line.contains("other.example.com/x")), "{ended:?}");

    let ended = kubectl(&office, &folder, &["rewitness", "why", &data, "-n", "elsewhere"]).await?;
    assert_eq!(ended.status, Some(1), "-n is handed on: {ended:?}");
    let ended = kubectl(&office, &folder, &["rewitness", "why", &data, "--context", "nowhere"]).await?;
    assert_eq!(ended.status, Some(2), "the plugin's status is kubectl's: {ended:?}");
    assert!(ended.warnings().contains("no context `nowhere`"), "{ended:?}");
    Ok(())
}

#[tokio::test]
async fn what_the_plugin_suggests_can_be_typed_where_there_is_only_the_plugin() -> Result<()> {
    let (office, folder) = (Office::new().await?, installed()?);
    let limits = json!({ "limits": { "maxDependents": 0 }, "mode": "Enforce" });
    let cascade = office.projects(limits).await?;
    office.lab.create("Project", "web", None).await?;
    office.lab.create("Cluster", "of-web", Some("web")).await?;

    let ended = kubectl(&office, &folder, &["rewitness", "plan", &cascade, "web"]).await?;
    let confirm = format!("kubectl rewitness confirm {cascade} {}/web", office.kinds("projects"));
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert!(ended.stdout.iter().any(|line| line.trim() == confirm), "{confirm} is not in {ended:?}");

    let ended = kubectl(&office, &folder, &["rewitness", "why", "-h"]).await?;
    assert!(ended.stdout.iter().any(|line| line.starts_with("Usage: kubectl rewitness why")), "{ended:?}");
    let ended = kubectl(&office, &folder, &["rewitness", "unhold", "demo"]).await?;
    assert_eq!(ended.status, Some(2), "{ended:?}");
    assert!(ended.warnings().contains("`kubectl rewitness unhold demo widgets`"), "{ended:?}");
    assert!(ended.warnings().contains("Usage: kubectl rewitness"), "{ended:?}");
    Ok(())
}

#[tokio::test]
async fn kubectl_completes_commands_and_what_the_cluster_has() -> Result<()> {
    let (office, folder) = (Office::new().await?, installed()?);
    let cascade = office.projects(json!({ "mode": "Plan" })).await?;
    office.lab.create("Project", "web", None).await?;
    let (projects, ns) = (office.kinds("projects"), office.lab.ns.as_str());

    completes(&office, &folder, &[""], "why\tSay why a resource is still there, and what to do about it")
        .await?;
    completes(&office, &folder, &["plan", "x", "-o", "y"], "yaml").await?;
    completes(&office, &folder, &["why", "pro"], &format!("{projects}\tProject")).await?;
    completes(&office, &folder, &["why", "-n", ns, &format!("{projects}/")], &format!("{projects}/web"))
        .await?;
    completes(&office, &folder, &["-n", ns, "why", &projects, ""], "web").await?;
    completes(&office, &folder, &["tail", "a,pro"], &format!("a,{projects}\tProject")).await?;
    let meaning = "Plan, with each Project";
    completes(&office, &folder, &["plan", ""], &format!("{cascade}\t{meaning}")).await?;
    completes(&office, &folder, &["plan", "-n", ns, &cascade, ""], "web").await?;
    completes(&office, &folder, &["confirm", "-n", ns, &cascade, ""], &format!("{projects}/web")).await?;
    completes(&office, &folder, &["resume", ""], &format!("{cascade}\t{meaning}")).await?;
    completes(&office, &folder, &["unhold", "casc"], &format!("cascade/{cascade}\t{meaning}")).await?;
    completes(&office, &folder, &["why", "-n", ""], ns).await?;
    let contexts = kubectl(&office, &folder, &["config", "get-contexts", "-o", "name"]).await?.stdout;
    completes(&office, &folder, &["tail", "--context", ""], &contexts[0]).await
}

/// A server that takes connections and says nothing, a login that fails with a word on stderr, a
/// kubeconfig that cannot be read, and none at all: whoever types is not bothered with that.
#[tokio::test]
async fn completion_is_silent_and_short_where_there_is_no_cluster() -> Result<()> {
    let folder = installed()?;
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let server = format!("https://{}", silent.local_addr()?);
    let mut config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{ "name": "here", "cluster": { "server": server, "insecure-skip-tls-verify": true } }],
        "users": [{ "name": "here", "user": {} }],
        "contexts": [{ "name": "here", "context": { "cluster": "here", "user": "here" } }],
    });
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, serde_json::to_string(&config)?)?;
    let login = folder.path().join("login");
    let exec = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "IfAvailable",
        "command": "sh", "args": ["-c", "echo cannot log in >&2; exit 1"],
    });
    config["users"][0]["user"] = json!({ "exec": exec });
    std::fs::write(&login, serde_json::to_string(&config)?)?;
    let broken = folder.path().join("broken");
    std::fs::write(&broken, "[")?;
    for kubeconfig in [kubeconfig, login, broken, folder.path().join("missing")] {
        for words in [&["plan", ""][..], &["why", "pods", "we"]] {
            let mut quickest = Duration::MAX;
            // A machine that stalls may make one of them late.
            for _ in 0..2 {
                let begun = Instant::now();
                let ended = asked(&kubeconfig, &folder, words).await?;
                quickest = quickest.min(begun.elapsed());
                let said = (ended.status, ended.warnings(), ended.stdout.clone());
                assert_eq!(said, (Some(0), String::new(), vec![":4".to_owned()]), "{kubeconfig:?} {words:?}");
            }
            assert!(quickest < Duration::from_secs(9), "2 s are waited, not 10: {kubeconfig:?} {words:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn bash_loads_the_script_and_completes_by_it() -> Result<()> {
    let folder = installed()?;
    let script = "set -eu; source <(rewitness completions bash); complete -p rewitness; \
                  COMP_WORDS=(rewitness wh); COMP_CWORD=1; COMP_TYPE=9; set +eu; \
                  _clap_complete_rewitness rewitness wh rewitness; echo \"offered ${COMPREPLY[*]}\"";
    let mut bash = command(Path::new("bash"), &folder, &folder.path().join("missing"));
    bash.args(["--norc", "-c", script]);
    let ended = Running::start(bash)?.end().await?;
    assert_eq!((ended.status, ended.warnings().as_str()), (Some(0), ""), "{ended:?}");
    assert!(ended.stdout.iter().any(|line| line.ends_with(" rewitness")), "it is registered: {ended:?}");
    assert!(ended.stdout.iter().any(|line| line == "offered why"), "{ended:?}");
    Ok(())
}

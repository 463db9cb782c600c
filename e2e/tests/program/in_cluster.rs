//! The program in a pod, as far as it can tell: its ServiceAccount's files where the kubelet puts them, and the variables
//! that name the server. The files' place is fixed, so it is made in a mount namespace of the program's own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use k8s_openapi::ByteString;
use rewitness_controlplane::unique;
use rewitness_e2e::world::World;
use rewitness_e2e::{Ended, Running};
use serde_json::Value;

/// Runs what follows with the folder `$1` in the place of `/var/run`.
const IN_A_POD: &str = r#"mount --bind "$1" /var/run && shift && exec "$@""#;

/// A folder as `/var/run` of a pod of this ServiceAccount's.
fn pod(world: &World, kubeconfig: &Path) -> Result<PathBuf> {
    let config: Value = serde_json::from_slice(&std::fs::read(kubeconfig)?)?;
    let token = config["users"][0]["user"]["token"].as_str().context("a token")?;
    let authority = &config["clusters"][0]["cluster"]["certificate-authority-data"];
    let authority: ByteString = serde_json::from_value(authority.clone())?;
    let run = world.folder.path().join("run");
    let files = run.join("secrets/kubernetes.io/serviceaccount");
    std::fs::create_dir_all(&files)?;
    std::fs::write(files.join("token"), token)?;
    std::fs::write(files.join("ca.crt"), authority.0)?;
    std::fs::write(files.join("namespace"), &world.namespace)?;
    Ok(run)
}

fn unshare(run: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", IN_A_POD, "sh"]).arg(run);
    command
}

/// Fails where this machine does not let us make such a namespace. Whoever cannot change that skips this test by its
/// name, and knows it; which configuration is chosen when is a unit test of its own.
fn assert_possible(run: &Path) -> Result<()> {
    let output = unshare(run).arg("true").output().context("run unshare (util-linux)")?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(
        output.status.success(),
        "this machine forbids mounts in a user namespace ({said}): allow them (sysctl kernel.unprivileged_userns_clone=1, \
         or kernel.apparmor_restrict_unprivileged_userns=0), or leave the test out: --skip in_a_pod"
    );
    Ok(())
}

async fn in_pod(world: &World, run: &Path, args: &[&str]) -> Result<Ended> {
    let program = world.rewitness(args)?;
    let mut command = unshare(run);
    command.arg(program.get_program()).args(program.get_args()).current_dir(world.folder.path());
    command.env_remove("KUBECONFIG").env("HOME", world.folder.path());
    command
        .env("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        .env("KUBERNETES_SERVICE_PORT", world.plane.port().to_string());
    Running::start(command)?.end().await
}

#[tokio::test]
async fn in_a_pod_its_service_account_and_its_namespace_are_used() -> Result<()> {
    let world = World::new().await?;
    world.create("web").await?;
    let rules = vec![world.rule(&["list", "watch"])];
    let account = world.plane.service_account(&world.namespace, &unique("account"), rules).await?;
    let run = pod(&world, &account)?;
    assert_possible(&run)?;
    let widgets = world.widgets();
    let replay = ["tail", &widgets, "--until-replayed", "-o", "name"];
    let ended = in_pod(&world, &run, &replay).await?;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(ended.stdout, [format!("widget.{}/web", world.group)], "the pod's namespace is meant");

    let ended = in_pod(&world, &run, &["tail", "configmaps", "--until-replayed"]).await?;
    assert_eq!(ended.status, Some(1), "{ended:?}");
    let who = format!("system:serviceaccount:{}:", world.namespace);
    assert!(ended.warnings().contains(&who), "it is the pod's account that may not: {ended:?}");

    let ended = in_pod(&world, &run, &[&replay[..], &["--context", "dev"]].concat()).await?;
    assert_eq!(ended.status, Some(2), "{ended:?}");
    assert!(ended.warnings().contains("there is no kubeconfig, so there is no context `dev`"), "{ended:?}");

    // As in a pod whose account is not mounted.
    std::fs::remove_dir_all(run.join("secrets"))?;
    let ended = in_pod(&world, &run, &replay).await?;
    assert_eq!(ended.status, Some(1), "{ended:?}");
    assert!(ended.warnings().contains("automountServiceAccountToken"), "{ended:?}");
    Ok(())
}

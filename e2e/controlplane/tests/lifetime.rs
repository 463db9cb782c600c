//! Nothing is left of a control plane, however its harness ends.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use rewitness_controlplane::{Config, ControlPlane, until};

const SOON: Duration = Duration::from_secs(30);

/// The command lines of the processes that work in this folder. A dead process that nobody has waited for is
/// none.
fn working_in(dir: &Path) -> Result<Vec<String>> {
    let output =
        Command::new("ps").args(["-ww", "-A", "-o", "stat=", "-o", "args="]).output().context("run ps")?;
    let dir = dir.to_str().context("a folder with a strange name")?;
    let lines = String::from_utf8_lossy(&output.stdout);
    let lines = lines.lines().filter(|line| line.contains(dir) && !line.trim_start().starts_with('Z'));
    Ok(lines.map(String::from).collect())
}

async fn nothing_is_left(dir: &Path) -> Result<()> {
    until(&format!("nothing is left of {}", dir.display()), SOON, async || {
        Ok((working_in(dir)?.is_empty() && !dir.exists()).then_some(()))
    })
    .await
}

/// The program `controlplane up`, and the folder of its control plane.
fn up() -> Result<(Child, PathBuf)> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_controlplane"))
        .arg("up")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("no stdout")?).read_line(&mut line)?;
    let kubeconfig = line.trim().strip_prefix("export KUBECONFIG=").context("no kubeconfig")?;
    let dir = Path::new(kubeconfig).parent().context("no folder")?.to_owned();
    let programs = working_in(&dir)?;
    for name in ["/etcd ", "/kube-apiserver ", "/kube-controller-manager "] {
        assert!(programs.iter().any(|line| line.contains(name)), "{name} is not in {programs:#?}");
    }
    Ok((child, dir))
}

#[tokio::test]
async fn nothing_is_left_after_a_drop() -> Result<()> {
    let plane = ControlPlane::start(Config::default()).await?;
    let dir = plane.dir().to_owned();
    assert!(!working_in(&dir)?.is_empty());
    drop(plane);
    assert_eq!(working_in(&dir)?, Vec::<String>::new());
    assert!(!dir.exists());
    Ok(())
}

#[tokio::test]
async fn nothing_is_left_after_a_sigkill() -> Result<()> {
    let (mut child, dir) = up()?;
    child.kill()?;
    child.wait()?;
    nothing_is_left(&dir).await
}

#[tokio::test]
async fn nothing_is_left_after_the_end_of_the_input() -> Result<()> {
    let (mut child, dir) = up()?;
    drop(child.stdin.take());
    assert!(child.wait()?.success());
    assert_eq!(working_in(&dir)?, Vec::<String>::new());
    assert!(!dir.exists());
    Ok(())
}

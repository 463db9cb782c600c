//! The control plane itself: etcd, kube-apiserver and, if wanted, kube-controller-manager.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::api::DeleteParams;
use kube::{Api, Client};
use tempfile::TempDir;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::assets::Assets;
use crate::etcd::Etcd;
use crate::kubeconfig::{self, Credentials};
use crate::pki::{Authority, Files};
use crate::process::{Process, Reaper};
use crate::programs::{AUDIT_POLICY, ApiServer, controller_manager_args};
use crate::{ports, wait::until};

/// How often a start is tried again when another process was faster to take a port.
const STARTS: usize = 5;

/// What kind of control plane to start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Whether the API server serves lists and watches from its cache. Without it every watch goes to etcd,
    /// so that [`ControlPlane::compact`] expires old versions.
    pub watch_cache: bool,
    /// Whether to start the controller manager, for garbage collection and the deletion of namespaces.
    pub controller_manager: bool,
    /// More arguments of the API server; they come last and win.
    pub apiserver_args: Vec<String>,
    /// More arguments of the controller manager; they come last and win.
    pub controller_manager_args: Vec<String>,
    /// How long each program may take until it is ready.
    pub ready_within: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            watch_cache: true,
            controller_manager: false,
            apiserver_args: Vec::new(),
            controller_manager_args: Vec::new(),
            ready_within: Duration::from_secs(120),
        }
    }
}

/// A running control plane on free ports of loopback. Everything ends and every file goes when it is dropped,
/// and also when this process ends in any other way.
///
/// # Caveats
/// There are no nodes: pods can be created, and stay pending.
#[derive(Debug)]
pub struct ControlPlane {
    pub(crate) config: Config,
    pub(crate) assets: Assets,
    pub(crate) authority: Authority,
    files: Files,
    etcd: Etcd,
    port: u16,
    running: Mutex<Running>,
    /// Starting and stopping take several steps that must not interleave.
    lifecycle: tokio::sync::Mutex<()>,
    reaper: Arc<Reaper>,
}

/// In the order in which they are dropped: an API server without its etcd would only complain.
#[derive(Debug, Default)]
struct Running {
    controller_manager: Option<Process>,
    apiserver: Option<Process>,
    etcd: Option<Process>,
}

/// A copy of everything the cluster stored at one moment, for [`ControlPlane::restore`].
#[derive(Debug)]
pub struct Snapshot {
    dir: TempDir,
}

impl ControlPlane {
    /// Starts a control plane and waits until it serves.
    ///
    /// The first start on a machine without `KUBEBUILDER_ASSETS` builds the programs, which takes minutes.
    ///
    /// # Errors
    /// No programs, or a program that ends or is not ready in time; the end of its log is in the message.
    pub async fn start(config: Config) -> Result<Self> {
        let assets = spawn_blocking(Assets::resolve).await??;
        for _ in 1..STARTS {
            match Self::start_once(config.clone(), assets.clone()).await {
                Err(error) if format!("{error:#}").contains("address already in use") => {}
                done => return done,
            }
        }
        Self::start_once(config, assets).await
    }

    async fn start_once(config: Config, assets: Assets) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("controlplane-").tempdir().context("create a folder")?;
        let reaper = Arc::new(Reaper::start(dir)?);
        let authority = Authority::new()?;
        let files = Files::write(reaper.dir().join("pki"), &authority)?;
        let [port, etcd_port, peer_port] = ports::free()?;
        let etcd = Etcd { port: etcd_port, peer_port, data: reaper.dir().join("etcd") };
        let (running, lifecycle) = (Mutex::default(), tokio::sync::Mutex::default());
        let plane = Self { config, assets, authority, files, etcd, port, running, lifecycle, reaper };
        plane.write_kubeconfig("admin", plane.authority.client("admin", "system:masters")?)?;
        plane.write_kubeconfig(
            "controller-manager",
            // Its own role covers only what its controllers do under names of their own.
            plane.authority.client("system:kube-controller-manager", "system:masters")?,
        )?;
        fs::write(plane.dir().join("audit-policy.yaml"), AUDIT_POLICY)?;
        plane.launch_etcd().await?;
        plane.launch_apiserver().await?;
        if plane.config.controller_manager {
            plane.launch_controller_manager().await?;
        }
        Ok(plane)
    }

    fn write_kubeconfig(&self, name: &str, identity: crate::pki::Identity) -> Result<()> {
        let path = self.dir().join(format!("{name}.kubeconfig"));
        kubeconfig::write(&path, self.port, self.authority.certificate(), &Credentials::Certificate(identity))
    }

    /// The folder with logs, certificates and data. It goes with the control plane.
    pub fn dir(&self) -> &Path {
        self.reaper.dir()
    }

    /// The kubeconfig of a cluster administrator.
    pub fn kubeconfig(&self) -> PathBuf {
        self.dir().join("admin.kubeconfig")
    }

    /// A new client of a cluster administrator; see [`crate::client`].
    ///
    /// # Errors
    /// An unreadable kubeconfig.
    pub async fn client(&self) -> Result<Client> {
        kubeconfig::client(&self.kubeconfig()).await
    }

    /// The port of the API server. It stays the same over restarts.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id of the API server while it runs.
    pub fn apiserver_pid(&self) -> Option<u32> {
        self.running().apiserver.as_ref().map(Process::pid)
    }

    /// The process id of etcd while it runs.
    pub fn etcd_pid(&self) -> Option<u32> {
        self.running().etcd.as_ref().map(Process::pid)
    }

    /// The time the API server's process has spent on a processor so far; `None` when it is down, and outside
    /// of Linux.
    pub fn apiserver_cpu(&self) -> Option<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.apiserver_pid()?)).ok()?;
        // The second field is the program's name in brackets and may hold spaces; utime and stime are the
        // 14th, 15th.
        let (_, fields) = stat.rsplit_once(')')?;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
        let ticks = ticks.sum::<Result<u64, _>>().ok()?;
        Some(Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second()).ok()?)
    }

    /// Kills the API server. Connections break, data stays.
    pub async fn stop_apiserver(&self) {
        let _turn = self.lifecycle.lock().await;
        self.running().apiserver = None;
    }

    /// Starts the API server again, on its port and its data. No-op while it runs.
    ///
    /// # Errors
    /// It is not ready in time.
    pub async fn start_apiserver(&self) -> Result<()> {
        let _turn = self.lifecycle.lock().await;
        self.launch_apiserver().await
    }

    /// Kills the API server and starts it again.
    ///
    /// # Errors
    /// It is not ready in time.
    pub async fn restart_apiserver(&self) -> Result<()> {
        let _turn = self.lifecycle.lock().await;
        self.running().apiserver = None;
        self.launch_apiserver().await
    }

    /// Starts the controller manager and waits until its controllers work. No-op while it runs.
    ///
    /// # Errors
    /// The program is missing in `KUBEBUILDER_ASSETS`, or it is not ready in time.
    pub async fn start_controller_manager(&self) -> Result<()> {
        let _turn = self.lifecycle.lock().await;
        self.launch_controller_manager().await
    }

    /// Kills the controller manager.
    pub async fn stop_controller_manager(&self) {
        let _turn = self.lifecycle.lock().await;
        self.running().controller_manager = None;
    }

    /// Compacts etcd and answers the revision. Every version that was handed out before is expired from here
    /// on.
    ///
    /// With the watch cache on, the API server still serves versions which that cache holds.
    ///
    /// # Errors
    /// etcd does not answer.
    pub async fn compact(&self) -> Result<u64> {
        self.etcd.compact().await
    }

    /// Copies the whole state of the cluster, while it runs.
    ///
    /// # Errors
    /// etcd is down, or the copy fails.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        let _turn = self.lifecycle.lock().await;
        let dir = tempfile::tempdir_in(self.dir()).context("create a folder")?;
        let running = self.running();
        let etcd = running.etcd.as_ref().context("etcd is down")?;
        self.etcd.copy(etcd, &dir.path().join("etcd"))?;
        Ok(Snapshot { dir })
    }

    /// Takes the whole cluster back to a snapshot, as after the restore of a backup: later objects are gone,
    /// and later versions are handed out again. The programs that ran are restarted, and write a few dozen
    /// versions themselves.
    ///
    /// # Errors
    /// The copy fails, or a program is not ready in time.
    pub async fn restore(&self, snapshot: &Snapshot) -> Result<()> {
        let _turn = self.lifecycle.lock().await;
        let stopped = std::mem::take(&mut *self.running());
        let (apiserver, controller_manager) =
            (stopped.apiserver.is_some(), stopped.controller_manager.is_some());
        drop(stopped);
        self.etcd.replace(&snapshot.dir.path().join("etcd"))?;
        self.launch_etcd().await?;
        if apiserver {
            self.launch_apiserver().await?;
        }
        if controller_manager {
            self.launch_controller_manager().await?;
        }
        Ok(())
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn launch_etcd(&self) -> Result<()> {
        if self.running().etcd.is_none() {
            let process = self.etcd.start(&self.assets, &self.reaper)?;
            self.running().etcd = Some(process);
        }
        self.ready("etcd", |running| &mut running.etcd, async || self.etcd.healthy().await).await
    }

    async fn launch_apiserver(&self) -> Result<()> {
        if self.running().apiserver.is_none() {
            let server = ApiServer {
                port: self.port,
                etcd_port: self.etcd.port,
                watch_cache: self.config.watch_cache,
                files: &self.files,
                audit_log: &self.audit_log(),
                audit_policy: &self.dir().join("audit-policy.yaml"),
                extra: &self.config.apiserver_args,
            };
            let program = self.assets.program("kube-apiserver");
            let process = Process::start(&self.reaper, "kube-apiserver", &program, server.args())?;
            self.running().apiserver = Some(process);
        }
        let client = self.client().await?;
        self.ready("kube-apiserver", |running| &mut running.apiserver, async || serves(&client).await).await
    }

    async fn launch_controller_manager(&self) -> Result<()> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client().await?, "kube-node-lease");
        if self.running().controller_manager.is_none() {
            let name = "kube-controller-manager";
            ensure!(self.assets.has(name), "{} has no {name}", self.assets.dir().display());
            // One from an earlier run would tell nothing about this one.
            if accounts.get_opt("default").await?.is_some() {
                accounts.delete("default", &DeleteParams::default()).await?;
            }
            let kubeconfig = self.dir().join("controller-manager.kubeconfig");
            let mut args = controller_manager_args(&kubeconfig, &self.files);
            args.extend_from_slice(&self.config.controller_manager_args);
            let process = Process::start(&self.reaper, name, &self.assets.program(name), args)?;
            self.running().controller_manager = Some(process);
        }
        self.ready(
            "kube-controller-manager",
            |running| &mut running.controller_manager,
            async || accounts.get_opt("default").await.is_ok_and(|account| account.is_some()),
        )
        .await
    }

    async fn ready(
        &self,
        name: &str,
        slot: impl Fn(&mut Running) -> &mut Option<Process>,
        mut probe: impl AsyncFnMut() -> bool,
    ) -> Result<()> {
        let within = self.config.ready_within;
        let served = until(name, within, async || {
            if let Some(process) = slot(&mut self.running())
                && let Some(status) = process.ended()?
            {
                bail!("{name} has ended with {status}");
            }
            let answer = timeout(Duration::from_secs(5), probe()).await;
            Ok((answer == Ok(true)).then_some(()))
        });
        let Err(error) = served.await else { return Ok(()) };
        // What has not become ready must not stay as if it had: the next start would find it and wait in
        // vain.
        let process = slot(&mut self.running()).take();
        let tail = process.map(|process| process.tail()).unwrap_or_default();
        Err(error.context(format!("{name} does not become ready; {tail}")))
    }
}

/// Ready, and past its own first steps: the namespaces it creates by itself come a moment after it is ready.
async fn serves(client: &Client) -> bool {
    let Ok(request) = http::Request::get("/readyz").body(Vec::new()) else { return false };
    let namespaces: Api<Namespace> = Api::all(client.clone());
    client.request_text(request).await.is_ok()
        && namespaces.get_opt("default").await.is_ok_and(|found| found.is_some())
}

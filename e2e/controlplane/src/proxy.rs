//! A proxy in front of the API server that does what networks and overloaded servers do, when the test says
//! so.

mod call;
mod fault;
mod gate;
mod rules;
mod server;
mod stream;
pub(crate) mod tls;

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use kube::Client;
use tempfile::TempDir;
use tokio::runtime;
use tokio::sync::oneshot;

pub use call::Call;
pub use fault::{Fault, Match, Rewrite, error_event};
pub use gate::Gate;
pub use rules::Rule;

use crate::controlplane::ControlPlane;
use crate::kubeconfig::{self, Credentials};
use rules::Rules;

/// A reverse proxy for HTTP/1.1 over TLS. Without rules it changes nothing.
///
/// Requests with a token keep it; requests without one are made as the administrator.
///
/// While the API server is down, the proxy accepts connections and closes them.
///
/// It runs on a thread and a runtime of its own, so that a test may pause time or block, and dropping it ends
/// every connection.
///
/// # Examples
/// ```no_run
/// use std::time::Duration;
/// use rewitness_controlplane::{Fault, FaultProxy, Match, shared};
///
/// # async fn example() -> anyhow::Result<()> {
/// let proxy = FaultProxy::start(shared().await?)?;
/// let client = proxy.client().await?;
/// let lost = proxy.rule(Match::any().method("DELETE").times(1), Fault::LoseAnswer);
/// // … delete something with the client …
/// lost.wait_hits(1, Duration::from_secs(10)).await?;
/// assert_eq!(proxy.count(|call| call.method == "DELETE"), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FaultProxy {
    rules: Arc<Rules>,
    port: u16,
    authority: String,
    dir: TempDir,
    /// Dropping it tells the thread to end.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl FaultProxy {
    /// Starts a proxy in front of this control plane.
    ///
    /// # Errors
    /// No free port, no thread, or an unwritable folder.
    pub fn start(plane: &ControlPlane) -> Result<Self> {
        let dir =
            tempfile::Builder::new().prefix("proxy-").tempdir_in(plane.dir()).context("create a folder")?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listen")?;
        let port = listener.local_addr()?.port();
        let admin = plane.authority.client("admin", "system:masters")?;
        let tls = tls::Tls::new(&plane.authority, &admin)?;
        let authority = plane.authority.certificate().to_owned();
        // The proxy asks nobody for a certificate, but kubectl asks for a password when it has none.
        let credentials = Credentials::Certificate(admin);
        kubeconfig::write(&dir.path().join("admin.kubeconfig"), port, &authority, &credentials)?;
        let rules = Arc::new(Rules::default());
        let (stop, stopped) = oneshot::channel();
        let upstream = plane.port();
        let runtime =
            runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
        let thread = thread::Builder::new().name("fault-proxy".into()).spawn({
            let rules = Arc::clone(&rules);
            move || runtime.block_on(server::serve(listener, tls, upstream, rules, stopped))
        });
        let thread = Some(thread.context("start a thread")?);
        Ok(Self { rules, port, authority, dir, stop: Some(stop), thread })
    }

    /// The kubeconfig of an administrator who goes through the proxy.
    pub fn kubeconfig(&self) -> PathBuf {
        self.dir.path().join("admin.kubeconfig")
    }

    /// The kubeconfig of a ServiceAccount who goes through the proxy; takes the one of
    /// [`ControlPlane::service_account`].
    ///
    /// # Errors
    /// A kubeconfig without a token.
    pub fn kubeconfig_for(&self, account: &Path) -> Result<PathBuf> {
        let name = account.file_name().context("no path of a kubeconfig")?;
        let path = self.dir.path().join(name);
        let credentials = Credentials::Token(kubeconfig::token(account)?);
        kubeconfig::write(&path, self.port, &self.authority, &credentials)?;
        Ok(path)
    }

    /// A new client of an administrator who goes through the proxy; see [`crate::client`].
    ///
    /// # Errors
    /// An unreadable kubeconfig.
    pub async fn client(&self) -> Result<Client> {
        kubeconfig::client(&self.kubeconfig()).await
    }

    /// Puts a rule in force until it is dropped.
    pub fn rule(&self, matching: Match, fault: Fault) -> Rule {
        Rule::new(&self.rules, matching, fault)
    }

    /// Breaks the connections of all watches that clients read at the moment, and answers how many there
    /// were.
    pub fn cut_all_watches(&self) -> usize {
        self.rules.cut()
    }

    /// How many watches clients read at the moment.
    pub fn open_watches(&self) -> usize {
        self.rules.streams()
    }

    /// Waits until clients read this many watches.
    ///
    /// # Errors
    /// The time is over before.
    pub async fn wait_open_watches(&self, count: usize, within: Duration) -> Result<()> {
        self.rules.until(&format!("{count} open watches"), within, || self.open_watches() == count).await
    }

    /// Every request so far, in the order in which they came.
    pub fn requests(&self) -> Vec<Arc<Call>> {
        self.rules.calls()
    }

    /// How many of the requests so far fulfil a condition.
    pub fn count(&self, condition: impl Fn(&Call) -> bool) -> usize {
        self.requests().iter().filter(|call| condition(call)).count()
    }

    /// Waits until this many requests that fulfil a condition have come.
    ///
    /// # Errors
    /// The time is over before.
    pub async fn wait_count(
        &self,
        count: usize,
        within: Duration,
        condition: impl Fn(&Call) -> bool,
    ) -> Result<()> {
        self.rules.until(&format!("{count} requests"), within, || self.count(&condition) >= count).await
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

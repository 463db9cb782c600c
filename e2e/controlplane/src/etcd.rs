//! etcd: its start, compaction, and copies of its data.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::assets::Assets;
use crate::process::{Process, Reaper};

/// Where one etcd listens and keeps its data.
#[derive(Debug, Clone)]
pub(crate) struct Etcd {
    pub(crate) port: u16,
    pub(crate) peer_port: u16,
    pub(crate) data: PathBuf,
}

impl Etcd {
    pub(crate) fn start(&self, assets: &Assets, reaper: &Arc<Reaper>) -> Result<Process> {
        let client = format!("http://127.0.0.1:{}", self.port);
        let peer = format!("http://127.0.0.1:{}", self.peer_port);
        let args = [
            "--name=etcd".into(),
            format!("--data-dir={}", self.data.display()),
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={client}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=etcd={peer}"),
            // The data need not outlive the machine, only the process.
            "--unsafe-no-fsync".into(),
        ];
        Process::start(reaper, "etcd", &assets.program("etcd"), args)
    }

    pub(crate) async fn healthy(&self) -> bool {
        self.call("GET", "/health", &Value::Null).await.is_ok_and(|answer| answer["health"] == "true")
    }

    /// Compacts away every version that was handed out before this call, and answers the compacted revision.
    pub(crate) async fn compact(&self) -> Result<u64> {
        // A watch that starts at the last revision before the compacted one is still served, so the last
        // version handed out has to be two writes away.
        let mut revision = 0;
        for _ in 0..2 {
            // The key is "rewitness", outside of the API server's prefix.
            let put = self.call("POST", "/v3/kv/put", &json!({"key": "cmV3aXRuZXNz"})).await?;
            let text = put["header"]["revision"].as_str().context("a put without a revision")?;
            revision = text.parse().context("a revision that is no number")?;
        }
        self.call("POST", "/v3/kv/compaction", &json!({"revision": revision.to_string(), "physical": true}))
            .await?;
        Ok(revision)
    }

    /// One request to etcd's JSON gateway, on a connection of its own.
    async fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.context("connect to etcd")?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let request = Request::builder().method(method).uri(path).header("host", "etcd");
        let body = if body.is_null() { Vec::new() } else { serde_json::to_vec(body)? };
        let request = request.body(Full::new(Bytes::from(body)))?;
        // The sender ends with the exchange, and with it the connection.
        let exchange = async move {
            let answer = sender.send_request(request).await?;
            let status = answer.status();
            Ok::<_, hyper::Error>((status, answer.into_body().collect().await?.to_bytes()))
        };
        let (exchange, _) = tokio::join!(exchange, connection);
        let (status, bytes) = exchange.with_context(|| format!("call etcd at {path}"))?;
        ensure!(status.is_success(), "etcd answers {status} at {path}: {}", String::from_utf8_lossy(&bytes));
        Ok(serde_json::from_slice(&bytes)?)
    }

    /// Copies the data of the running etcd. It stands still meanwhile, so that the copy is what a crash would
    /// leave behind; and a crash is something etcd recovers from.
    pub(crate) fn copy(&self, process: &Process, to: &Path) -> Result<()> {
        let pid =
            i32::try_from(process.pid()).ok().and_then(Pid::from_raw).context("etcd has no process id")?;
        kill_process(pid, Signal::STOP).context("stop etcd")?;
        // Answers once every thread has stopped.
        let stopped = waitpid(Some(pid), WaitOptions::UNTRACED).context("wait for etcd to stop")?;
        let copied = match stopped {
            Some((_, status)) if status.stopped() => copy_dir(&self.data, to),
            _ => bail!("etcd has ended: {}", process.tail()),
        };
        kill_process(pid, Signal::CONT).context("continue etcd")?;
        copied
    }

    /// Puts a copy in the place of the data. etcd must not run.
    pub(crate) fn replace(&self, from: &Path) -> Result<()> {
        fs::remove_dir_all(&self.data).context("remove etcd's data")?;
        copy_dir(from, &self.data)
    }
}

fn copy_dir(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to).with_context(|| format!("create {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("list {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_dir(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target).with_context(|| format!("copy {}", entry.path().display()))?;
        }
    }
    Ok(())
}

//! Child processes that end with the harness, however the harness ends.
//!
//! ```text
//!   harness ──pipe──▶ reaper (sh)      reads "adopt PID", "release PID"; at end of file it kills and cleans
//!      │
//!      └──pipe──▶ sh ─exec─▶ program   the shell waits for "go", and leaves when the pipe ends before that
//! ```
//!
//! A killed harness closes its pipes, whatever killed it; this needs no `unsafe` and works on Linux and
//! macOS. The handshake makes sure that a program runs only once the reaper knows its process id.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};

/// Newest first: the API server has to go before its etcd. A killed process may still be inside a system call
/// that creates a file, hence the loop around `rm`.
const REAPER: &str = r#"
trap '' HUP INT TERM
pids=
while read -r verb pid; do
  case $verb in
    adopt) pids="$pid $pids" ;;
    release)
      left=
      for p in $pids; do [ "$p" = "$pid" ] || left="$left $p"; done
      pids=$left ;;
  esac
done
for p in $pids; do kill -KILL "$p"; done
tries=0
until rm -rf -- "$1" || [ $tries -ge 50 ]; do tries=$((tries + 1)); sleep 0.1; done
"#;

const LAUNCHER: &str = r#"read -r go && exec "$0" "$@" </dev/null"#;

/// Kills the processes it was told of and removes the folder, when it is dropped or when this process is
/// gone.
#[derive(Debug)]
pub(crate) struct Reaper {
    dir: PathBuf,
    shell: Child,
    pipe: Mutex<Option<ChildStdin>>,
}

impl Reaper {
    /// Takes the folder over: from here on the reaper removes it.
    pub(crate) fn start(dir: tempfile::TempDir) -> Result<Self> {
        let mut shell = Command::new("sh")
            .args(["-c", REAPER, "reaper"])
            .arg(dir.path())
            // A Ctrl-C in the terminal is for the harness; the reaper has to outlive it.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("start the reaper")?;
        let pipe = Mutex::new(shell.stdin.take());
        Ok(Self { dir: dir.keep(), shell, pipe })
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    fn tell(&self, verb: &str, pid: u32) -> Result<()> {
        let mut pipe = self.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        let pipe = pipe.as_mut().context("the reaper has ended")?;
        writeln!(pipe, "{verb} {pid}").context("tell the reaper")
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        drop(self.pipe.get_mut().unwrap_or_else(PoisonError::into_inner).take());
        let _ = self.shell.wait();
    }
}

/// One running program. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
    reaper: Arc<Reaper>,
}

impl Process {
    /// Starts a program whose output is appended to `<name>.log` in the reaper's folder.
    pub(crate) fn start<I: IntoIterator<Item = String>>(
        reaper: &Arc<Reaper>,
        name: &'static str,
        program: &Path,
        args: I,
    ) -> Result<Self> {
        let log = reaper.dir().join(format!("{name}.log"));
        let file = OpenOptions::new().create(true).append(true).open(&log).context("open the log")?;
        let mut child = Command::new("sh")
            .args(["-c", LAUNCHER])
            .arg(program)
            .args(args)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("start {name}"))?;
        let go = child.stdin.take();
        let process = Self { name, child, log, reaper: Arc::clone(reaper) };
        process.reaper.tell("adopt", process.pid())?;
        go.context("the launcher has no stdin")?
            .write_all(b"go\n")
            .with_context(|| format!("launch {name}"))?;
        Ok(process)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The status, if the program has ended by itself.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("wait for {}", self.name))
    }

    /// The last lines of the log, for an error message.
    pub(crate) fn tail(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines.get(lines.len().saturating_sub(30)..).unwrap_or_default().join("\n");
        format!("the end of the log of {}:\n{tail}", self.name)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let pid = self.pid();
        let _ = self.child.kill();
        // Before the wait: after it the number may belong to someone else.
        let _ = self.reaper.tell("release", pid);
        let _ = self.child.wait();
    }
}

//! What ends the program if the demo is killed: without it an operator would work on, and nobody would know of it.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result};

/// A second line says that the process has ended, and its number may be another's; the end of the pipe, that the demo
/// has.
const GUARD: &str = r#"
trap '' HUP INT TERM
read -r pid || exit 0
read -r ended || kill -KILL "$pid"
"#;

/// Kills a process when this is dropped, or when the demo is gone in whichever way.
pub(crate) struct Guard {
    shell: Child,
    pipe: Option<ChildStdin>,
}

impl Guard {
    /// Before there is a process, so that the process is never alone for long.
    pub(crate) fn start() -> Result<Self> {
        let mut shell = Command::new("sh")
            .args(["-c", GUARD])
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("start a guard")?;
        let pipe = shell.stdin.take();
        Ok(Self { shell, pipe })
    }

    pub(crate) fn watch(&mut self, pid: u32) -> Result<()> {
        self.tell(&pid.to_string())
    }

    /// The process has ended.
    pub(crate) fn dismiss(&mut self) {
        // A guard that is gone need not be told.
        let _ = self.tell("ended");
    }

    fn tell(&mut self, line: &str) -> Result<()> {
        writeln!(self.pipe.as_mut().context("a guard has a pipe")?, "{line}").context("tell the guard")
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ = self.shell.wait();
    }
}

//! The program on a terminal of its own: it looks as it does to a person, and can be answered.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use rewitness_controlplane::until;
use rustix::fs::OFlags;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, Winsize, tcgetattr, tcsetattr, tcsetwinsize};
use tokio::process::Child;

const PATIENCE: Duration = Duration::from_secs(60);

/// A program on a terminal. Dropping it kills it.
pub(crate) struct OnTerminal {
    child: Child,
    keyboard: File,
    shown: Arc<Mutex<String>>,
}

impl OnTerminal {
    pub(crate) fn start(mut command: Command) -> Result<Self> {
        let (mut ours, theirs) = open(100)?;
        command.stdin(theirs.try_clone()?).stdout(theirs.try_clone()?).stderr(theirs);
        let child = tokio::process::Command::from(command).kill_on_drop(true).spawn()?;
        let (keyboard, shown) = (ours.try_clone()?, Arc::new(Mutex::new(String::new())));
        let screen = shown.clone();
        // A terminal can only be read blocking; the thread ends when the program has closed its end.
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = ours.read(&mut chunk) {
                let text = String::from_utf8_lossy(&chunk[..length]);
                screen.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
            }
        });
        Ok(Self { child, keyboard, shown })
    }

    pub(crate) fn shown(&self) -> String {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it shows this.
    pub(crate) async fn shows(&self, text: &str) -> Result<()> {
        let seen = until(text, PATIENCE, async || Ok(self.shown().contains(text).then_some(()))).await;
        seen.with_context(|| self.shown())
    }

    pub(crate) fn types(&mut self, text: &str) -> Result<()> {
        Ok(self.keyboard.write_all(text.as_bytes())?)
    }

    pub(crate) fn interrupt(&self) -> Result<()> {
        let id =
            self.child.id().and_then(|id| Pid::from_raw(id.cast_signed())).context("it has ended already")?;
        Ok(kill_process(id, Signal::INT)?)
    }

    pub(crate) async fn end(mut self) -> Result<Option<i32>> {
        Ok(tokio::time::timeout(PATIENCE, self.child.wait()).await.with_context(|| self.shown())??.code())
    }
}

/// The two ends of a terminal with so many columns: ours and the program's.
fn open(columns: u16) -> Result<(File, File)> {
    let ours: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).context("open a terminal")?;
    // If the program inherited this end, its own would never be closed.
    fcntl_setfd(&ours, FdFlags::CLOEXEC)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let name = ptsname(&ours, Vec::new()).context("find the terminal's name")?;
    let theirs = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(OFlags::NOCTTY.bits().cast_signed())
        .open(OsStr::from_bytes(name.as_bytes()))?;
    let mut settings = tcgetattr(&theirs)?;
    settings.make_raw();
    tcsetattr(&theirs, OptionalActions::Now, &settings)?;
    tcsetwinsize(&theirs, Winsize { ws_row: 50, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 })?;
    Ok((ours.into(), theirs))
}

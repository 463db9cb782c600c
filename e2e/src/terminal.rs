//! A terminal of our own: what the program writes there looks as it does to a person who types the command, and comes
//! in the order in which it was written, whether to stdout or to stderr.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;

use anyhow::{Context, Result};
use rustix::fs::OFlags;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, Winsize, tcgetattr, tcsetattr, tcsetwinsize};

/// The two ends of a terminal.
pub struct Terminal {
    /// Where we read.
    pub ours: File,
    /// Where the program writes.
    pub theirs: File,
}

impl Terminal {
    /// Opens a terminal with so many columns.
    ///
    /// # Errors
    /// The system has no terminals to give.
    pub fn open(columns: usize) -> Result<Self> {
        let ours: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).context("open a terminal")?;
        // If a program inherited this end, its own would never be closed.
        fcntl_setfd(&ours, FdFlags::CLOEXEC)?;
        grantpt(&ours)?;
        unlockpt(&ours)?;
        let name = ptsname(&ours, Vec::new()).context("find the terminal's name")?;
        let theirs = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OFlags::NOCTTY.bits().cast_signed())
            .open(OsStr::from_bytes(name.as_bytes()))
            .context("open the terminal's other end")?;
        let mut settings = tcgetattr(&theirs)?;
        settings.make_raw();
        tcsetattr(&theirs, OptionalActions::Now, &settings)?;
        let ws_col = u16::try_from(columns).unwrap_or(u16::MAX);
        tcsetwinsize(&theirs, Winsize { ws_row: 50, ws_col, ws_xpixel: 0, ws_ypixel: 0 })?;
        Ok(Self { ours: ours.into(), theirs })
    }
}

//! One run of the demo: its folder, and how a later run knows that it was cut off.
//!
//! What a run creates in somebody's cluster carries its id. Its folder holds a locked file for as long as it runs, also
//! when it is killed: a folder whose lock is free belongs to a run that could not clean up, and what carries its id may
//! be removed. What carries any other id is somebody else's, maybe at work right now.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rewitness_controlplane::unique;

/// The file in the folder of a run that writes to somebody's cluster.
const KEPT: &str = "kept";

/// The folder of a run. It goes when this is dropped, unless it is kept.
#[derive(Debug)]
pub(crate) struct Session {
    dir: PathBuf,
    /// Held open, for its lock.
    _lock: File,
}

impl Session {
    /// Begins a run below the folder `root`, and removes the folders of runs that left nothing else behind.
    pub(crate) fn begin(root: &Path) -> Result<Self> {
        let id = unique("demo");
        // Under another name until it is locked: nobody shall take it for one that was cut off.
        let unborn = root.join(format!(".{id}"));
        fs::create_dir_all(&unborn).with_context(|| format!("create {}", unborn.display()))?;
        let lock = File::create(unborn.join("lock")).context("create the lock")?;
        lock.try_lock().context("lock the folder of this run")?;
        let dir = root.join(id);
        fs::rename(&unborn, &dir).with_context(|| format!("create {}", dir.display()))?;
        drop(Self::cut_off(root)?);
        Ok(Self { dir, _lock: lock })
    }

    /// The runs that were cut off.
    pub(crate) fn cut_off(root: &Path) -> Result<Vec<Self>> {
        let Ok(entries) = fs::read_dir(root) else { return Ok(Vec::new()) };
        let mut sessions = Vec::new();
        for entry in entries {
            let dir = entry.with_context(|| format!("list {}", root.display()))?.path();
            let Ok(lock) = File::open(dir.join("lock")) else { continue };
            if lock.try_lock().is_ok() {
                sessions.push(Self { dir, _lock: lock });
            }
        }
        Ok(sessions)
    }

    /// What its objects in a cluster are labelled with.
    pub(crate) fn id(&self) -> String {
        self.dir.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Keeps the folder until it is forgotten, so that a later run knows this one.
    pub(crate) fn keep(&self) -> Result<()> {
        fs::write(self.dir.join(KEPT), "").context("keep the folder of this run")
    }

    /// Lets the folder go after all.
    pub(crate) fn forget(self) {
        let _ = fs::remove_file(self.dir.join(KEPT));
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.dir.join(KEPT).exists() {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_was_cut_off_is_known_and_one_that_runs_is_left_alone() {
        let root = std::env::temp_dir().join(unique("sessions"));
        let killed = Session::begin(&root).unwrap();
        let runs = Session::begin(&root).unwrap();
        assert!(Session::cut_off(&root).unwrap().is_empty());
        let id = killed.id();
        killed.keep().unwrap();
        drop(killed);
        drop(Session::begin(&root).unwrap());
        let found = Session::cut_off(&root).unwrap().pop().unwrap();
        assert_eq!(found.id(), id);
        found.forget();
        assert!(Session::cut_off(&root).unwrap().is_empty());
        drop(runs);
        assert_eq!(fs::read_dir(&root).unwrap().count(), 0);
        fs::remove_dir(&root).unwrap();
    }
}

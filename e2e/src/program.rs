//! The program `rewitness` that belongs to the executable that runs.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

/// The path of the program `rewitness`: the one that was built into the same profile's folder as the executable that
/// asks, be it a test, an example or a binary.
///
/// # Errors
/// It is not built. Cargo builds the binaries of a package for that package's own tests alone, so that here somebody
/// has to ask for it: `cargo build -p rewitness-cli`.
pub fn program() -> Result<PathBuf> {
    let dir = profile_dir()?;
    let program = dir.join("rewitness");
    let release = if dir.ends_with("release") { " --release" } else { "" };
    ensure!(program.exists(), "{} is not built: cargo build{release} -p rewitness-cli", program.display());
    Ok(program)
}

/// Cargo's target folder, for what a run leaves behind to be read.
///
/// # Errors
/// The executable that asks is not in it.
pub fn target_dir() -> Result<PathBuf> {
    let dir = profile_dir()?.parent().context("a profile's folder has a parent")?.to_owned();
    Ok(dir)
}

/// `target/debug` or `target/release`; tests are one folder deeper, in `deps`.
fn profile_dir() -> Result<PathBuf> {
    let this = std::env::current_exe().context("find this executable")?;
    let dir = this.parent().context("an executable is in a folder")?;
    let deeper = dir.ends_with("deps") || dir.ends_with("examples");
    let dir = if deeper { dir.parent() } else { Some(dir) };
    Ok(dir.context("deps is in a folder")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_is_found_from_a_test() {
        let dir = profile_dir().unwrap();
        assert!(dir.join("deps").is_dir(), "{}", dir.display());
        assert!(target_dir().unwrap().join("CACHEDIR.TAG").exists());
    }
}

//! The programs of the control plane: found in `KUBEBUILDER_ASSETS`, or built once into a cache.

use std::env::consts::{ARCH, OS};
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::process::{Process, Reaper};

/// The Kubernetes version that is built; `go/go.mod` holds the same one.
const KUBERNETES: &str = "1.36.3";

/// The Go module travels inside this crate, so that a build needs no checkout.
const SOURCES: [(&str, &str); 3] = [
    ("go.mod", include_str!("../go/go.mod")),
    ("go.sum", include_str!("../go/go.sum")),
    ("main.go", include_str!("../go/main.go")),
];

/// The names under which the one binary is called.
const PROGRAMS: [&str; 4] = ["etcd", "kube-apiserver", "kube-controller-manager", "kubectl"];

/// A folder with `etcd`, `kube-apiserver`, `kubectl` and, if it is there, `kube-controller-manager`.
#[derive(Debug, Clone)]
pub struct Assets {
    dir: PathBuf,
}

impl Assets {
    /// Takes `KUBEBUILDER_ASSETS` when it is set, else the cache, which it fills first if need be.
    ///
    /// Filling the cache blocks for minutes and tells so on stderr. Several processes may call this at once:
    /// one builds, the others wait for it.
    ///
    /// # Errors
    /// A program that is missing in `KUBEBUILDER_ASSETS`, no Go, or a failed build.
    pub fn resolve() -> Result<Self> {
        if let Some(dir) = env("KUBEBUILDER_ASSETS") {
            let assets = Self { dir: dir.into() };
            for name in ["etcd", "kube-apiserver", "kubectl"] {
                ensure!(assets.has(name), "KUBEBUILDER_ASSETS is {} and has no {name}", assets.dir.display());
            }
            return Ok(assets);
        }
        let root = cache_root()?;
        let name = format!("controlplane-v{KUBERNETES}-{OS}-{ARCH}-{:016x}", fingerprint());
        let dir = root.join(&name);
        if !dir.exists() {
            fs::create_dir_all(&root).with_context(|| format!("create {}", root.display()))?;
            let _lock = exclusive(&root.join(format!("{name}.lock")))?;
            if !dir.exists() {
                build(&root, &dir)?;
            }
        }
        Ok(Self { dir })
    }

    /// The folder itself.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether the folder holds this program.
    pub fn has(&self, name: &str) -> bool {
        self.program(name).exists()
    }

    /// The path of one program.
    pub fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "test tooling, which is told by the environment where its programs are"
)]
fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn cache_root() -> Result<PathBuf> {
    if let Some(dir) = env("REWITNESS_CACHE") {
        return Ok(dir.into());
    }
    if let Some(dir) = env("XDG_CACHE_HOME") {
        return Ok(Path::new(&dir).join("rewitness"));
    }
    let home = env("HOME").context("none of REWITNESS_CACHE, XDG_CACHE_HOME and HOME is set")?;
    let caches = if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" };
    Ok(Path::new(&home).join(caches).join("rewitness"))
}

/// FNV-1a over everything that decides what is built. The standard hashers promise no stable value.
fn fingerprint() -> u64 {
    let flags = linker_flags();
    let parts = SOURCES.iter().map(|(_, text)| *text).chain([flags.as_str()]);
    parts.flat_map(str::bytes).fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Without these the programs report version v0.0.0, and clients that check it refuse them.
fn linker_flags() -> String {
    let minor = KUBERNETES.split('.').nth(1).unwrap_or_default();
    let base = "k8s.io/component-base/version";
    format!(
        "-s -w -X {base}.gitVersion=v{KUBERNETES} -X {base}.gitMajor=1 -X {base}.gitMinor={minor} \
         -X k8s.io/client-go/pkg/version.gitVersion=v{KUBERNETES}"
    )
}

/// Holds the lock until the file is dropped; the file stays, since removing it would let two processes lock
/// two files.
fn exclusive(path: &Path) -> Result<File> {
    let file = File::create(path).with_context(|| format!("create {}", path.display()))?;
    if file.try_lock().is_err() {
        tell("waiting for another process that builds the control plane");
        file.lock().with_context(|| format!("lock {}", path.display()))?;
    }
    Ok(file)
}

fn build(root: &Path, dir: &Path) -> Result<()> {
    require_go()?;
    tell(&format!(
        "building etcd, kube-apiserver, kube-controller-manager and kubectl v{KUBERNETES} once into {}: \
         about 5 minutes on 2 cores, and 3 GB of Go's caches",
        dir.display()
    ));
    // Under a reaper, so that a build which is given up leaves nothing behind.
    let reaper = Arc::new(Reaper::start(tempfile::tempdir_in(root).context("create a folder to build in")?)?);
    let (source, output) = (reaper.dir().join("source"), reaper.dir().join("output"));
    fs::create_dir(&source)?;
    fs::create_dir(&output)?;
    for (name, text) in SOURCES {
        fs::write(source.join(name), text)?;
    }
    compile(&reaper, &source, &output.join("controlplane"))?;
    for name in PROGRAMS {
        symlink("controlplane", output.join(name))?;
    }
    fs::rename(&output, dir).with_context(|| format!("move the programs to {}", dir.display()))
}

fn require_go() -> Result<()> {
    match Command::new("go").arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "a control plane needs its programs, and there is no Go to build them: install Go 1.21 or newer, \
             or set KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver and kubectl, for example \
             KUBEBUILDER_ASSETS=$(setup-envtest use -p path)"
        ),
        Err(error) => Err(error).context("run go"),
    }
}

fn compile(reaper: &Arc<Reaper>, source: &Path, binary: &Path) -> Result<()> {
    let begun = Instant::now();
    let (source, binary) = (source.display().to_string(), binary.display().to_string());
    // Images of Go forbid the newer Go that the module asks for, unless told otherwise.
    let command =
        ["CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=", "GOTOOLCHAIN=auto", "go", "-C", &source, "build"];
    // The linker leaves debug information out; not to make it at all saves an eighth of the time.
    let no_dwarf = "-gcflags=all=-dwarf=false";
    let flags = ["-trimpath", "-buildvcs=false", no_dwarf, "-ldflags", &linker_flags(), "-o", &binary, "."];
    let args = command.iter().chain(&flags).map(ToString::to_string);
    let mut go = Process::start(reaper, "go", Path::new("env"), args)?;
    let mut told = 0;
    let status = loop {
        if let Some(status) = go.ended()? {
            break status;
        }
        thread::sleep(Duration::from_millis(200));
        let minutes = begun.elapsed().as_secs() / 60;
        if minutes > told {
            told = minutes;
            tell(&format!("still building the control plane after {minutes} min"));
        }
    };
    ensure!(status.success(), "go build of the control plane ended with {status}; {}", go.tail());
    tell(&format!("built the control plane in {} s", begun.elapsed().as_secs()));
    Ok(())
}

/// Straight to stderr, past the capture of `cargo test`: whoever waits for minutes has to see why.
fn tell(message: &str) {
    let _ = writeln!(std::io::stderr(), "controlplane: {message}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_that_is_told_is_the_one_that_is_built() {
        let required = format!("k8s.io/kubernetes v{KUBERNETES}\n");
        assert!(SOURCES[0].1.contains(&required));
        assert!(linker_flags().contains("-X k8s.io/component-base/version.gitMinor=36 "));
    }
}

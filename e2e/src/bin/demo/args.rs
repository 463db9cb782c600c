//! The command line, as `e2e/demo.sh` writes it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser;

/// Replays, retries, held deletions and deletions by reference on a real API server, each checked by reading the state
/// back.
#[derive(Debug, Parser)]
#[command(name = "demo")]
pub(crate) struct Args {
    /// Use the cluster of this context of the kubeconfig instead of starting a control plane.
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// Use that cluster without asking.
    #[arg(long, requires = "context")]
    pub(crate) yes: bool,
    /// When `make demo` was called, in seconds since 1970: from then on the first line is timed.
    #[arg(long, value_name = "SECONDS")]
    started: Option<u64>,
}

impl Args {
    /// When all this began.
    pub(crate) fn started(&self) -> SystemTime {
        self.started.map_or_else(SystemTime::now, |seconds| UNIX_EPOCH + Duration::from_secs(seconds))
    }
}

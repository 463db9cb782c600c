//! Prints the custom resource definitions as YAML, for `deploy/crds`.
//!
//! `cargo run -p rewitness-crds --example crds > deploy/crds/cascades.rewitness.dev.yaml`

use std::io::{self, Write};

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for definition in rewitness_crds::definitions() {
        let yaml = serde_saphyr::to_string(&definition).map_err(io::Error::other)?;
        write!(out, "---\n{yaml}")?;
    }
    Ok(())
}

//! Who is measured.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rewitness_e2e::program;

use crate::fill::WIDGETS;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    /// The program: `tail … -A --until-replayed -o name >/dev/null`.
    Tail,
    /// The floor.
    Raw,
    /// The program with somebody who reads: tells when the first line comes.
    TailRead,
}

impl Contender {
    pub(crate) const ALL: [Self; 3] = [Self::Tail, Self::Raw, Self::TailRead];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tail => "rewitness tail",
            Self::Raw => "raw bytes",
            Self::TailRead => "rewitness tail | reader",
        }
    }

    pub(crate) fn reads(self) -> bool {
        self == Self::TailRead
    }

    /// The command line.
    pub(crate) fn command(self, kubeconfig: &Path) -> Result<Vec<String>> {
        let (program, flags): (PathBuf, &[&str]) = match self {
            Self::Raw => (std::env::current_exe().context("find this executable")?, &["raw"]),
            Self::Tail | Self::TailRead => {
                (program()?, &["tail", WIDGETS, "-A", "--until-replayed", "-o", "name"])
            }
        };
        let mut words = vec![program.display().to_string()];
        words.extend(flags.iter().map(ToString::to_string));
        words.extend(["--kubeconfig".to_owned(), kubeconfig.display().to_string()]);
        Ok(words)
    }
}

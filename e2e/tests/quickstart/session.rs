//! A shell on a terminal, as a reader has it.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rewitness_controlplane::until;
use tempfile::TempDir;

use rewitness_e2e::OnTerminal;

/// How long a block may take: some wait for a cluster more than once.
const PATIENCE: Duration = Duration::from_secs(400);

/// As wide as an answer ever gets, so that no line is broken elsewhere because an age has a digit more.
const COLUMNS: usize = 120;

/// One shell for all blocks, so that what one sets is there for the next. It ends at the first command that fails, and
/// says after each block, between two characters that nothing else prints, how that ended.
const DRIVER: &str = r#"
set -eo pipefail
trap 'printf "\036%s\036" "$?"' EXIT
while IFS= read -r block; do
  source "$block" </dev/null
  printf '\0360\036'
done
"#;

const SAID: char = '\x1e';

/// What the program writes before it writes a line of the screen anew; what stood there is not seen any more.
const CLEAR_LINE: &str = "\r\x1b[2K";

/// A shell that blocks are typed into.
pub(crate) struct Session {
    terminal: OnTerminal,
    /// How much of the terminal was read already.
    read: usize,
    blocks: TempDir,
}

impl Session {
    /// Starts a shell in this environment: the command is `bash`, without its arguments.
    pub(crate) fn start(mut bash: Command) -> Result<Self> {
        bash.args(["--noprofile", "--norc", "-c", DRIVER]);
        let blocks = tempfile::tempdir().context("create a folder")?;
        Ok(Self { terminal: OnTerminal::sized(bash, COLUMNS)?, read: 0, blocks })
    }

    /// Types a block, waits until it has ended, and answers what it has printed.
    pub(crate) async fn types(&mut self, code: &str) -> Result<String> {
        let file = self.blocks.path().join("block");
        fs::write(&file, code).context("write the block")?;
        self.terminal.types(&format!("{}\n", file.display()))?;
        let from = self.read;
        let ended = until("the block has ended", PATIENCE, async || {
            let shown = self.terminal.shown();
            let mut parts = shown[from..].split(SAID);
            let (printed, status) = (parts.next(), parts.next());
            let is_complete = parts.next().is_some();
            Ok(printed
                .zip(status)
                .filter(|_| is_complete)
                .map(|(text, status)| (text.to_owned(), status.to_owned())))
        });
        let (printed, status) = ended.await.with_context(|| visible(&self.terminal.shown()[from..]))?;
        self.read = from + printed.len() + status.len() + 2 * SAID.len_utf8();
        let printed = visible(&printed);
        ensure!(status == "0", "it failed with {status}:\n{printed}");
        Ok(printed)
    }
}

/// What is seen of what was written: of a line that was cleared, what was written after that.
pub(crate) fn visible(written: &str) -> String {
    let lines = written.lines().map(|line| line.rsplit(CLEAR_LINE).next().unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

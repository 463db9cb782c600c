//! What a command prints, on its way to stderr.

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::screen::Screen;

/// A line that is longer is written in pieces of this size, so that a command which never ends its
/// line cannot fill our memory.
const LONGEST_LINE: usize = 8 * 1024;

/// Writes what comes as whole lines, each with `label` before it: commands run side by side.
pub(super) async fn relay(mut output: impl AsyncRead + Unpin, label: &str, screen: &Screen) {
    let prefix = if screen.color() { format!("\x1b[2m{label} |\x1b[0m ") } else { format!("{label} | ") };
    let mut lines = Lines { prefix: prefix.into_bytes(), rest: Vec::new() };
    let mut chunk = [0; 4096];
    // An error of a pipe is its end.
    while let Ok(length @ 1..) = output.read(&mut chunk).await {
        let whole = lines.push(&chunk[..length]);
        if !whole.is_empty() {
            screen.lines(&whole);
        }
    }
    if !lines.rest.is_empty() {
        screen.lines(&lines.push(b"\n"));
    }
}

/// Cuts a stream of bytes into lines.
struct Lines {
    prefix: Vec<u8>,
    /// The line that is not complete yet.
    rest: Vec<u8>,
}

impl Lines {
    /// Adds bytes, and returns the lines that are whole now, with prefix and end.
    fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut whole = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(part);
            if part.ends_with(b"\n") || self.rest.len() >= LONGEST_LINE {
                whole.extend_from_slice(&self.prefix);
                whole.append(&mut self.rest);
                if !part.ends_with(b"\n") {
                    whole.push(b'\n');
                }
            }
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> Lines {
        Lines { prefix: b"web | ".to_vec(), rest: Vec::new() }
    }

    #[test]
    fn only_whole_lines_come_out() {
        let mut lines = lines();
        assert_eq!(lines.push(b"one\ntw"), b"web | one\n");
        assert_eq!(lines.push(b""), b"");
        assert_eq!(lines.push(b"o\n\nthree"), b"web | two\nweb | \n");
        assert_eq!(lines.rest, b"three");
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let mut lines = lines();
        let whole = lines.push(&[b'x'; LONGEST_LINE + 1]);
        assert_eq!(whole.len(), "web | ".len() + LONGEST_LINE + 2);
        assert!(lines.rest.is_empty());
    }
}

/// A line longer than this is no event: an object has at most 1.5 MiB in etcd, of which JSON can make
/// six times as much.
const LONGEST_LINE: usize = 16 << 20;

/// What the buffer keeps between bursts.
const BURST: usize = 64 << 10;

/// Lines out of the chunks of a body. Keeps at most one line that is not complete.
#[derive(Debug, Default)]
pub(super) struct Lines {
    buffer: Vec<u8>,
    /// How many bytes belong to complete lines.
    complete: usize,
}

impl Lines {
    pub(super) fn push(&mut self, chunk: &[u8]) {
        if let Some(end) = chunk.iter().rposition(|byte| *byte == b'\n') {
            self.complete = self.buffer.len() + end + 1;
        }
        self.buffer.extend_from_slice(chunk);
    }

    /// Whether the line that is under way is too long. Nothing more is to be pushed then.
    pub(super) fn is_overlong(&self) -> bool {
        self.buffer.len() - self.complete > LONGEST_LINE
    }

    /// Whether there is a complete line that is not blank. Blank ones are forgotten.
    pub(super) fn has_complete(&mut self) -> bool {
        let has = self.complete_lines().next().is_some();
        if !has && self.complete > 0 {
            self.consume();
        }
        has
    }

    /// The complete lines, without those that are blank.
    pub(super) fn complete_lines(&self) -> impl Iterator<Item = &[u8]> {
        let complete = &self.buffer[..self.complete];
        complete.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
    }

    /// Forgets the complete lines.
    pub(super) fn consume(&mut self) {
        self.buffer.drain(..self.complete);
        self.complete = 0;
        // A burst is no reason to keep its memory.
        self.buffer.shrink_to(BURST.max(self.buffer.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(lines: &mut Lines) -> Vec<String> {
        let taken = lines.complete_lines().map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        lines.consume();
        taken
    }

    #[test]
    fn lines_are_put_together_however_they_are_cut() {
        let text = "one\ntwo\r\n\nthree\nfour";
        for cut in 0..=text.len() {
            let mut lines = Lines::default();
            let mut taken = Vec::new();
            for chunk in [&text[..cut], &text[cut..]] {
                lines.push(chunk.as_bytes());
                taken.extend(take(&mut lines));
            }
            assert_eq!(taken, ["one", "two", "three"], "cut at {cut}");
        }
    }

    #[test]
    fn blank_lines_without_end_take_no_memory() {
        let mut lines = Lines::default();
        for _ in 0..100 {
            lines.push(&[b'\n'; 1024]);
            assert!(!lines.has_complete());
        }
        assert!(lines.buffer.is_empty(), "{} bytes are kept", lines.buffer.len());
        lines.push(b"\n\none");
        assert!(!lines.has_complete());
        lines.push(b"\n");
        assert!(lines.has_complete());
        assert_eq!(take(&mut lines), ["one"]);
    }

    #[test]
    fn a_line_without_end_is_noticed_and_what_was_before_it_is_kept() {
        let mut lines = Lines::default();
        lines.push(b"first\n");
        let chunk = vec![b'x'; 1 << 20];
        for _ in 0..16 {
            lines.push(&chunk);
            assert!(!lines.is_overlong());
        }
        lines.push(&chunk);
        assert!(lines.is_overlong());
        assert_eq!(take(&mut lines), ["first"]);
        assert!(lines.is_overlong());
    }
}

/// A line longer than this is no event: an object has at most 1.5 MiB in etcd, and of its
/// metadata alone the most part is annotations, which are limited to 256 KiB.
const LONGEST_LINE: usize = 3 << 20;

/// What the buffer keeps between bursts.
const BURST: usize = 64 << 10;

/// Lines out of the chunks of a body. Keeps at most one line that is not complete.
#[derive(Debug, Default)]
pub(super) struct Lines {
    buffer: Vec<u8>,
    /// Whether the line that is under way is too long, and is passed over.
    overlong: bool,
}

impl Lines {
    /// Takes a chunk; returns how many lines it ended that were too long, and so are lost.
    pub(super) fn push(&mut self, mut chunk: &[u8]) -> usize {
        let mut lost = 0;
        if self.overlong {
            let Some(end) = chunk.iter().position(|byte| *byte == b'\n') else { return 0 };
            chunk = &chunk[end + 1..];
            self.overlong = false;
            lost = 1;
        }
        self.buffer.extend_from_slice(chunk);
        if self.buffer.len() - self.complete() > LONGEST_LINE {
            self.buffer.truncate(self.complete());
            self.overlong = true;
        }
        lost
    }

    /// How many bytes belong to complete lines.
    fn complete(&self) -> usize {
        self.buffer.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
    }

    /// The complete lines, without those that are blank.
    pub(super) fn complete_lines(&self) -> impl Iterator<Item = &[u8]> {
        let complete = &self.buffer[..self.complete()];
        complete.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
    }

    /// Forgets the complete lines.
    pub(super) fn consume(&mut self) {
        self.buffer.drain(..self.complete());
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
                assert_eq!(lines.push(chunk.as_bytes()), 0);
                taken.extend(take(&mut lines));
            }
            assert_eq!(taken, ["one", "two", "three"], "cut at {cut}");
        }
    }

    #[test]
    fn a_line_without_end_is_passed_over_in_bounded_memory() {
        let mut lines = Lines::default();
        lines.push(b"first\n");
        let chunk = vec![b'x'; 1 << 20];
        for _ in 0..20 {
            assert_eq!(lines.push(&chunk), 0);
            assert!(lines.buffer.len() <= LONGEST_LINE + chunk.len());
        }
        assert_eq!(take(&mut lines), ["first"]);
        assert_eq!(lines.push(b"end\nnext\n"), 1);
        assert_eq!(take(&mut lines), ["next"]);
    }
}

use super::*;

impl Screen {
    /// A screen that writes to `sink`, without colour.
    pub(crate) fn new(sink: impl Write + Send + 'static, terminal: bool) -> Self {
        Self::with(sink, terminal, false)
    }
}

/// What was written to a screen under test.
#[derive(Clone, Default)]
pub(crate) struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_status_line_stays_below_everything_else() {
    let written = Written::default();
    let screen = Screen::new(written.clone(), true);
    screen.status("1 of 2");
    screen.line("a note");
    screen.beside(|| written.clone().write_all(b"a delivery\n").unwrap());
    screen.status("");
    screen.line("the end");
    let clear = "\r\x1b[2K";
    assert_eq!(
        written.text(),
        format!("{clear}1 of 2{clear}a note\n1 of 2{clear}a delivery\n1 of 2{clear}the end\n")
    );
}

#[test]
fn without_a_terminal_there_is_no_status_line() {
    let written = Written::default();
    let screen = Screen::new(written.clone(), false);
    screen.status("1 of 2");
    screen.line("a note");
    assert_eq!(written.text(), "a note\n");
}

#[test]
fn what_others_wrote_moves_no_cursor_in_notes_and_warnings() {
    let written = Written::default();
    let screen = Screen::new(written.clone(), false);
    screen.note("role/x\u{1b}[2J\nis released");
    screen.alarm("warning", "the server says: \u{202e}no");
    assert_eq!(written.text(), "role/x\u{fffd}[2J\nis released\nwarning: the server says: \u{fffd}no\n");
}

//! Finding the objects of a list without understanding them.

use std::ops::Range;

/// The range between the brackets of the top-level `items`, and the text of each object in it.
/// `None` if there is no such list, or it does not end.
///
/// It follows strings and brackets only, so whatever is wrong *inside* an object (an escape that
/// is none, bytes that are no UTF-8, a number without end) does not hinder it.
pub(super) fn split_items(body: &[u8]) -> Option<(Range<usize>, Vec<&[u8]>)> {
    let start = items_start(body)?;
    let mut items = Vec::new();
    let mut item_start = None;
    let mut scanner = Scanner::default();
    for (at, &byte) in body.iter().enumerate().skip(start) {
        let separates = !scanner.in_string && scanner.depth == 0 && matches!(byte, b',' | b']');
        if separates {
            items.extend(item_start.take().map(|start| body[start..at].trim_ascii_end()));
            if byte == b']' {
                return Some((start..at, items));
            }
            continue;
        }
        if item_start.is_none() && !byte.is_ascii_whitespace() {
            item_start = Some(at);
        }
        scanner.step(byte);
    }
    None
}

/// Where the items begin: after the `[` of the key `"items"` at depth one.
fn items_start(body: &[u8]) -> Option<usize> {
    let mut scanner = Scanner::default();
    let mut string_start = 0;
    let mut key: &[u8] = b"";
    for (at, &byte) in body.iter().enumerate() {
        let was_in_string = scanner.in_string;
        scanner.step(byte);
        match (was_in_string, scanner.in_string) {
            (false, true) => string_start = at + 1,
            (true, false) if scanner.depth == 1 => key = &body[string_start..at],
            (false, false) if byte == b'[' && scanner.depth == 2 && key == b"items" => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[derive(Default)]
struct Scanner {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Scanner {
    fn step(&mut self, byte: u8) {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' if self.in_string => self.escaped = true,
            b'"' => self.in_string = !self.in_string,
            _ if self.in_string => {}
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
}

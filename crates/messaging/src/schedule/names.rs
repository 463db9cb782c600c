//! Names without an allocation each.

use std::collections::HashMap;
use std::sync::Arc;

/// Where a name stands in [`Names`].
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) at: u32,
    pub(super) len: u16,
}

/// An arena of names. What is discarded is reclaimed by compaction once it is more than half.
#[derive(Default)]
pub(super) struct Names {
    text: String,
    discarded: usize,
}

/// Below this size an arena is not worth compacting.
const SMALL: usize = 64 * 1024;

impl Names {
    /// Adds a name. One that has over 65,535 bytes, which no known system of record allows, is cut
    /// off at a character's boundary, and an arena of 4 GiB takes no more.
    pub(super) fn add(&mut self, name: &str) -> Span {
        let mut len = name.len().min(usize::from(u16::MAX));
        while !name.is_char_boundary(len) {
            len -= 1;
        }
        let Ok(at) = u32::try_from(self.text.len()) else {
            return Span { at: 0, len: 0 };
        };
        self.text.push_str(&name[..len]);
        Span { at, len: len as u16 }
    }

    pub(super) fn get(&self, span: Span) -> &str {
        &self.text[span.at as usize..][..usize::from(span.len)]
    }

    /// Gives up a name. True if it is time to [compact](Self::compact).
    pub(super) fn discard(&mut self, span: Span) -> bool {
        self.discarded += usize::from(span.len);
        self.text.len() > SMALL && self.discarded > self.text.len() / 2
    }

    /// Moves the names that are still in use together; these are the places and lengths of all.
    pub(super) fn compact<'a>(&mut self, names: impl Iterator<Item = (&'a mut u32, u16)>) {
        let mut moved = Self { text: String::with_capacity(self.text.len() - self.discarded), discarded: 0 };
        for (at, len) in names {
            *at = moved.add(self.get(Span { at: *at, len })).at;
        }
        *self = moved;
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.text.capacity()
    }
}

/// Shared names, counted, so that a namespace that comes and goes leaves nothing behind.
#[derive(Default)]
pub(super) struct Interner {
    names: Vec<(Arc<str>, u32)>,
    free: Vec<u32>,
    by_name: HashMap<Arc<str>, u32>,
}

impl Interner {
    pub(super) fn add(&mut self, name: &str) -> u32 {
        if let Some(&at) = self.by_name.get(name) {
            self.names[at as usize].1 += 1;
            return at;
        }
        let name: Arc<str> = name.into();
        let at = match self.free.pop() {
            Some(at) => {
                self.names[at as usize] = (name.clone(), 1);
                at
            }
            None => {
                self.names.push((name.clone(), 1));
                (self.names.len() - 1) as u32
            }
        };
        self.by_name.insert(name, at);
        at
    }

    pub(super) fn get(&self, at: u32) -> Arc<str> {
        self.names[at as usize].0.clone()
    }

    pub(super) fn drop_one(&mut self, at: u32) {
        let (name, count) = &mut self.names[at as usize];
        *count -= 1;
        if *count == 0 {
            self.by_name.remove(name);
            self.free.push(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_that_comes_and_goes_leaves_nothing_behind() {
        let mut interner = Interner::default();
        let kept = interner.add("kept");
        for n in 0..1000 {
            let at = interner.add(&format!("ns-{n}"));
            interner.drop_one(at);
        }
        assert_eq!(interner.names.len(), 2);
        assert_eq!(interner.by_name.len(), 1);
        assert_eq!(&*interner.get(kept), "kept");
    }
}

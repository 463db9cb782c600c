use super::ApiError;

/// A page that has more bytes than this has too many objects.
const FULL: usize = 4 << 20;

/// No list has more pages: at 500 objects each, or at some MiB where objects are large, an etcd of
/// 8 GiB is at its end before.
const MOST: u32 = 10_000;

/// How many objects a page is asked for. Fewer after pages that were large, so that a list takes
/// little memory however large its objects are; and slowly more again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageSize {
    most: u32,
    limit: u32,
}

impl PageSize {
    pub(crate) fn new(most: u32) -> Self {
        let most = most.max(1);
        Self { most, limit: most }
    }

    /// What the next page is asked for.
    pub(crate) fn limit(&self) -> u32 {
        self.limit
    }

    /// Takes note of a page's size in bytes.
    pub(crate) fn read(&mut self, bytes: usize) {
        if bytes > FULL {
            self.limit = (self.limit / 2).max(1);
        } else if bytes < FULL / 4 {
            self.limit = (self.limit + (self.limit / 4).max(1)).min(self.most);
        }
    }

    /// After a page that was too large to be read. False if fewer objects cannot be asked for.
    pub(crate) fn shrink(&mut self) -> bool {
        let before = self.limit;
        self.limit = (before / 2).max(1);
        self.limit < before
    }
}

/// Whether a list may go on with this token, after so many pages. The former token again, or a token
/// after that many pages, is a list that does not end.
pub(crate) fn goes_on(pages: u32, asked: Option<&str>, next: &str) -> Result<(), ApiError> {
    let reason = if asked == Some(next) {
        "a page of a list names the continue token again that it was asked for by".to_owned()
    } else if pages >= MOST {
        format!("a list names a continue token even after {pages} pages")
    } else {
        return Ok(());
    };
    Err(ApiError::Unreadable { reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_shrink_fast_and_grow_slowly() {
        let mut size = PageSize::new(500);
        let mut limits = Vec::new();
        for bytes in [FULL + 1, FULL * 3, FULL, FULL / 2, 1000, 1000] {
            size.read(bytes);
            limits.push(size.limit());
        }
        assert_eq!(limits, [250, 125, 125, 125, 156, 195]);
        let mut halvings = 0;
        while size.shrink() {
            halvings += 1;
        }
        assert_eq!((halvings, size.limit()), (7, 1));
        size.read(FULL * 2);
        assert_eq!(size.limit(), 1);
        for _ in 0..40 {
            size.read(0);
        }
        assert_eq!(size.limit(), 500);
        assert_eq!(PageSize::new(0).limit(), 1);
    }
}

//! Who is told where deletions stand.

use rewitness_consumers::cascade::Report;

/// Hears where each deletion of one Cascade stands. MUST NOT block.
pub(crate) trait Reporter: Send + Sync {
    /// A deletion was looked at. `before` is what was reported of it last, while it is held.
    fn report(&self, before: Option<&Report>, after: &Report);
}

/// Tells nobody.
pub(crate) struct Silent;

impl Reporter for Silent {
    fn report(&self, _: Option<&Report>, _: &Report) {}
}

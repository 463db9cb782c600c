use std::time::Duration;

use rewitness_messaging::Version;

/// How soon a parent is looked at again after its dependents were deleted.
pub(super) const FIRST_LOOK: Duration = Duration::from_millis(500);

/// How many rounds of one delivery are made again at once because others write at the same time.
const CONTENTIONS: u32 = 8;

/// What one round led to.
pub(super) enum Step {
    /// Nothing is left to do, or nothing is to be done.
    Done,
    /// Nothing is left to do, if the parent still is at this version.
    DoneAt(Version),
    /// The next round.
    Again,
    /// To be looked at later.
    Later(Duration),
}

/// What the rounds of one delivery have in common.
#[derive(Default)]
pub(super) struct Rounds {
    /// How many rounds in a row have found nothing.
    pub(super) empty: u32,
    /// How often others wrote at the same time.
    contentions: u32,
}

impl Rounds {
    /// Others were quicker, which is no failure: everything is looked at again, at once unless they
    /// go on and on.
    pub(super) fn contended(&mut self) -> Step {
        self.contentions += 1;
        if self.contentions < CONTENTIONS { Step::Again } else { Step::Later(FIRST_LOOK) }
    }
}

/// The time until the next look, after so many that have found the same.
pub(super) fn doubled(looks: u32) -> Duration {
    FIRST_LOOK.saturating_mul(2u32.saturating_pow(looks))
}

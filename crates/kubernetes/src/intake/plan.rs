//! What to ask the API server next, and what its answers mean. Pure: no clock, no I/O.
//!
//! ```text
//!   ┌──────────▶ Discover ◀──── no such path ─────────┐
//!   │ absent        │ served                          │
//!   └───────────────┤                                 │
//!                   ▼            last page            │
//!        ┌──────▶ List ──────────────────────▶ Watch ─┤
//!        │         ▲ │ page                     │  ▲  │
//!        │  expired│ └──▶ next page       ended,│  │still there
//!        │  unseen └────────────────────┐ silent▼  │  │
//!        └──── version went backwards ──┴───── Check ─┘
//! ```
//!
//! Every arrow that is a failure waits first; see [`RetryBackoff`]. `Check` is a list of one object: it
//! tells at which version the server is, and so whether what was seen still is its past.

use std::time::Duration;

use crate::call::{ApiError, goes_on};
use rewitness_messaging::{Backoff, Version};

use super::backoff::RetryBackoff;

/// After so many failures in a row of one page, the list is begun again: what the continue token
/// stands for may be gone in a way that the server does not call expired.
const PAGE_FAILURES: u32 = 8;

/// A watch that lives this long is healthy, even if nothing happens in it. One that shows something
/// and ends before is not: that could go on for ever, and fast.
pub(super) const HEALTHY: Duration = Duration::from_secs(10);

/// A `Retry-After` is kept to the second, up to this.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);

/// What is to be asked, and how long to wait before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) wait: Duration,
    pub(super) ask: Ask,
}

/// What is to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// By which path the kind is served.
    Discover,
    /// The first page of a list, or the next.
    List { continue_token: Option<String> },
    /// At which version the server is.
    Check { resume: String },
    /// What happens from a version on.
    Watch { from: String },
}

/// What was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard<'a> {
    /// The kind is served, under a path that the driver keeps.
    Served,
    /// It is served without namespaces, and wanted in several: each would show everything.
    Misfit,
    /// The kind is certainly not served now.
    Absent,
    /// A page of the list that was asked for.
    Page { version: &'a str, continue_token: Option<&'a str> },
    /// The answer to a check.
    Checked { version: &'a str },
    /// The watch began.
    Opened,
    /// The watch showed everything up to this version.
    Moved { version: &'a str },
    /// A check beside the watch begins.
    CheckBegun,
    /// A check beside the watch was answered.
    CheckedBeside { version: &'a str },
    /// The watch has lived for [`HEALTHY`].
    Healthy,
    /// The watch ended.
    Ended,
    /// The watch showed something that cannot be read, and that may have been a deletion.
    Unseen,
    /// The watch showed no sign of life for too long.
    Silent,
    /// Whatever was asked was refused.
    Refused(ApiError),
    /// Somebody needs a list.
    Relist,
}

/// What follows for others, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    RolledBack,
    ListStarted,
    ListFinished,
    Failing(Why),
    Recovered,
}

/// Why a source fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The server does not serve the kind.
    Absent,
    /// The kind lives in no namespace, and several are named.
    Misfit,
    /// This was refused.
    Refused { verb: &'static str, error: ApiError },
}

impl Why {
    /// Whether nothing can be known of the kind, and not only for the moment.
    pub(super) fn is_hidden(&self) -> bool {
        match self {
            Self::Absent | Self::Misfit => true,
            Self::Refused { error, .. } => matches!(error, ApiError::Forbidden { .. }),
        }
    }
}

/// One source's state.
#[derive(Debug)]
pub(super) struct Plan {
    ask: Ask,
    wait: Duration,
    backoff: RetryBackoff,
    /// The newest version that a list or the watch showed.
    shown: Version,
    /// The newest version at which the server ever was. It can be ahead of `shown`: a check tells
    /// it at once, and the watch follows when something happens.
    reached: Version,
    /// What `reached` was when the check beside the watch began; what comes after is no evidence.
    floor: Version,
    /// The version of the list that is under way.
    list: Option<String>,
    /// How many pages of it were read.
    pages: u32,
    page_failures: u32,
    /// Whether a list was ever complete, so that resources may be known.
    known: bool,
    /// Whether the kind was found absent, and a list by the former path is to confirm it.
    suspected: bool,
    failing: bool,
}

impl Plan {
    pub(super) fn new(backoff: Backoff, seed: u64) -> Self {
        Self {
            ask: Ask::Discover,
            wait: Duration::ZERO,
            backoff: RetryBackoff::new(backoff, seed),
            shown: Version::UNKNOWN,
            reached: Version::UNKNOWN,
            floor: Version::UNKNOWN,
            list: None,
            pages: 0,
            page_failures: 0,
            known: false,
            suspected: false,
            failing: false,
        }
    }

    /// What comes next.
    pub(super) fn step(&self) -> Step {
        Step { wait: self.wait, ask: self.ask.clone() }
    }

    /// Whether a watch that is open is to go on.
    pub(super) fn is_watching(&self) -> bool {
        matches!(self.ask, Ask::Watch { .. })
    }

    /// Takes in what was heard.
    pub(super) fn hear(&mut self, heard: Heard<'_>) -> Vec<Effect> {
        let mut effects = Vec::new();
        match heard {
            Heard::Served => self.then(Ask::List { continue_token: None }, Duration::ZERO),
            Heard::Misfit => {
                let wait = self.backoff.next();
                self.then(Ask::Discover, wait);
                self.fails(Why::Misfit, &mut effects);
            }
            Heard::Absent => self.absent(&mut effects),
            Heard::Page { version, continue_token } => self.page(version, continue_token, &mut effects),
            Heard::Checked { version } => self.checked(version, self.reached, &mut effects),
            Heard::CheckBegun => self.floor = self.reached,
            Heard::CheckedBeside { version } => self.checked(version, self.floor, &mut effects),
            Heard::Opened => {
                self.wait = Duration::ZERO;
                self.recovered(&mut effects);
            }
            Heard::Moved { version } => self.moved(version),
            Heard::Healthy => self.backoff.reset(),
            Heard::Ended => {
                let wait = self.backoff.soon();
                self.check_then_resume(wait);
            }
            Heard::Unseen => {
                let wait = self.backoff.soon();
                self.list_again(wait);
            }
            // The silence was backoff enough; a server that is gone fails the check, which has its own.
            Heard::Silent => self.check_then_resume(Duration::ZERO),
            Heard::Refused(error) => self.refused(error, &mut effects),
            Heard::Relist => {
                if self.ask != Ask::Discover {
                    let wait = if self.failing { self.wait } else { Duration::ZERO };
                    self.list_again(wait);
                }
            }
        }
        effects
    }

    fn then(&mut self, ask: Ask, wait: Duration) {
        self.ask = ask;
        self.wait = wait;
    }

    fn list_again(&mut self, wait: Duration) {
        self.list = None;
        self.pages = 0;
        self.page_failures = 0;
        self.then(Ask::List { continue_token: None }, wait);
    }

    fn check_then_resume(&mut self, wait: Duration) {
        if let Ask::Watch { from } = &mut self.ask {
            let resume = std::mem::take(from);
            self.then(Ask::Check { resume }, wait);
        }
    }

    /// That a kind is gone, and its resources with it, takes three answers: no such path, twice,
    /// with a pause between; and a discovery that does not know it, each time. One alone can be a
    /// server that has just started.
    fn absent(&mut self, effects: &mut Vec<Effect>) {
        let wait = self.backoff.next();
        if !self.known {
            self.then(Ask::Discover, wait);
        } else if !self.suspected {
            self.suspected = true;
            self.then(Ask::List { continue_token: None }, wait);
        } else {
            self.known = false;
            self.suspected = false;
            effects.extend([Effect::ListStarted, Effect::ListFinished]);
            self.then(Ask::Discover, wait);
        }
        self.fails(Why::Absent, effects);
    }

    fn page(&mut self, version: &str, continue_token: Option<&str>, effects: &mut Vec<Effect>) {
        let first = self.list.is_none();
        self.page_failures = 0;
        self.suspected = false;
        if first {
            let listed = Version::parse(version);
            if listed.is_older_than(self.reached) {
                effects.push(Effect::RolledBack);
            }
            self.shown = listed;
            self.reached = listed;
            effects.push(Effect::ListStarted);
            self.list = Some(version.to_owned());
        }
        self.pages += 1;
        match continue_token {
            Some(token) => {
                let Ask::List { continue_token: asked } = &self.ask else { return };
                if let Err(error) = goes_on(self.pages, asked.as_deref(), token) {
                    let wait = self.backoff.next();
                    self.list_again(wait);
                    return self.fails(Why::Refused { verb: "list", error }, effects);
                }
                self.recovered(effects);
                self.then(Ask::List { continue_token: Some(token.to_owned()) }, Duration::ZERO);
            }
            None => {
                // The watch begins where the first page stands: what came later is shown again.
                let from = self.list.take().unwrap_or_default();
                self.pages = 0;
                self.known = true;
                self.failing = false;
                effects.push(Effect::ListFinished);
                self.then(Ask::Watch { from }, Duration::ZERO);
            }
        }
    }

    /// `floor` is the highest version that was seen before the check was sent.
    fn checked(&mut self, version: &str, floor: Version, effects: &mut Vec<Effect>) {
        let version = Version::parse(version);
        if version.is_older_than(floor) {
            effects.push(Effect::RolledBack);
            // Counted now; the list that follows may be as old as it likes.
            self.reached = Version::UNKNOWN;
            return self.list_again(Duration::ZERO);
        }
        self.reached = self.reached.max(version);
        if let Ask::Check { resume } = &mut self.ask {
            let from = std::mem::take(resume);
            self.then(Ask::Watch { from }, Duration::ZERO);
        }
    }

    fn moved(&mut self, version: &str) {
        let moved = Version::parse(version);
        if moved.is_older_than(self.shown) {
            // No healthy watch goes backwards. Whether the server did, a check tells.
            let wait = self.backoff.next();
            self.check_then_resume(wait);
        } else if let Ask::Watch { from } = &mut self.ask {
            self.shown = self.shown.max(moved);
            self.reached = self.reached.max(moved);
            from.clear();
            from.push_str(version);
        }
    }

    fn refused(&mut self, error: ApiError, effects: &mut Vec<Effect>) {
        let verb = match self.ask {
            Ask::Discover => "discover",
            Ask::List { .. } | Ask::Check { .. } => "list",
            Ask::Watch { .. } => "watch",
        };
        match (&self.ask, &error) {
            // Neither is a failure: the first is how versions end, the second is found out about.
            (Ask::List { .. } | Ask::Check { .. } | Ask::Watch { .. }, ApiError::Expired) => {
                let wait = self.backoff.soon();
                return self.list_again(wait);
            }
            (
                Ask::List { .. } | Ask::Check { .. } | Ask::Watch { .. },
                ApiError::NoPath | ApiError::NoObject,
            ) => {
                let wait = self.backoff.soon();
                self.list_again(wait);
                return self.then(Ask::Discover, wait);
            }
            (_, ApiError::Overloaded { after: Some(after) }) => self.wait = (*after).min(LONGEST_RETRY_AFTER),
            // A token or a version that the server cannot read is of no use any more.
            (
                Ask::List { continue_token: Some(_) } | Ask::Watch { .. },
                ApiError::Status { status: 400, .. },
            ) => {
                let wait = self.backoff.next();
                self.list_again(wait);
            }
            (Ask::List { continue_token: Some(_) }, _) => {
                let wait = self.backoff.next();
                self.page_failures += 1;
                match self.page_failures {
                    PAGE_FAILURES.. => self.list_again(wait),
                    _ => self.wait = wait,
                }
            }
            // Rights and load have nothing to do with where the server is.
            (Ask::Watch { .. }, ApiError::Forbidden { .. } | ApiError::Overloaded { .. }) => {
                self.wait = self.backoff.next();
            }
            (Ask::Watch { .. }, _) => {
                let wait = self.backoff.next();
                self.check_then_resume(wait);
            }
            (Ask::Discover | Ask::List { continue_token: None } | Ask::Check { .. }, _) => {
                self.wait = self.backoff.next();
            }
        }
        self.fails(Why::Refused { verb, error }, effects);
    }

    fn fails(&mut self, why: Why, effects: &mut Vec<Effect>) {
        self.failing = true;
        effects.push(Effect::Failing(why));
    }

    fn recovered(&mut self, effects: &mut Vec<Effect>) {
        if std::mem::take(&mut self.failing) {
            effects.push(Effect::Recovered);
        }
    }
}

#[cfg(test)]
mod tests;

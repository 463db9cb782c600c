//! Holds that somebody else takes off again and again.
//!
//! The first loss is made good at once: most are an accident, an `apply` without our finalizer, say.
//! Each further one waits longer. A hold that was put back does not reset this, or two controllers would
//! write against each other as fast as they can; only one that stays does.
//!
//! ```text
//!           a loss              judged: rests for 0, 1, 2, 4 … s           written
//!   (none) ───────▶ Lost ───────────────────────────────────▶ Resting ───────────────▶ Held
//!     ▲              ▲                                           │ a loss               │  │
//!     │              └───────────────────────────────────────────┴──────────────────────┘  │
//!     └──────────────────────────── it has stayed for `KEPT` ──────────────────────────────┘
//! ```

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::table::Index;
use super::terms::SourceId;
use crate::Backoff;

/// How the writes of one resource are spaced, from the second loss on.
const BACKOFF: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(300) };

/// A hold that has stayed for longer than the longest pause is contested no more.
const KEPT: Duration = BACKOFF.cap;

/// The resources whose holds were lost of late. At most one entry for each resource that is there:
/// an entry goes with its resource, and when the holds have stayed.
#[derive(Default)]
pub(super) struct Contests {
    sources: BTreeMap<SourceId, Contested>,
}

/// Those of one source.
#[derive(Default)]
struct Contested {
    contests: HashMap<Index, Contest>,
    /// How many of them lost a hold more than once: the first loss may be an accident.
    repeated: u64,
}

/// 32 bytes.
#[derive(Clone, Copy)]
struct Contest {
    /// How often a hold was lost, without having stayed in between.
    losses: u32,
    standing: Standing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It is not decided yet how long this loss waits: an observation does not know the time.
    Lost,
    /// To be written, but not before then.
    Resting(Instant),
    /// It is there again; from then on the contest is over.
    Held(Instant),
}

impl Contests {
    /// A hold that was there, or was put back, is not there any more.
    pub(super) fn lost(&mut self, source: SourceId, index: Index) {
        let Contested { contests, repeated } = self.sources.entry(source).or_default();
        let contest = contests.entry(index).or_insert(Contest { losses: 1, standing: Standing::Lost });
        if contest.standing != Standing::Lost {
            contest.standing = Standing::Lost;
            contest.losses = contest.losses.saturating_add(1);
            *repeated += u64::from(contest.losses == 2);
        }
    }

    /// How many resources of this source lost a hold more than once, and have not kept it since.
    pub(super) fn repeated(&self, source: SourceId) -> u64 {
        self.sources.get(&source).map_or(0, |contested| contested.repeated)
    }

    /// Until when nothing is put back on this resource; `None` if it may be now.
    pub(super) fn rests_until(&mut self, source: SourceId, index: Index, now: Instant) -> Option<Instant> {
        let contest = self.sources.get_mut(&source)?.contests.get_mut(&index)?;
        if contest.standing == Standing::Lost {
            // No jitter: what was lost together is spread by the token bucket, and a pause that may be
            // next to nothing would be none.
            let rest = match contest.losses {
                1 => Duration::ZERO,
                losses => BACKOFF.interval(losses - 1),
            };
            contest.standing = Standing::Resting(now + rest);
        }
        match contest.standing {
            Standing::Resting(until) => Some(until).filter(|until| *until > now),
            Standing::Lost | Standing::Held(_) => None,
        }
    }

    /// Nothing is missing any more. Says when the contest is over if it stays so: a timer is due then.
    pub(super) fn held(&mut self, source: SourceId, index: Index, now: Instant) -> Option<Instant> {
        let contest = self.sources.get_mut(&source)?.contests.get_mut(&index)?;
        if let Standing::Held(_) = contest.standing {
            return None;
        }
        let over = now + KEPT;
        contest.standing = Standing::Held(over);
        Some(over)
    }

    /// Whether a timer that was set for then is still wanted.
    pub(super) fn ends_at(&self, source: SourceId, index: Index, over: Instant) -> bool {
        let contest = self.sources.get(&source).and_then(|contested| contested.contests.get(&index));
        contest.is_some_and(|contest| contest.standing == Standing::Held(over))
    }

    pub(super) fn forget(&mut self, source: SourceId, index: Index) {
        let Some(contested) = self.sources.get_mut(&source) else { return };
        if let Some(contest) = contested.contests.remove(&index) {
            contested.repeated -= u64::from(contest.losses > 1);
        }
        if contested.contests.is_empty() {
            self.sources.remove(&source);
        }
    }

    pub(super) fn forget_source(&mut self, source: SourceId) {
        self.sources.remove(&source);
    }

    pub(super) fn clear(&mut self) {
        self.sources.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contest_is_32_bytes() {
        assert_eq!(size_of::<Contest>(), 32);
    }
}

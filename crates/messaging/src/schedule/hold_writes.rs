//! Putting holds on resources that lack them, and taking them off those that no selector matches.
//!
//! Each costs a write to the system of record, so it is a lane of its own: a token bucket, new
//! resources before those that were there at the start, one write for everything that is missing.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::contests::Contests;
use super::table::{Index, Observation};
use super::terms::SourceId;
use crate::{Backoff, ResourceId, Uid, Version};

/// One write that is due: holds to add and to remove.
#[derive(Debug)]
pub struct HoldWrite {
    /// To be handed back with what became of it.
    pub ticket: HoldWriteTicket,
    /// The resource; its uid must be tested.
    pub resource: ResourceId,
    /// Its version, as far as is known.
    pub version: Version,
    /// The holds to add.
    pub add: Vec<Arc<str>>,
    /// The holds to take off it: no subscription of theirs wants the resource any more.
    pub remove: Vec<Arc<str>>,
}

/// Names one hold write. Used once.
#[derive(Debug)]
pub struct HoldWriteTicket {
    pub(super) run: u32,
    pub(super) source: SourceId,
    pub(super) index: Index,
    pub(super) uid: Uid,
    pub(super) added: Vec<Arc<str>>,
}

impl HoldWriteTicket {
    /// Whose resource it is about.
    pub(crate) fn source(&self) -> SourceId {
        self.source
    }
}

/// What became of a hold write.
#[derive(Clone, Debug)]
pub enum HoldWriteResult<'a> {
    /// It was written; the answer shows the resource, and counts as observed.
    Observed(Observation<'a>),
    /// The resource has gone, or another has its name. The watch will say so.
    Gone,
    /// The resource has changed meanwhile. Looked at again in a moment.
    Changed,
    /// It failed; again with backoff, or after the time that the system of record asked for.
    Failed {
        /// That time.
        after: Option<Duration>,
        /// Why, for a person to act on; shown by [`SourceProgress::holds_failing`](crate::SourceProgress::holds_failing).
        reason: Arc<str>,
    },
}

pub(super) struct HoldWrites {
    /// Sources take turns, so that one that fails does not starve the others (Q5).
    sources: BTreeMap<SourceId, Lane>,
    last: Option<SourceId>,
    pub(super) failures: HashMap<(SourceId, Index), u32>,
    pub(super) waiting: HashSet<(SourceId, Index)>,
    pub(super) contests: Contests,
    pub(super) bucket: Bucket,
}

/// What is due of one source.
#[derive(Default)]
struct Lane {
    /// Resources that a watch showed.
    new: VecDeque<Index>,
    /// Resources that a list showed.
    old: VecDeque<Index>,
    /// How many hold writes have failed in a row, whatever the resource: the right is missing, say.
    failures: u32,
    rests_until: Option<Instant>,
}

/// From so many failures in a row on, a source rests between its attempts.
const FAILURES_BEFORE_REST: u32 = 5;

impl Lane {
    fn is_empty(&self) -> bool {
        self.new.is_empty() && self.old.is_empty()
    }

    fn rests(&self, now: Instant) -> bool {
        self.rests_until.is_some_and(|until| until > now)
    }
}

impl HoldWrites {
    pub(super) fn new(per_second: u32) -> Self {
        Self {
            sources: BTreeMap::new(),
            last: None,
            failures: HashMap::new(),
            waiting: HashSet::new(),
            contests: Contests::default(),
            bucket: Bucket::new(per_second),
        }
    }

    pub(super) fn push(&mut self, source: SourceId, index: Index, is_new: bool) {
        let lane = self.sources.entry(source).or_default();
        if is_new { lane.new.push_back(index) } else { lane.old.push_back(index) }
    }

    /// The next resource: new ones of any source before old ones, and of those the next source's.
    pub(super) fn pop(&mut self, now: Instant) -> Option<(SourceId, Index)> {
        self.sources.retain(|_, lane| !lane.is_empty() || lane.failures > 0);
        let due: Vec<SourceId> =
            self.sources.iter().filter(|(_, lane)| !lane.rests(now)).map(|(id, _)| *id).collect();
        let split = due.partition_point(|id| Some(*id) <= self.last);
        let turns = || due[split..].iter().chain(&due[..split]);
        for is_new in [true, false] {
            for id in turns() {
                let Some(lane) = self.sources.get_mut(id) else { continue };
                let queue = if is_new { &mut lane.new } else { &mut lane.old };
                if let Some(index) = queue.pop_front() {
                    self.last = Some(*id);
                    return Some((*id, index));
                }
            }
        }
        None
    }

    pub(super) fn succeeded(&mut self, source: SourceId) {
        if let Some(lane) = self.sources.get_mut(&source) {
            (lane.failures, lane.rests_until) = (0, None);
        }
    }

    pub(super) fn failed(&mut self, source: SourceId, now: Instant) {
        let lane = self.sources.entry(source).or_default();
        lane.failures = lane.failures.saturating_add(1);
        if lane.failures >= FAILURES_BEFORE_REST {
            let rest = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(30) };
            lane.rests_until = now.checked_add(rest.interval(lane.failures - FAILURES_BEFORE_REST + 1));
        }
    }

    /// A write has succeeded, or the resource is not there to be written to.
    pub(super) fn settle(&mut self, source: SourceId, index: Index) {
        self.failures.remove(&(source, index));
        self.waiting.remove(&(source, index));
    }

    /// The resource has gone.
    pub(super) fn forget(&mut self, source: SourceId, index: Index) {
        self.settle(source, index);
        self.contests.forget(source, index);
    }

    pub(super) fn forget_source(&mut self, source: SourceId) {
        self.sources.remove(&source);
        self.failures.retain(|(of, _), _| *of != source);
        self.waiting.retain(|(of, _)| *of != source);
        self.contests.forget_source(source);
    }

    pub(super) fn clear(&mut self) {
        self.sources.clear();
        self.failures.clear();
        self.waiting.clear();
        self.contests.clear();
    }

    pub(super) fn next_timer(&self, now: Instant) -> Option<Instant> {
        let due = self.sources.values().filter(|lane| !lane.is_empty());
        let first = due.map(|lane| lane.rests_until.unwrap_or(now)).min()?;
        Some(first.max(self.bucket.ready_at(now)))
    }
}

/// A token bucket: so many per second, and as many in one burst.
pub(super) struct Bucket {
    per_second: f64,
    tokens: f64,
    filled: Option<Instant>,
}

impl Bucket {
    fn new(per_second: u32) -> Self {
        let per_second = f64::from(per_second.max(1));
        Self { per_second, tokens: per_second, filled: None }
    }

    fn level(&self, now: Instant) -> f64 {
        let passed = self.filled.map_or(Duration::ZERO, |filled| now.saturating_duration_since(filled));
        (self.tokens + passed.as_secs_f64() * self.per_second).min(self.per_second)
    }

    fn ready_at(&self, now: Instant) -> Instant {
        let missing = (1.0 - self.level(now)).max(0.0);
        // Rounded up, so that whoever wakes then finds a whole token.
        now + Duration::from_secs_f64(missing / self.per_second)
            + Duration::from_micros(u64::from(missing > 0.0))
    }

    pub(super) fn is_ready(&self, now: Instant) -> bool {
        self.level(now) >= 1.0
    }

    pub(super) fn take(&mut self, now: Instant) {
        self.tokens = self.level(now) - 1.0;
        self.filled = Some(now);
    }
}

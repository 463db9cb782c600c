use std::collections::HashMap;
use std::fmt;

use rewitness_messaging::{Delivery, Listed, ResourceId, State};
use tokio::time::Instant;

use crate::queue::driver::Seen;

/// What a witness was handed, in order.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// The deliveries, in the order in which they began.
    pub handings: Vec<Handing>,
    /// The `Listed` markers.
    pub markers: Vec<Marker>,
    /// The resources of which the witness heard that its hold is off.
    pub released: Vec<ResourceId>,
    standings: HashMap<ResourceId, Standing>,
    in_flight: usize,
    broken: Option<String>,
}

/// How far a resource is, as its deliveries say.
#[derive(Clone, Debug, Default)]
struct Standing {
    begun: usize,
    in_flight: usize,
    furthest: Option<State>,
}

impl Standing {
    /// What is wrong with a delivery that begins now, and is counted already.
    fn objection(&self, delivery: &Delivery) -> Option<String> {
        let Delivery { envelope, state, .. } = delivery;
        let name = &envelope.resource.name;
        if self.in_flight > 1 {
            return Some(format!("{name} was handed over twice at a time"));
        }
        if *state != State::Gone && (*state == State::Deleting) != envelope.is_deleting() {
            return Some(format!("{name} was handed over as {state} with {:?}", envelope.deletion_timestamp));
        }
        let further = self.furthest.filter(|furthest| furthest > state)?;
        Some(format!("{name} was handed over as {state} after {further}"))
    }
}

/// One delivery, from its beginning to its end.
#[derive(Clone, Debug)]
pub struct Handing {
    /// What was handed over.
    pub delivery: Delivery,
    /// When.
    pub began: Instant,
    /// When it ended, and how.
    pub ended: Option<(Instant, Ending)>,
    /// The resource as the system of record had it at the beginning, if the witness looks.
    pub seen: Option<Seen>,
    /// How many deliveries of this witness were in flight then, this one included.
    pub in_flight: usize,
}

/// How a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The witness answered, be it with a panic.
    Answered,
    /// Its future was dropped.
    CutOff,
}

/// One `Listed` marker.
#[derive(Clone, Debug)]
pub struct Marker {
    /// What was listed.
    pub listed: Listed,
    /// How many deliveries had begun by then.
    pub after: usize,
    /// When.
    pub at: Instant,
}

impl Handing {
    /// Whether it is of this very resource.
    pub fn is_of(&self, resource: &ResourceId) -> bool {
        self.delivery.envelope.resource == *resource
    }

    /// Whether it has ended with an answer.
    pub fn was_answered(&self) -> bool {
        matches!(self.ended, Some((_, Ending::Answered)))
    }

    /// Whether it has not ended.
    pub fn is_in_flight(&self) -> bool {
        self.ended.is_none()
    }
}

impl Record {
    /// The deliveries of one resource.
    pub fn of(&self, resource: &ResourceId) -> impl DoubleEndedIterator<Item = &Handing> {
        self.handings.iter().filter(move |handing| handing.is_of(resource))
    }

    /// The deliveries of one resource in one state.
    pub fn of_in(&self, resource: &ResourceId, state: State) -> impl DoubleEndedIterator<Item = &Handing> {
        self.of(resource).filter(move |handing| handing.delivery.state == state)
    }

    /// How many deliveries of one resource there were.
    pub fn count(&self, resource: &ResourceId) -> usize {
        self.standings.get(resource).map_or(0, |standing| standing.begun)
    }

    /// How many deliveries are in flight.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// What holds in every case, and was broken first: one at a time (Q4), a state that agrees with
    /// the timestamp and never goes back (Q3), and nothing after `Gone` but `Gone` again (Q14).
    pub(crate) fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    pub(super) fn begin(&mut self, delivery: Delivery) -> usize {
        let standing = self.standings.entry(delivery.envelope.resource.clone()).or_default();
        standing.begun += 1;
        standing.in_flight += 1;
        self.in_flight += 1;
        self.broken = self.broken.take().or_else(|| standing.objection(&delivery));
        standing.furthest = standing.furthest.max(Some(delivery.state));
        self.handings.push(Handing {
            delivery,
            began: Instant::now(),
            ended: None,
            seen: None,
            in_flight: self.in_flight,
        });
        self.handings.len() - 1
    }

    pub(super) fn end(&mut self, number: usize, ending: Ending) {
        let handing = &mut self.handings[number];
        handing.ended = Some((Instant::now(), ending));
        self.in_flight -= 1;
        if let Some(standing) = self.standings.get_mut(&handing.delivery.envelope.resource) {
            standing.in_flight -= 1;
        }
    }

    pub(super) fn mark(&mut self, listed: Listed) {
        self.markers.push(Marker { listed, after: self.handings.len(), at: Instant::now() });
    }
}

/// A line per delivery and marker, for the message of a case that failed.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 60;
        let Some(first) = self.handings.first() else {
            return write!(f, "  nothing was handed over; {} markers", self.markers.len());
        };
        let since = |at: Instant| at.saturating_duration_since(first.began);
        for (number, handing) in self.handings.iter().enumerate().take(SHOWN) {
            self.write_markers(f, number)?;
            let Delivery { envelope, state, cause, attempt, version, hold, labels } = &handing.delivery;
            let resource = &envelope.resource;
            write!(f, "  {:?} {resource} {} ", since(handing.began), resource.uid)?;
            write!(f, "{state} {cause} attempt {attempt} version {version} {hold:?} {labels:?}")?;
            match handing.ended {
                Some((at, ending)) => writeln!(f, ", {ending:?} at {:?}", since(at))?,
                None => writeln!(f, ", in flight")?,
            }
        }
        match self.handings.len().checked_sub(SHOWN) {
            Some(more @ 1..) => writeln!(f, "  and {more} more"),
            _ => self.write_markers(f, self.handings.len()),
        }
    }
}

impl Record {
    fn write_markers(&self, f: &mut fmt::Formatter<'_>, after: usize) -> fmt::Result {
        let here = self.markers.iter().filter(|marker| marker.after == after);
        here.into_iter().try_for_each(|marker| writeln!(f, "  {:?}", marker.listed))
    }
}

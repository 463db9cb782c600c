use std::future::{Future, ready};
use std::sync::Arc;
use std::time::Duration;

use rewitness_messaging::{Kind, Queue, ResourceId, Version};

use crate::queue::LeftOut;
use crate::{Failed, Result};

/// What the suite needs to exercise one backend: a system of record that it can write to, and new queues on it. That
/// is the core, and has no defaults. What only some backends have, such as a status, holds, or faults that can be
/// forced, has defaults: they end a case as not applicable, which [`Driver::leaves_out`] declares.
///
/// One driver value is the world of one case. `suite!` makes a new one for each, and cases may run
/// side by side.
///
/// # What a driver MUST do
///
/// - Writes are complete when their future is.
/// - `namespace(0)` and `namespace(1)` are empty at first, and nobody else writes to them. Kinds
///   may be shared with other cases.
/// - Every [`Driver::queue`] is a new process: it knows nothing of those before it.
///
/// # Faults
///
/// [`Driver::forces`] names those that can be forced. A case that needs another does not apply, and
/// fails unless [`Driver::leaves_out`] declares it. The default of each fault's method is an error.
pub trait Driver: Send + Sync + 'static {
    /// The queue under test.
    type Queue: Queue;

    /// How time passes.
    fn clock(&self) -> Clock;

    /// One of two kinds, `nth` being 0 or 1. Namespaced, served, and with a generation that rises
    /// with [`Driver::update`] and does not with [`Driver::touch`], if it has any.
    fn kind(&self, nth: usize) -> Kind;

    /// One of two namespaces, `nth` being 0 or 1, that belong to this case alone.
    fn namespace(&self, nth: usize) -> Arc<str>;

    /// A new queue on the system of record, with this grace period for stopping (Q10).
    fn queue(&self, grace: Duration) -> Self::Queue;

    /// Creates a resource.
    fn create(&self, new: Draft) -> impl Future<Output = Result<ResourceId>> + Send;

    /// Changes what is asked of the resource: its generation rises.
    fn update(&self, resource: &ResourceId) -> impl Future<Output = Result> + Send;

    /// Replaces the resource's labels.
    fn relabel(&self, resource: &ResourceId, labels: &[(&str, &str)]) -> impl Future<Output = Result> + Send;

    /// Asks for the resource's deletion, and does not wait for it.
    fn delete(&self, resource: &ResourceId) -> impl Future<Output = Result> + Send;

    /// The resource as it is now, or `None` if this very one, by uid, is not there.
    fn look(&self, resource: &ResourceId) -> impl Future<Output = Result<Option<Seen>>> + Send;

    /// Writes the resource's status: its version rises, and its generation does not. A backend without a generation
    /// leaves out [`WITHOUT_STATUS`](super::WITHOUT_STATUS).
    fn touch(&self, _resource: &ResourceId) -> impl Future<Output = Result> + Send {
        ready(Err(Failed::NotApplicable("this backend has no status".to_owned())))
    }

    /// Takes one hold off, as its owner would. A backend without holds leaves out
    /// [`WITHOUT_HOLDS`](super::WITHOUT_HOLDS).
    fn remove_hold(&self, _resource: &ResourceId, _hold: &str) -> impl Future<Output = Result> + Send {
        ready(holds_nothing())
    }

    /// Takes every hold off, whoever owns it: a foreign hand that forces a deletion.
    fn strip_holds(&self, _resource: &ResourceId) -> impl Future<Output = Result> + Send {
        ready(holds_nothing())
    }

    /// The faults that this driver can force. One that forces none leaves out
    /// [`WITHOUT_FAULTS`](super::WITHOUT_FAULTS).
    fn forces(&self) -> &[Fault] {
        &[]
    }

    /// The cases that do not apply to this driver or its backend: all of them, and no other.
    ///
    /// A case that does not apply and is not declared fails, so that a fault that can no longer be
    /// forced, or a capability that got lost, is not taken for a promise that is kept. What is
    /// declared and applies fails as well, and so does a name that no case has.
    fn leaves_out(&self) -> Vec<LeftOut> {
        Vec::new()
    }

    /// How many resources a page of a list has at most. Matters for [`Fault::StallLists`] alone.
    fn page_size(&self) -> usize {
        500
    }

    /// [`Fault::Corrupt`]: makes the resource unreadable for the queue.
    fn corrupt(&self, _resource: &ResourceId) -> impl Future<Output = Result> + Send {
        ready(cannot(Fault::Corrupt))
    }

    /// Makes an unreadable resource readable again.
    fn mend(&self, _resource: &ResourceId) -> impl Future<Output = Result> + Send {
        ready(cannot(Fault::Corrupt))
    }

    /// [`Fault::Disconnect`]: breaks every connection of the queue. New ones succeed.
    fn disconnect(&self) -> impl Future<Output = Result> + Send {
        ready(cannot(Fault::Disconnect))
    }

    /// [`Fault::Expire`]: what the queue's watches go on from is forgotten. Drivers whose watches
    /// go on undisturbed as long as they are connected break them as well.
    fn expire(&self) -> impl Future<Output = Result> + Send {
        ready(cannot(Fault::Expire))
    }

    /// [`Fault::Overload`]: the queue's next calls, so many, are answered with "too much to do, come
    /// back later", with a time of at most two seconds. Watches that are open go on. Zero ends it.
    fn overload(&self, _calls: u32) -> impl Future<Output = Result> + Send {
        ready(cannot(Fault::Overload))
    }

    /// [`Fault::RollBack`]: remembers the system of record as it is now.
    fn save(&self) -> impl Future<Output = Result> + Send {
        ready(cannot(Fault::RollBack))
    }

    /// Restores what [`Driver::save`] remembered, versions included.
    fn roll_back(&self) -> impl Future<Output = Result> + Send {
        ready(cannot(Fault::RollBack))
    }

    /// [`Fault::Outage`]: the queue can reach nothing until [`Driver::bring_up`].
    fn take_down(&self) -> impl Future<Output = Result> + Send {
        ready(cannot(Fault::Outage))
    }

    /// Ends an outage.
    fn bring_up(&self) -> impl Future<Output = Result> + Send {
        ready(cannot(Fault::Outage))
    }

    /// [`Fault::StallLists`]: lists answer their first page, and no other until
    /// [`Driver::resume_lists`].
    fn stall_lists(&self) -> impl Future<Output = Result> + Send {
        ready(cannot(Fault::StallLists))
    }

    /// Ends [`Driver::stall_lists`].
    fn resume_lists(&self) -> impl Future<Output = Result> + Send {
        ready(cannot(Fault::StallLists))
    }
}

fn holds_nothing() -> Result {
    Err(Failed::NotApplicable("this backend holds nothing".to_owned()))
}

fn cannot(fault: Fault) -> Result {
    Err(Failed::NotApplicable(format!("this driver cannot force {fault:?}")))
}

/// Something that goes wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// A resource becomes unreadable.
    Corrupt,
    /// Connections break.
    Disconnect,
    /// Versions expire.
    Expire,
    /// Calls are turned away for a while.
    Overload,
    /// The system of record is restored to what it was, and its versions move backwards.
    RollBack,
    /// The system of record cannot be reached for a while.
    Outage,
    /// Lists stop after their first page.
    StallLists,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Corrupt,
        Self::Disconnect,
        Self::Expire,
        Self::Overload,
        Self::RollBack,
        Self::Outage,
        Self::StallLists,
    ];
}

/// How time passes for the queue under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Tokio's clock is paused: waiting costs nothing, a timer is on time, and that something does
    /// not happen is shown by letting ten minutes pass.
    Paused,
    /// Time is real. That something does not happen is shown by what came later and did happen,
    /// and by waiting a little.
    Real {
        /// How long to wait for what must happen.
        deadline: Duration,
        /// How late a timer, or an answer, may be.
        slack: Duration,
        /// How long to wait a little.
        quiet: Duration,
    },
}

impl Clock {
    /// Real time with a deadline of 30 s, two seconds of slack, and half a second of quiet.
    pub const REAL: Self = Self::Real {
        deadline: Duration::from_secs(30),
        slack: Duration::from_secs(2),
        quiet: Duration::from_millis(500),
    };

    pub(crate) fn deadline(self) -> Duration {
        match self {
            Self::Paused => Duration::from_secs(120),
            Self::Real { deadline, .. } => deadline,
        }
    }

    pub(crate) fn slack(self) -> Duration {
        match self {
            // A tick of tokio's timer at each end, and one for the queue.
            Self::Paused => Duration::from_millis(5),
            Self::Real { slack, .. } => slack,
        }
    }

    pub(crate) fn quiet(self) -> Duration {
        match self {
            Self::Paused => Duration::from_secs(600),
            Self::Real { quiet, .. } => quiet,
        }
    }
}

/// A resource to be created.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Draft {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: Vec<(String, String)>,
    /// What holds it from the beginning.
    pub holds: Vec<String>,
}

impl Draft {
    pub(crate) fn new(kind: Kind, namespace: Arc<str>, name: impl Into<String>) -> Self {
        Self { kind, namespace, name: name.into(), labels: Vec::new(), holds: Vec::new() }
    }

    pub(crate) fn labelled(mut self, key: &str, value: &str) -> Self {
        self.labels.push((key.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn held_by(mut self, hold: &str) -> Self {
        self.holds.push(hold.to_owned());
        self
    }
}

/// A resource as the system of record has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Whether its deletion was asked for.
    pub deleting: bool,
    /// What holds it.
    pub holds: Vec<String>,
    /// Its version.
    pub version: Version,
}

impl Seen {
    pub(crate) fn is_held_by(&self, hold: &str) -> bool {
        self.holds.iter().any(|one| one == hold)
    }
}

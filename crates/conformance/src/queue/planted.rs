//! Bugs on purpose, to show that the suite would notice them.
//!
//! Each [`Bug`] breaks one promise of a queue that keeps them all. It is planted from outside, by
//! what stands between the queue and its consumers, its handles or its system of record; no queue
//! has a switch for it. A test plants each in turn, runs the cases that should catch it, and fails
//! if one of them passes:
//!
//! ```text
//! for bug in planted::bugs() {
//!     for case in bug.caught_by {
//!         let ended = check(case, bug.plant(MyDriver::new())).await;
//!         assert!(matches!(ended, Err(Failed::Broken(_))), "{bug:?} escaped {case}");
//!     }
//! }
//! ```

mod field;
mod gone;
mod holds;
mod identity;
mod isolation;
mod order;
mod plant;
mod progress;
mod replay;
mod retry;
mod stopping;
mod survival;
mod wrapped;

use std::fmt;
use std::sync::Arc;

use crate::queue::driver::Driver;

use self::plant::{Plant, Sound};

pub use self::wrapped::{Planted, PlantedQueue};

/// One bug.
#[derive(Clone, Copy)]
pub struct Bug {
    /// What it does.
    pub name: &'static str,
    /// The promise that it breaks, as `Q6`.
    pub breaks: &'static str,
    /// The cases that must notice it.
    pub caught_by: &'static [&'static str],
    plant: fn() -> Arc<dyn Plant>,
}

impl Bug {
    /// The driver, with the bug in the queues that it makes.
    pub fn plant<D: Driver>(&self, driver: D) -> Planted<D> {
        Planted::new(driver, (self.plant)())
    }
}

impl fmt::Debug for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (breaks {})", self.name, self.breaks)
    }
}

/// Every bug there is.
pub fn bugs() -> impl Iterator<Item = Bug> {
    let all = [
        replay::BUGS,
        retry::BUGS,
        order::BUGS,
        isolation::BUGS,
        holds::BUGS,
        identity::BUGS,
        progress::BUGS,
        stopping::BUGS,
        survival::BUGS,
        gone::BUGS,
    ];
    all.into_iter().flatten().copied()
}

/// No bug at all: shows that what the bugs are planted with breaks nothing by itself.
pub fn none() -> Bug {
    Bug { name: "none", breaks: "nothing", caught_by: &[], plant: || Arc::new(Sound) }
}

/// The bugs of a module: the promise, the bug, and the cases that must notice it.
macro_rules! catalogue {
    ($($breaks:ident $bug:expr => $($case:ident),+;)*) => {
        pub(super) const BUGS: &[$crate::queue::planted::Bug] = &[$($crate::queue::planted::Bug {
            name: stringify!($bug),
            breaks: stringify!($breaks),
            caught_by: &[$(stringify!($case)),+],
            plant: || std::sync::Arc::new($bug),
        }),*];
    };
}
pub(crate) use catalogue;

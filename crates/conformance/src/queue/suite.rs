use std::panic::AssertUnwindSafe;

use futures::FutureExt;

use crate::queue::driver::Driver;
use crate::queue::world::World;
use crate::{Failed, Result};

/// Expands to one test per case.
///
/// Takes the attributes of each test, `#[tokio::test]` at least, and an expression for the driver
/// of one case; it is evaluated in an `async` function, anew for each.
///
/// ```text
/// rewitness_conformance::queue_suite!(#[tokio::test(flavor = "multi_thread")] MyDriver::connect().await);
/// ```
#[macro_export]
macro_rules! queue_suite {
    ($(#[$attribute:meta])+ $driver:expr) => {
        $crate::for_every_queue_case!($crate::__queue_tests![[$(#[$attribute])+] $driver]);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __queue_tests {
    ([$attributes:tt $driver:expr] $($name:ident),* $(,)?) => {
        $($crate::__queue_test! { $attributes $name $driver })*
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __queue_test {
    ([$($attributes:tt)+] $name:ident $driver:expr) => {
        $($attributes)+
        async fn $name() -> $crate::Result {
            $crate::queue::check(stringify!($name), $driver).await.map(|verdict| verdict.report(stringify!($name)))
        }
    };
}

/// What a case that did not fail came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The promise was kept.
    Passed,
    /// The case does not apply, and the driver declares that it does not.
    LeftOut {
        /// Why, as declared.
        reason: &'static str,
    },
}

impl Verdict {
    /// Says on stderr that a case did not apply, so that it is not taken for one that passed.
    pub fn report(self, case: &str) {
        if let Self::LeftOut { reason } = self {
            #[expect(clippy::print_stderr, reason = "how a test tells what libtest has no word for")]
            {
                eprintln!("{case} is left out: {reason}");
            }
        }
    }
}

/// The names of all cases, in the order of the promises.
pub fn cases<D: Driver>() -> impl Iterator<Item = &'static str> {
    crate::queue::cases::all::<D>().into_iter().map(|case| case.name)
}

/// Runs one case.
///
/// # Errors
///
/// - [`Failed::Broken`] if the promise was not kept, or the case panicked, or there is none of this
///   name, or what the driver [leaves out](Driver::leaves_out) is not what does not apply.
/// - [`Failed::NotApplicable`] if the case does not apply, and the driver does not declare it.
pub async fn check<D: Driver>(name: &str, driver: D) -> Result<Verdict> {
    let cases = crate::queue::cases::all::<D>();
    let left_out = driver.leaves_out();
    if let Some(stranger) = left_out.iter().find(|left| cases.iter().all(|case| case.name != left.case)) {
        return Err(Failed::new(format!(
            "the driver leaves out `{}`, which no case is named",
            stranger.case
        )));
    }
    let declared = left_out.iter().find(|left| left.case == name).map(|left| left.reason);
    let found = cases.into_iter().find(|case| case.name == name);
    let case = found.ok_or_else(|| Failed::new(format!("there is no case `{name}`")))?;
    let run = AssertUnwindSafe((case.run)(World::new(driver)));
    verdict(run.catch_unwind().await.map_err(panicked)?, declared)
}

/// What a case came to, given the reason for which the driver leaves it out, if it does.
fn verdict(ended: Result, declared: Option<&'static str>) -> Result<Verdict> {
    match (ended, declared) {
        (Ok(()), None) => Ok(Verdict::Passed),
        (Ok(()), Some(reason)) => Err(Failed::new(format!(
            "the driver leaves this case out ({reason}), but it applies, and passes"
        ))),
        (Err(Failed::NotApplicable(_)), Some(reason)) => Ok(Verdict::LeftOut { reason }),
        (Err(Failed::NotApplicable(why)), None) => {
            Err(Failed::NotApplicable(format!("{why}, and `Driver::leaves_out` does not declare it")))
        }
        (Err(broken), _) => Err(broken),
    }
}

fn panicked(panic: Box<dyn std::any::Any + Send>) -> Failed {
    let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    Failed::new(format!("panicked: {}", text.or_else(|| panic.downcast_ref().cloned()).unwrap_or_default()))
}

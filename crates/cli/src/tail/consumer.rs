//! What is done with a delivery: its line is written, its command is run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rewitness_messaging::{Backoff, Consumer, Delivery, Failure, Outcome, Retry};

use super::command::Program;
use super::line::{Printer, qualified_name};
use super::output::Output;
use super::time::span;
use crate::screen::Screen;

/// The consumer at your fingertips.
pub(crate) struct Tail {
    pub(crate) printer: Printer,
    pub(crate) output: Arc<Output>,
    pub(crate) program: Option<Program>,
    pub(crate) screen: Screen,
    pub(crate) errors: Arc<AtomicU64>,
    /// How the subscription spaces failures.
    pub(crate) backoff: Backoff,
}

impl Consumer for Tail {
    async fn consume(&self, delivery: Delivery) -> Result<Outcome, Failure> {
        // A line that cannot be written ends the program, which then says so once.
        self.output.write(|out| self.printer.write(out, &delivery)).await?;
        let Some(program) = &self.program else { return Ok(Outcome::Done) };
        let answer = program.run(&delivery).await;
        if let Err(failure) = &answer {
            self.errors.fetch_add(1, Relaxed);
            let resource = &delivery.envelope.resource;
            let kind = resource.kind.kind.to_lowercase();
            let (name, attempt) = (qualified_name(resource), delivery.attempt);
            let again = comes_back(failure.retry(), attempt, self.backoff);
            self.screen
                .alarm("failed", format_args!("{kind} {name} (attempt {attempt}): {failure}; {again}"));
        }
        answer
    }
}

/// When a delivery comes back whose `attempt`-th try failed. With full jitter only the latest time is
/// known here.
fn comes_back(retry: Retry, attempt: u32, backoff: Backoff) -> String {
    match retry {
        Retry::Backoff => format!("comes back within {}", span(backoff.interval(attempt))),
        Retry::After(after) => format!("comes back in {}", span(after)),
        Retry::Never => "comes back when it is changed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_error_says_when_it_comes_back() {
        let backoff = Backoff::default();
        for (retry, attempt, expected) in [
            (Retry::Backoff, 1, "comes back within 500 ms"),
            (Retry::Backoff, 2, "comes back within 1 s"),
            (Retry::Backoff, 9, "comes back within 2 min 8 s"),
            (Retry::Backoff, 50, "comes back within 5 min"),
            (Retry::After(Duration::from_secs(7)), 3, "comes back in 7 s"),
            (Retry::Never, 1, "comes back when it is changed"),
        ] {
            assert_eq!(comes_back(retry, attempt, backoff), expected);
        }
    }
}

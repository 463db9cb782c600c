//! What is done with a delivery: its line is written, its command is run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rewitness_messaging::{Consumer, Delivery, Failure, Outcome};

use super::command::Program;
use super::line::{Printer, qualified_name};
use super::output::Output;
use crate::screen::Screen;

/// The consumer at your fingertips.
pub(crate) struct Tail {
    pub(crate) printer: Printer,
    pub(crate) output: Arc<Output>,
    pub(crate) program: Option<Program>,
    pub(crate) screen: Screen,
    pub(crate) errors: Arc<AtomicU64>,
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
            self.screen
                .alarm("failed", format_args!("{kind} {name} (try {attempt}): {failure}; it comes back"));
        }
        answer
    }
}

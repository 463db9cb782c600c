//! How the program ends: its exit status, and what is said when it failed.

use std::process::ExitCode;

use rewitness_kubernetes::call::chain;
use rewitness_verdict::WrongUse;
pub(crate) use rewitness_verdict::wrong_use;

/// The exit status, as `--help` promises it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// What was asked for was done.
    Done = 0,
    /// It was not, or not all of it.
    Failed = 1,
    /// What was typed makes no sense; nothing was done.
    WrongUse = 2,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}

/// The status that an error stands for.
pub(crate) fn status_of(error: &anyhow::Error) -> Status {
    match error.downcast_ref::<WrongUse>() {
        Some(_) => Status::WrongUse,
        None => Status::Failed,
    }
}

/// An error for the screen: what failed, its causes after colons. Lines after the first are advice.
pub(crate) fn describe(error: &anyhow::Error) -> String {
    chain(error.as_ref()).replace('\n', "\n  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_use_is_told_from_failure_also_with_context() {
        assert_eq!(status_of(&wrong_use("x")), Status::WrongUse);
        assert_eq!(status_of(&wrong_use("x").context("more")), Status::WrongUse);
        assert_eq!(status_of(&anyhow::anyhow!("x")), Status::Failed);
    }

    #[test]
    fn causes_follow_once_and_advice_is_indented() {
        let error =
            anyhow::anyhow!("connection refused").context("dial: connection refused").context("no server");
        assert_eq!(describe(&error), "no server: dial: connection refused");
        assert_eq!(describe(&wrong_use("no such type\ntry `x`")), "no such type\n  try `x`");
    }
}

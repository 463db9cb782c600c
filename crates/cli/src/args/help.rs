//! What `--help` says below the options.

use rewitness_crds::Reason;
use rewitness_verdict::plan::{EXCESS, REFUSED, UNKNOWN};
use rewitness_verdict::why::REASONS;

/// A text of the folder `help`; what it says has no empty lines at its end.
macro_rules! text {
    ($file:literal) => {
        include_str!(concat!("help/", $file, ".txt")).trim_ascii_end()
    };
}

pub(super) const REWITNESS: &str = text!("rewitness");

/// clap would write `[-- <CMD ARGS>...]`.
pub(super) const TAIL_USAGE: &str = "rewitness tail [OPTIONS] <TYPE>... [-- CMD ARGS...]";

pub(super) const TAIL: &str = text!("tail");

pub(super) const TAIL_LONG: &str = text!("tail_long");

pub(super) const RUN: &str = text!("run");

pub(super) const RUN_LONG: &str = text!("run_long");

/// clap does not know that only a hold by hand needs its types.
pub(super) const UNHOLD_USAGE: &str = "\
rewitness unhold [OPTIONS] NAME TYPE...
       rewitness unhold [OPTIONS] NAME TYPE/NAME
       rewitness unhold [OPTIONS] cascade/NAME [TYPE... | TYPE/NAME]";

pub(super) const UNHOLD: &str = text!("unhold");

/// clap would write `<TYPE/NAME>...`.
pub(super) const WHY_USAGE: &str = "rewitness why [OPTIONS] TYPE/NAME | TYPE NAME";

pub(super) const WHY: &str = text!("why");

/// The words are those that verdicts are made of.
pub(super) fn why_long() -> String {
    WHY_LONG.replace("{reasons}", &listed("reason: what a finding is", REASONS))
}

/// Words with their meanings, below what they are for.
fn listed(what: &str, reasons: &[Reason]) -> String {
    let line = |reason: &Reason| format!("    {reason:<22} {}\n", reason.meaning());
    format!("  {what}\n{}", reasons.iter().map(line).collect::<String>())
}

const WHY_LONG: &str = text!("why_long");

/// clap does not know that a file takes the place of a name.
pub(super) const PLAN_USAGE: &str = "\
rewitness plan [OPTIONS] CASCADE [PARENT]
       rewitness plan [OPTIONS] -f FILE [PARENT]";

/// The words are those that the documents are made of.
pub(super) fn plan() -> String {
    let reasons = [
        ("refused: what keeps it from beginning or going on", REFUSED),
        ("excess: why it needs a confirmation", EXCESS),
        ("unknown: what is not known, or why", UNKNOWN),
    ];
    PLAN.replace("{reasons}", &reasons.map(|(what, words)| listed(what, words)).concat())
}

const PLAN: &str = text!("plan");

pub(super) const CONFIRM: &str = text!("confirm");

pub(super) const SUSPEND_ABOUT: &str =
    "Suspend Cascades: no deletion begins or continues until `rewitness resume`";

pub(super) const SUSPEND: &str = text!("suspend");

pub(super) const RESUME_ABOUT: &str = "Resume Cascades that are suspended";

pub(super) const RESUME: &str = text!("resume");

pub(super) const RBAC: &str = text!("rbac");

pub(super) const COMPLETIONS: &str = text!("completions");

pub(super) const CHECK: &str = text!("check");

pub(super) const CHECK_LONG: &str = text!("check_long");

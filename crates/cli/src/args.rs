//! The command line: what can be typed, and what of it makes no sense.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgAction, Args, CommandFactory, FromArgMatches as _, Parser, Subcommand, ValueHint};
use clap_complete::Shell;
use rewitness_messaging::{Kind, Selector};
use rewitness_verdict::Namespace;
use rewitness_verdict::Typed;

use crate::called::{self, Name};
use crate::hold_name::HoldName;
use crate::unhold::HoldRef;

mod cascades;
mod checks;
#[cfg(test)]
mod documented;
mod formats;
mod help;
mod values;

pub(crate) use cascades::{ConfirmArgs, PlanArgs, RbacArgs, SuspendArgs};
pub(crate) use checks::CheckArgs;
pub(crate) use formats::{Color, Format, VerdictFormat};
use values::{duration, kind};

/// Replays, follows, holds and releases Kubernetes resources.
///
/// Each resource of the types you name is handed over once at every start, again after every
/// change, again after every error, and, when it is being deleted, for its clean-up. Delivery is at
/// least once, in order per resource, never exactly once.
#[derive(Debug, Parser)]
#[command(name = "rewitness", version, max_term_width = 100, after_help = help::REWITNESS)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    /// As kubectl takes it, before the command; [`Cli::read`] puts it where it belongs.
    #[command(flatten)]
    place: PlaceArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Tail(TailArgs),
    Run(RunArgs),
    Unhold(UnholdArgs),
    Why(WhyArgs),
    Plan(PlanArgs),
    Confirm(ConfirmArgs),
    #[command(about = help::SUSPEND_ABOUT, after_help = help::SUSPEND)]
    Suspend(SuspendArgs),
    #[command(about = help::RESUME_ABOUT, after_help = help::RESUME)]
    Resume(SuspendArgs),
    Rbac(RbacArgs),
    Check(CheckArgs),
    Completions(CompletionsArgs),
}

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct GlobalArgs {
    /// The kubeconfig file [default: $KUBECONFIG, ~/.kube/config, or in a pod its ServiceAccount].
    #[arg(long, global = true, help_heading = "Everywhere", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig to use [default: its current one].
    #[arg(long, global = true, help_heading = "Everywhere", value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// Say more on stderr; twice for more still. RUST_LOG sets it in detail.
    #[arg(short, long, global = true, help_heading = "Everywhere", action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

impl GlobalArgs {
    /// How commands are typed that go to the same cluster.
    pub(crate) fn typed(&self) -> Typed {
        Typed::new(called::typed(), self.kubeconfig.as_deref(), self.context.as_deref())
    }
}

/// Where the resources live.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct PlaceArgs {
    /// Only in this namespace [default: the context's].
    #[arg(
        short,
        long,
        help_heading = "Which resources",
        value_name = "NS",
        conflicts_with = "all_namespaces"
    )]
    pub(crate) namespace: Option<Namespace>,
    /// In all namespaces.
    #[arg(short = 'A', long, help_heading = "Which resources")]
    pub(crate) all_namespaces: bool,
}

/// Which resources are meant.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ScopeArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// Only what these labels select, as `app=web,tier in (a, b),!legacy`.
    #[arg(short = 'l', long, help_heading = "Which resources", value_name = "SELECTOR")]
    pub(crate) selector: Option<Selector>,
}

/// Replay what is there, then follow what happens.
///
/// Prints a line per delivery, or runs a command for each. Holds nothing and writes nothing to the
/// cluster unless --hold is given.
#[derive(Debug, Args)]
#[command(override_usage = help::TAIL_USAGE, after_help = help::TAIL, after_long_help = help::TAIL_LONG)]
pub(crate) struct TailArgs {
    /// What to follow, as kubectl takes it: widgets, widget, wd, Widget, widgets.example.com,
    /// widgets.v1.example.com; several with commas or spaces.
    #[arg(required = true, value_delimiter = ',', value_name = "TYPE")]
    pub(crate) types: Vec<String>,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    /// How a delivery is printed.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Format,
    /// Exit once everything listed was delivered and answered once.
    ///
    /// The status is 0, or 1 if an answer was an error or a type could not be listed.
    #[arg(long)]
    pub(crate) until_replayed: bool,
    /// Keep what is deleted, by the finalizer hold.rewitness.dev/NAME, until that was answered with
    /// Done.
    #[arg(long, help_heading = "Holding", value_name = "NAME")]
    pub(crate) hold: Option<HoldName>,
    /// How many deliveries may be in flight [default: 4 with a command, else 128].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) concurrency: Option<u16>,
    /// How long a command may take, as 500ms, 60s or 5m; after that it fails.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub(crate) timeout: Duration,
    /// Also deliver what is gone, once per uid.
    #[arg(long)]
    pub(crate) gone: bool,
    /// Add the finalizer without asking.
    #[arg(short, long, help_heading = "Holding", requires = "hold")]
    pub(crate) yes: bool,
    /// Also hold what a cluster needs to live: Pods, Nodes, Namespaces, CRDs …, and what is in
    /// namespaces named kube-*.
    #[arg(long, help_heading = "Holding", requires = "hold")]
    pub(crate) allow_protected: bool,
    /// When to colour.
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: Color,
    /// What to run for each delivery, without a shell.
    #[arg(last = true, value_name = "CMD ARGS", value_hint = ValueHint::CommandWithArguments)]
    pub(crate) command: Vec<OsString>,
}

/// Follow the cluster's Cascades: deletion by reference.
///
/// A Cascade in mode Plan is only reported on, in its status. One in mode Enforce holds its parents;
/// when a parent is deleted, what refers to it is deleted stage by stage, and then the parent goes.
#[derive(Debug, Args)]
#[command(after_help = help::RUN, after_long_help = help::RUN_LONG)]
pub(crate) struct RunArgs {
    /// Work off what is there, print a line per Cascade, and exit.
    ///
    /// The status is 0, or 1 if a Cascade is in error, or a parent is still held.
    #[arg(long)]
    pub(crate) once: bool,
    /// With --once: exit after this time at the latest, as 60s or 5m, with status 1.
    #[arg(long, value_name = "TIME", requires = "once", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
    /// Only the Cascades that these labels select; another operator must follow the others.
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub(crate) selector: Option<Selector>,
    /// Work in these namespaces alone: parents and dependents in others are not seen.
    ///
    /// A Cascade with a kind that lives in no namespace is not followed then.
    #[arg(long, value_delimiter = ',', value_name = "NS")]
    pub(crate) namespace_scope: Vec<Namespace>,
    /// Kinds that may be deleted although they are protected, as Namespace or
    /// ClusterRole.rbac.authorization.k8s.io.
    #[arg(long, value_delimiter = ',', value_name = "KIND", value_parser = kind)]
    pub(crate) allow_protected_kinds: Vec<Kind>,
}

/// Remove a finalizer of Rewitness by hand: that of `tail --hold NAME`, or that of a Cascade.
///
/// What is being deleted and waited for nothing else is gone then.
#[derive(Debug, Args)]
#[command(override_usage = help::UNHOLD_USAGE, after_help = help::UNHOLD)]
pub(crate) struct UnholdArgs {
    /// The name that was given to --hold; or cascade/NAME.
    #[arg(value_name = "NAME")]
    pub(crate) hold: HoldRef,
    /// Which types, or one object as TYPE/NAME [default for a Cascade that is there: its parents].
    #[arg(value_delimiter = ',', value_name = "TYPE")]
    pub(crate) types: Vec<String>,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    /// Only say what would be released.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Also where a Cascade of this name is there, whose operator then adds the finalizer again.
    #[arg(long)]
    pub(crate) force: bool,
}

/// Say why a resource is still there, and what to do about it.
///
/// Reads with your own rights, and writes nothing. No operator of Rewitness is needed for it. Also
/// called explain.
// Not a visible alias: completion would offer it instead of the name, as it is the first by letters.
#[derive(Debug, Args)]
#[command(alias = "explain", override_usage = help::WHY_USAGE, after_help = help::WHY, after_long_help = help::why_long())]
pub(crate) struct WhyArgs {
    /// Which resource, as kubectl takes it: project/web, or project web.
    #[arg(required = true, num_args = 1..=2, value_name = "TYPE/NAME")]
    pub(crate) what: Vec<String>,
    /// In this namespace [default: the context's].
    #[arg(short, long, value_name = "NS")]
    pub(crate) namespace: Option<Namespace>,
    /// How the answer is printed.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: VerdictFormat,
    /// Ask again and again until it is gone; then the status is 0.
    #[arg(short, long)]
    pub(crate) watch: bool,
    /// When to colour.
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: Color,
}

/// Print the completions for a shell.
#[derive(Debug, Args)]
#[command(after_help = help::COMPLETIONS)]
pub(crate) struct CompletionsArgs {
    /// Which shell.
    pub(crate) shell: Shell,
}

impl Cli {
    /// Reads what was typed.
    pub(crate) fn read(
        words: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> clap::error::Result<Self> {
        let mut cli = Self::parse_as_called(words.into_iter().map(Into::into).collect())?;
        let before = std::mem::take(&mut cli.place);
        let place = match &mut cli.command {
            Command::Tail(args) => &mut args.scope.place,
            Command::Unhold(args) => {
                if args.types.is_empty() && matches!(args.hold, HoldRef::Hand(_)) {
                    let text = "`<TYPE>` is missing: name the types to release, as in";
                    let text = format!("{text} `{} unhold demo widgets`", called::typed());
                    return Err(Self::command_as_called().error(ErrorKind::MissingRequiredArgument, text));
                }
                &mut args.scope.place
            }
            Command::Why(WhyArgs { namespace, .. })
            | Command::Plan(PlanArgs { namespace, .. })
            | Command::Confirm(ConfirmArgs { namespace, .. })
                if !before.all_namespaces =>
            {
                *namespace = namespace.take().or(before.namespace);
                return Ok(cli);
            }
            _ if before != PlaceArgs::default() => {
                return Err(Self::conflict("`-n` and `-A` say nothing to this command"));
            }
            _ => return Ok(cli),
        };
        // What comes later overrules what came before, as kubectl has it.
        place.namespace = place.namespace.take().or(before.namespace);
        place.all_namespaces |= before.all_namespaces;
        // clap looks for conflicts before the command and after it, but not across.
        match (&place.namespace, place.all_namespaces) {
            (Some(_), true) => {
                Err(Self::conflict("the argument '--namespace <NS>' cannot be used with '--all-namespaces'"))
            }
            _ => Ok(cli),
        }
    }

    fn parse_as_called(words: Vec<OsString>) -> clap::error::Result<Self> {
        let name = words.first().map_or(Name::Program, |path| Name::of(path));
        let mut command = name.dress(Self::command());
        let mut matches = command.try_get_matches_from_mut(words)?;
        Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
    }

    fn command_as_called() -> clap::Command {
        Name::of_this().dress(Self::command())
    }

    fn conflict(text: &str) -> clap::Error {
        Self::command_as_called().error(ErrorKind::ArgumentConflict, text)
    }
}

impl TailArgs {
    /// How many deliveries may be in flight. A command is a process, a printed line is not; but
    /// whatever is in flight is polled whenever one of them moves, so that twice as many lines cost
    /// a sixth more and bring nothing.
    pub(crate) fn concurrency(&self) -> usize {
        let unless_told = if self.command.is_empty() { 128 } else { 4 };
        self.concurrency.map_or(unless_told, usize::from)
    }
}

#[cfg(test)]
mod tests;

//! `rewitness tail`: a consumer at your fingertips.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use futures::FutureExt;
use rewitness_kubernetes::finalizer::Holds;
use rewitness_kubernetes::{ApiError, Config, Error, KubernetesQueue, ResolvedKind};
use rewitness_messaging::{Hold, Kind, Queue, Stopped, Subscription};
use rewitness_verdict::Link;
use rewitness_verdict::text::counted;
use tokio::sync::Notify;

use crate::args::{GlobalArgs, TailArgs};
use crate::connect;
use crate::exit::{Status, describe};
use crate::scope::Scope;
use crate::screen::{Screen, stdout_canvas};
use crate::signals::Signals;
use crate::types;

mod command;
mod consumer;
mod hold;
mod line;
mod output;
mod progress;
mod source_errors;
mod time;

use command::Program;
use consumer::Tail;
use hold::HoldPlan;
use line::Printer;
use output::Output;
use progress::{End, ProgressWatcher};
use source_errors::Probe;

pub(crate) use output::reader_gone;

/// How long commands that run may go on after the first Ctrl-C.
const GRACE: Duration = Duration::from_secs(10);

/// What a tail is about.
struct Session<'a> {
    args: &'a TailArgs,
    global: &'a GlobalArgs,
    screen: &'a Screen,
    link: Link,
    kinds: Vec<ResolvedKind>,
    scope: Scope,
}

/// Why no more is delivered.
enum Stop {
    Signal,
    End(End),
    /// stdout takes nothing any more; a broken pipe says only that its reader had enough.
    Stdout(io::Error),
}

pub(crate) async fn run(args: &TailArgs, global: &GlobalArgs, screen: &Screen) -> anyhow::Result<Status> {
    let path = std::env::var_os("PATH");
    let program = Program::find(&args.command, path.as_deref(), args.timeout, screen.clone())?;
    let mut signals = Signals::catch()?;
    let prepared = async {
        let session = Session::open(args, global, screen).await?;
        anyhow::Ok(session.may_begin().await?.then_some(session))
    };
    let session = tokio::select! {
        prepared = prepared => prepared?,
        () = signals.next() => {
            // A terminal has written `^C` behind the question.
            screen.line(if screen.is_terminal() { "\nstopped before anything was done" } else { "stopped" });
            None
        }
    };
    match session {
        Some(session) => session.follow(program, &mut signals).await,
        None => Ok(Status::Failed),
    }
}

impl<'a> Session<'a> {
    async fn open(args: &'a TailArgs, global: &'a GlobalArgs, screen: &'a Screen) -> anyhow::Result<Self> {
        let link = connect::connect(global).await?;
        let kinds = types::resolve(&link, &args.types).await?;
        let scope = Scope::new(&args.scope, &link);
        Ok(Self { args, global, screen, link, kinds, scope })
    }

    /// Asks where something will be written; without a hold nothing is.
    async fn may_begin(&self) -> anyhow::Result<bool> {
        let Some(hold) = self.hold() else { return Ok(true) };
        hold.check()?;
        let agreed = hold.ask(self.screen).await?;
        if !agreed {
            self.screen.line("nothing was changed");
        }
        Ok(agreed)
    }

    /// Delivers until there is a reason to stop, then drains.
    async fn follow(&self, program: Option<Program>, signals: &mut Signals) -> anyhow::Result<Status> {
        let kinds: Vec<Kind> = self.kinds.iter().map(|kind| kind.kind.clone()).collect();
        let printer = Printer::new(self.args.output, stdout_canvas(self.args.color).color, &kinds);
        if let Some(heading) = printer.heading().filter(|_| io::stdout().is_terminal()) {
            output::to_stdout(heading.as_bytes())?;
        }
        let subscription = self.subscription(kinds);
        let (output, errors) = (Arc::new(Output::new()), Arc::new(AtomicU64::new(0)));
        let tail = Tail {
            printer,
            program,
            output: output.clone(),
            errors: errors.clone(),
            screen: self.screen.clone(),
            backoff: subscription.backoff,
        };

        let config = Config { grace: GRACE, allow_protected: self.args.allow_protected, ..Config::default() };
        let queue = KubernetesQueue::new(self.link.client.clone(), config);
        let handle = queue.subscribe(subscription, tail)?;
        let stop = Arc::new(Notify::new());
        let stopping = stop.clone();
        let mut running = std::pin::pin!(queue.run(async move { stopping.notified().await }));
        let mut pump = std::pin::pin!(output.pump(self.writer()).fuse());
        let mut watcher =
            ProgressWatcher::new(self, self.screen, self.args.until_replayed, self.global.verbose > 0);

        let why = tokio::select! {
            ended = &mut running => anyhow::bail!("the queue ended by itself: {:?}", ended?),
            error = &mut pump => Stop::Stdout(error),
            () = output::reader_gone() => Stop::Stdout(io::ErrorKind::BrokenPipe.into()),
            () = signals.next() => Stop::Signal,
            end = watcher.watch(&handle) => Stop::End(end),
        };
        self.screen.status("");
        if let Stop::Signal = why {
            self.tell_stopping(handle.progress().in_flight);
        }
        stop.notify_one();
        let drained = loop {
            tokio::select! {
                stopped = &mut running => break Some(stopped?),
                // Whoever still runs has a line to write.
                _ = &mut pump => {}
                // At once.
                () = signals.next() => break None,
            }
        };
        self.tell_held(drained.is_some(), signals).await;
        self.verdict(why, drained, errors.load(Relaxed))
    }

    fn subscription(&self, kinds: Vec<Kind>) -> Subscription {
        let args = self.args;
        let mut subscription = Subscription::new("tail", kinds)
            .matching(self.scope.selector.clone())
            .with_concurrency(args.concurrency());
        if let Some(namespace) = &self.scope.namespace {
            subscription = subscription.in_namespaces([&**namespace]);
        }
        if args.gone {
            subscription = subscription.with_gone();
        }
        if let Some(name) = &args.hold {
            // A printed line has no effect that must wait for the finalizer, a command may have one; and
            // with --until-replayed every resource has the finalizer at the end of the replay.
            let gates_live = !args.command.is_empty() || args.until_replayed;
            subscription = subscription.holding(Hold { name: name.finalizer(), gates_live });
        }
        subscription
    }

    fn hold(&self) -> Option<HoldPlan<'_>> {
        let Self { args, link, kinds, scope, .. } = self;
        args.hold.as_ref().map(|name| HoldPlan { name, link, kinds, scope, args })
    }

    /// Writes lines to stdout; if that is the terminal of the status line, above it.
    fn writer(&self) -> impl Fn(&[u8]) -> io::Result<()> + Clone + Send + 'static {
        let beside = (self.screen.is_terminal() && io::stdout().is_terminal()).then(|| self.screen.clone());
        move |bytes| match &beside {
            Some(screen) => screen.beside(|| output::to_stdout(bytes)),
            None => output::to_stdout(bytes),
        }
    }

    fn tell_stopping(&self, in_flight: u64) {
        self.screen.note(match in_flight {
            0 => "stopping".to_owned(),
            running => format!(
                "stopping: {} up to {} s to finish; again to end at once",
                counted(running, "delivery has", "deliveries have"),
                GRACE.as_secs()
            ),
        });
    }

    /// Says what is still held.
    async fn tell_held(&self, is_drained: bool, signals: &mut Signals) {
        let Some(hold) = self.hold() else { return };
        if !is_drained {
            return hold.tell_uncounted(self.screen, "ended at once");
        }
        tokio::select! {
            () = hold.tell_held(self.screen) => {}
            () = signals.next() => hold.tell_uncounted(self.screen, "interrupted"),
        }
    }

    /// How it ends; `drained` says what the queue did not finish, and is `None` if it was ended at once.
    fn verdict(&self, why: Stop, drained: Option<Stopped>, errors: u64) -> anyhow::Result<Status> {
        let promised = self.args.until_replayed;
        if drained.is_none_or(|stopped| stopped.cut_off > 0) {
            self.screen.note("what was cut off is delivered again at the next start");
            // Everything was answered by then; only what came after it was cut off.
            if !matches!(why, Stop::End(End::Replayed)) {
                return Ok(Status::Failed);
            }
        }
        match why {
            Stop::Stdout(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(anyhow::Error::new(error).context("cannot write to stdout"))
            }
            // Fine for what follows for ever, but then not everything was delivered.
            Stop::Stdout(_) | Stop::Signal if promised => Ok(Status::Failed),
            Stop::Stdout(_) | Stop::Signal => Ok(Status::Done),
            Stop::End(End::Stuck(reasons)) => anyhow::bail!("{}", reasons.join("\n")),
            Stop::End(End::Replayed) if errors > 0 => {
                anyhow::bail!("{}", counted(errors, "answer was an error", "answers were errors"))
            }
            Stop::End(End::Replayed) => Ok(Status::Done),
        }
    }
}

impl Probe for &Session<'_> {
    /// Lists what has a label that nothing has: the answer is short, and the error tells.
    async fn hopeless(&self, kind: &Kind, namespace: Option<&str>) -> Option<String> {
        let kind = self.kinds.iter().find(|resolved| resolved.kind == *kind)?;
        let nothing = "rewitness.dev/nothing=nothing".parse().unwrap_or_default();
        let found = Holds::new(self.link.client.clone()).list(kind, namespace, &nothing, "").await;
        match found {
            Err(Error::List {
                error: ApiError::Forbidden { .. } | ApiError::NoPath | ApiError::Unauthorized,
                ..
            }) => found.err().map(|error| describe(&self.link.explain(error))),
            _ => None,
        }
    }
}

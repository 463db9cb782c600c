//! How far the replay is: what is shown of it, and when there is nothing more to wait for.

use std::time::Duration;

use rewitness_messaging::{Handle, Progress, SourceState};
use rewitness_verdict::text::{counted, thousands};
use tokio::time::{Instant, sleep, sleep_until};

use super::source_errors::{Probe, SourceErrors};
use super::time::duration;
use crate::screen::Screen;

/// The progress is looked at no more often than this: it changes with every delivery.
const LOOK: Duration = Duration::from_millis(10);

/// The status line is drawn no more often than this: nobody reads faster.
const DRAW: Duration = Duration::from_millis(100);

/// How long `--until-replayed` waits for what fails for a reason that may pass.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why nothing more is waited for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Everything listed was delivered and answered once.
    Replayed,
    /// All is done but what could not be, for these reasons.
    Stuck(Vec<String>),
}

/// Watches the progress of a subscription, and tells of it.
pub(crate) struct ProgressWatcher<P> {
    probe: P,
    screen: Screen,
    until_replayed: bool,
    /// Whether the end of the replay is told of where nobody watches it.
    verbose: bool,
    started: Instant,
    drawn: Option<Instant>,
    /// Whether what is drawn is not the newest.
    is_stale: bool,
    replay_told: bool,
    errors: SourceErrors,
    /// How often each of [`WARNINGS`] had happened when it was last looked.
    warned: [u64; WARNINGS.len()],
}

impl<P: Probe> ProgressWatcher<P> {
    pub(crate) fn new(probe: P, screen: &Screen, until_replayed: bool, verbose: bool) -> Self {
        Self {
            probe,
            screen: screen.clone(),
            until_replayed,
            verbose,
            started: Instant::now(),
            drawn: None,
            is_stale: false,
            replay_told: false,
            errors: SourceErrors::new(until_replayed.then_some(PATIENCE)),
            warned: [0; WARNINGS.len()],
        }
    }

    /// Completes when there is nothing more to wait for; without `until_replayed` that is only when
    /// nothing at all can be listed.
    pub(crate) async fn watch(&mut self, handle: &Handle) -> End {
        loop {
            let changed = handle.changed();
            let progress = handle.progress();
            let one_is_all = progress.sources.len() == 1 && !progress.replayed;
            let is_said_at_the_end = self.until_replayed || one_is_all;
            self.errors.note(&progress, &self.probe, &self.screen, is_said_at_the_end).await;
            self.draw(&progress);
            self.tell(&progress);
            if let Some(end) = self.end(&progress, Instant::now()) {
                self.screen.status("");
                return end;
            }
            tokio::select! {
                () = changed => sleep(LOOK).await,
                () = sleep(DRAW), if self.is_stale => {}
                () = self.out_of_patience() => {}
            }
        }
    }

    fn end(&self, progress: &Progress, now: Instant) -> Option<End> {
        if self.until_replayed && progress.replayed {
            return Some(End::Replayed);
        }
        let sources = || progress.sources.iter();
        let unlistable: Vec<String> =
            sources().filter_map(|source| self.errors.unlistable(source, now)).collect();
        let unholdable: Vec<String> =
            sources().filter_map(|source| self.errors.unholdable(source, now)).collect();
        let synced = sources().filter(|source| source.state == SourceState::Synced).count();
        let decided = unlistable.len() + synced == progress.sources.len();
        let done = progress.in_flight == 0 && (progress.outstanding() == 0 || !unholdable.is_empty());
        let stuck = match self.until_replayed {
            true => decided && done && !(unlistable.is_empty() && unholdable.is_empty()),
            // What could be listed once may be back one day.
            false => decided && synced == 0 && !progress.replayed && progress.listed == 0,
        };
        stuck.then(|| End::Stuck([unlistable, unholdable].concat()))
    }

    async fn out_of_patience(&self) {
        match self.errors.deadline() {
            Some(deadline) => sleep_until(deadline.max(Instant::now() + DRAW)).await,
            None => std::future::pending().await,
        }
    }

    fn draw(&mut self, progress: &Progress) {
        if !self.screen.is_terminal() {
            return;
        }
        let is_due = self.drawn.is_none_or(|drawn| drawn.elapsed() >= DRAW) || progress.replayed;
        self.is_stale = !is_due;
        if is_due {
            self.screen.status(&status_line(progress, self.screen.columns()));
            self.drawn = Some(Instant::now());
        }
    }

    /// Tells what happens once, or should not happen at all.
    fn tell(&mut self, progress: &Progress) {
        if progress.replayed && !self.replay_told {
            self.replay_told = true;
            if self.screen.is_terminal() || self.verbose {
                self.screen.note(replay_summary(progress, self.started.elapsed(), !self.until_replayed));
            }
        }
        for ((count, warning), warned) in WARNINGS.iter().zip(&mut self.warned) {
            let count = count(progress);
            if count > *warned {
                self.screen.alarm("warning", warning(count));
            }
            *warned = count;
        }
    }
}

/// How often something has happened that should not happen at all, and the warning about it.
type Warning = (fn(&Progress) -> u64, fn(u64) -> String);

const WARNINGS: [Warning; 3] = [
    (
        |progress| progress.lost,
        |lost| {
            let deleted = counted(lost, "resource was", "resources were");
            format!(
                "{deleted} deleted although this command had not answered for it: somebody removed the finalizer"
            )
        },
    ),
    (
        |progress| progress.sources.iter().map(|source| source.poisoned).sum(),
        |poisoned| {
            let unreadable = counted(poisoned, "resource cannot", "resources cannot");
            format!("{unreadable} be read and left out; the others go on")
        },
    ),
    (
        |progress| progress.sources.iter().map(|source| source.rollbacks).sum(),
        |_| {
            "the server's versions moved backwards (restored from a backup?); everything is listed again"
                .to_owned()
        },
    ),
];

/// `replaying  1,204 listed  1,100 delivered  104 outstanding  waiting for Widget`; empty when there
/// is nothing to wait for.
fn status_line(progress: &Progress, columns: usize) -> String {
    let mut parts = Vec::new();
    if !progress.replayed {
        parts.push("replaying".to_owned());
        parts.push(format!("{} listed", thousands(progress.listed)));
        parts.push(format!("{} delivered", thousands(progress.delivered)));
        if progress.outstanding() > 0 {
            parts.push(format!("{} outstanding", thousands(progress.outstanding())));
        }
    }
    if progress.awaiting_hold > 0 {
        parts.push(format!("{} without finalizer", thousands(progress.awaiting_hold)));
    }
    if !parts.is_empty() && progress.failing > 0 {
        parts.push(format!("{} failing", thousands(progress.failing)));
    }
    if !progress.replayed {
        let listing = progress.sources.iter().filter(|source| source.state != SourceState::Synced);
        let mut kinds: Vec<&str> = listing.map(|source| &*source.kind.kind).collect();
        kinds.dedup();
        if !kinds.is_empty() {
            parts.push(format!("waiting for {}", kinds.join(", ")));
        }
    }
    let line = parts.join("  ");
    // A line that wraps cannot be cleared.
    line.chars().take(columns.saturating_sub(1)).collect()
}

fn replay_summary(progress: &Progress, took: Duration, follows: bool) -> String {
    let what = match progress.listed {
        0 => "nothing is there".to_owned(),
        listed => {
            format!("replayed {} in {}", counted(listed, "resource", "resources"), duration(took))
        }
    };
    let then = if follows { "; following, Ctrl-C ends" } else { "" };
    format!("{what}{then}")
}

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex};

use futures::FutureExt;
use futures::future::BoxFuture;
use rewitness_messaging::{Control, Handle, Kind, SourceProgress};
use tokio::sync::Notify;

use super::*;
use crate::screen::tests::Written;

/// A subscription whose progress a test sets.
#[derive(Clone, Default)]
struct Script(Arc<(Mutex<Progress>, Notify)>);

impl Script {
    fn set(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.0.0.lock().unwrap());
        self.0.1.notify_waiters();
    }
}

impl Control for Script {
    fn progress(&self) -> Progress {
        self.0.0.lock().unwrap().clone()
    }

    fn changed(&self) -> BoxFuture<'static, ()> {
        let shared = self.0.clone();
        async move { shared.1.notified().await }.boxed()
    }

    fn close(&self) {}
}

/// Kinds named `Forbidden` cannot be listed, whenever one tries.
struct Rights;

impl Probe for Rights {
    async fn hopeless(&self, kind: &Kind, _: Option<&str>) -> Option<String> {
        (&*kind.kind == "Forbidden").then(|| "cannot list forbidden: missing right".to_owned())
    }
}

fn source(kind: &str, state: SourceState) -> SourceProgress {
    SourceProgress {
        kind: Kind::new("", kind),
        namespace: None,
        state,
        holds_failing: None,
        contested: 0,
        rollbacks: 0,
        poisoned: 0,
    }
}

fn failing(reason: &str) -> SourceState {
    SourceState::Failing { reason: reason.into() }
}

fn progress(listed: u64, delivered: u64, sources: &[SourceProgress]) -> Progress {
    let mut progress = Progress::default();
    (progress.listed, progress.delivered) = (listed, delivered);
    progress.replayed =
        listed == delivered && sources.iter().all(|source| source.state == SourceState::Synced);
    progress.sources = sources.to_vec();
    progress
}

struct Watch {
    script: Script,
    handle: Handle,
    watcher: ProgressWatcher<Rights>,
    written: Written,
}

fn watch(until_replayed: bool, first: Progress) -> Watch {
    let (script, written) = (Script::default(), Written::default());
    script.set(|progress| *progress = first);
    let watcher = ProgressWatcher::new(Rights, &Screen::new(written.clone(), false), until_replayed, false);
    Watch { handle: Handle::new(Arc::new(script.clone())), script, watcher, written }
}

impl Watch {
    /// How it ends, and after how many seconds; nothing if it has not within an hour.
    async fn end(&mut self) -> Option<(End, u64)> {
        let start = Instant::now();
        let end = tokio::time::timeout(Duration::from_secs(3600), self.watcher.watch(&self.handle)).await;
        end.ok().map(|end| (end, start.elapsed().as_secs()))
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_replay_ends_only_who_waits_for_it() {
    let done = progress(2, 2, &[source("Widget", SourceState::Synced)]);
    assert_eq!(watch(true, done.clone()).end().await, Some((End::Replayed, 0)));
    assert_eq!(watch(false, done).end().await, None);
}

#[tokio::test(start_paused = true)]
async fn the_end_is_seen_when_it_comes() {
    let mut watch = watch(true, progress(2, 1, &[source("Widget", SourceState::Synced)]));
    let script = watch.script.clone();
    let (end, ()) = tokio::join!(watch.end(), async {
        sleep(Duration::from_secs(5)).await;
        script.set(|now| *now = progress(2, 2, &[source("Widget", SourceState::Synced)]));
    });
    assert_eq!(end, Some((End::Replayed, 5)));
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_cannot_be_listed_ends_it_once_the_others_are_done() {
    let mut watch = watch(
        true,
        progress(2, 1, &[source("Widget", SourceState::Synced), source("Forbidden", failing("403"))]),
    );
    let script = watch.script.clone();
    let (end, ()) = tokio::join!(watch.end(), async {
        sleep(Duration::from_secs(5)).await;
        script.set(|now| now.delivered = 2);
    });
    assert_eq!(end, Some((End::Stuck(vec!["cannot list forbidden: missing right".to_owned()]), 5)));
    assert_eq!(watch.written.text(), "", "the error itself says it");
}

#[tokio::test(start_paused = true)]
async fn an_error_that_may_pass_is_given_half_a_minute() {
    let mut watch = watch(true, progress(0, 0, &[source("Widget", failing("connection refused"))]));
    let end = watch.end().await;
    let reason = "connection refused (waited 30 s)".to_owned();
    assert_eq!(end, Some((End::Stuck(vec![reason]), 30)));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_held_is_waited_for_half_a_minute_too() {
    let mut widgets = source("Widget", SourceState::Synced);
    widgets.holds_failing = Some("missing right".into());
    let mut now = progress(2, 1, &[widgets]);
    now.awaiting_hold = 1;
    let mut watch = watch(true, now);
    let reason = "cannot add the finalizer to Widget: missing right (waited 30 s)".to_owned();
    assert_eq!(watch.end().await, Some((End::Stuck(vec![reason]), 30)));
    assert_eq!(
        watch.written.text(),
        "warning: cannot add the finalizer to Widget: missing right; tried again\n"
    );
}

#[tokio::test(start_paused = true)]
async fn an_error_that_passes_is_told_once_and_taken_back() {
    let mut watch = watch(false, progress(0, 0, &[source("Widget", failing("connection refused"))]));
    let script = watch.script.clone();
    let (end, ()) = tokio::join!(watch.end(), async {
        for reason in ["connection refused", "connection closed", "connection refused"] {
            sleep(Duration::from_secs(60)).await;
            script.set(|now| now.sources[0].state = failing(reason));
        }
        script.set(|now| *now = progress(2, 2, &[source("Widget", SourceState::Synced)]));
    });
    assert_eq!(end, None);
    assert_eq!(watch.written.text(), "warning: connection refused; tried again\nWidget is listed again\n");
}

#[tokio::test(start_paused = true)]
async fn following_ends_only_if_nothing_at_all_can_be_listed() {
    let forbidden = source("Forbidden", failing("403"));
    let mut nothing = watch(false, progress(0, 0, std::slice::from_ref(&forbidden)));
    assert!(matches!(nothing.end().await, Some((End::Stuck(_), 0))));

    let mut something = watch(false, progress(1, 1, &[forbidden, source("Widget", SourceState::Synced)]));
    assert_eq!(something.end().await, None);
    assert_eq!(something.written.text(), "warning: cannot list forbidden: missing right; tried again\n");
}

#[tokio::test(start_paused = true)]
async fn what_should_not_happen_is_told_once() {
    let mut now = progress(1, 1, &[source("Widget", SourceState::Synced)]);
    (now.lost, now.sources[0].poisoned, now.sources[0].rollbacks) = (1, 2, 1);
    let mut watch = watch(false, now);
    let script = watch.script.clone();
    let _ = tokio::join!(watch.end(), async {
        sleep(Duration::from_secs(1)).await;
        script.set(|now| now.listed = 2);
    });
    let text = watch.written.text();
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(text.contains("1 resource was deleted although"), "{text}");
    assert!(text.contains("2 resources cannot be read"), "{text}");
    assert!(text.contains("moved backwards"), "{text}");
}

#[test]
fn the_status_line_says_what_is_waited_for() {
    let mut now = progress(
        12_044,
        11_788,
        &[source("Widget", SourceState::Listing), source("Gear", SourceState::Synced)],
    );
    assert_eq!(
        status_line(&now, 200),
        "replaying  12,044 listed  11,788 delivered  256 outstanding  waiting for Widget"
    );
    assert_eq!(status_line(&now, 21), "replaying  12,044 li", "a line that wraps cannot be cleared");
    (now.replayed, now.awaiting_hold, now.failing) = (true, 30, 2);
    assert_eq!(status_line(&now, 200), "30 without finalizer  2 failing");
    (now.awaiting_hold, now.failing) = (0, 0);
    assert_eq!(status_line(&now, 200), "");
}

#[test]
fn the_summary_says_what_comes_next() {
    let took = Duration::from_millis(1234);
    assert_eq!(
        replay_summary(&progress(1, 1, &[]), took, true),
        "replayed 1 resource in 1.23 s; following, Ctrl-C ends"
    );
    assert_eq!(
        replay_summary(&progress(20_000, 20_000, &[]), took, false),
        "replayed 20,000 resources in 1.23 s"
    );
    assert_eq!(replay_summary(&progress(0, 0, &[]), took, false), "nothing is there");
}

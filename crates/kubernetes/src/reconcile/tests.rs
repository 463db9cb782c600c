use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Request, Response};
use kube::client::Body;
use rewitness_messaging::dispatcher::Run;
use rewitness_messaging::schedule::{Observation, ScheduleConfig, SourceChange, Via};
use rewitness_messaging::{Consumer, Delivery, Failure, Handle, Hold, Kind, Outcome, Subscription, Version};
use tokio::sync::Notify;
use tower::service_fn;

use super::*;
use crate::call::Server;
use crate::finalizer::HoldCalls;

/// Whoever asks a server by these panics.
fn finalizers() -> Arc<Finalizers> {
    async fn panics(_: Request<Body>) -> Result<Response<Body>, Infallible> {
        panic!("planted")
    }
    let client = kube::Client::new(service_fn(panics), "default");
    let server = Server::new(client, Duration::from_secs(1));
    Arc::new(Finalizers { discovery: server.into(), hold_calls: HoldCalls::default() })
}

/// As many as this are due at once, which is more than one poll of the applier takes.
const DUE: usize = 1500;

fn wants() -> Subscription {
    Subscription::new("one", [Kind::new("example.com", "Widget")])
}

/// A run of one subscription to these resources, all of them listed.
fn begun<'a>(
    wants: Subscription,
    consumer: impl Consumer,
    listed: impl IntoIterator<Item = Observation<'a>>,
) -> (Dispatcher, Handle, Run) {
    let dispatcher = Dispatcher::new(ScheduleConfig::default());
    let handle = dispatcher.subscribe(wants, consumer).unwrap();
    let run = dispatcher.start().unwrap();
    let changes = dispatcher.source_changes();
    let [SourceChange::Open { id, .. }] = changes[..] else { panic!("{changes:?}") };
    dispatcher.list_started(id);
    dispatcher.observe(id, Via::List, listed);
    dispatcher.list_finished(id);
    (dispatcher, handle, run)
}

#[tokio::test]
async fn all_that_the_concurrency_allows_is_begun_though_nothing_ends() {
    let (begun_count, all) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let consumer = {
        let (begun_count, all) = (begun_count.clone(), all.clone());
        move |_: Delivery| {
            let (begun_count, all) = (begun_count.clone(), all.clone());
            async move {
                let gate = all.notified();
                if begun_count.fetch_add(1, Ordering::Relaxed) + 1 < DUE {
                    gate.await;
                } else {
                    all.notify_waiters();
                }
                Ok::<_, Failure>(Outcome::Done)
            }
        }
    };
    let names: Vec<String> = (0..DUE).map(|number| format!("web-{number}")).collect();
    let listed = names.iter().map(|name| observation(name));
    let (dispatcher, handle, run) = begun(wants().with_concurrency(DUE), consumer, listed);
    let mut reconciles = Reconciles::new(dispatcher.clone(), finalizers());
    let answered = async {
        while dispatcher.in_flight() > 0 || begun_count.load(Ordering::Relaxed) < DUE {
            reconciles.begin_due(Instant::now());
            reconciles.completed().await;
        }
    };
    timeout(Duration::from_secs(30), answered).await.unwrap_or_else(|_| {
        panic!("{} of {DUE} begun", begun_count.load(Ordering::Relaxed));
    });
    assert_eq!(begun_count.load(Ordering::Relaxed), DUE, "each once");
    let progress = handle.progress();
    assert_eq!((progress.delivered, progress.failing), (DUE as u64, 0), "and none was dropped");
    assert_eq!(reconciles.finish(Duration::from_secs(1)).await, 0);
    drop(run);
}

#[tokio::test]
async fn q10_what_was_admitted_and_has_not_begun_does_not_begin_after_the_stop() {
    let consumed = Arc::new(AtomicUsize::new(0));
    let consumer = {
        let consumed = consumed.clone();
        move |_: Delivery| {
            consumed.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Ok::<_, Failure>(Outcome::Done))
        }
    };
    let listed = ["a", "b", "c"].map(observation);
    let (dispatcher, _handle, run) = begun(wants(), consumer, listed);
    let mut reconciles = Reconciles::new(dispatcher.clone(), finalizers());
    reconciles.begin_due(Instant::now());
    assert_eq!(dispatcher.in_flight(), 3, "admitted");
    assert_eq!(reconciles.finish(Duration::from_secs(10)).await, 0);
    assert_eq!(consumed.load(Ordering::Relaxed), 0);
    drop(run);
}

fn observation(name: &str) -> Observation<'_> {
    Observation {
        namespace: Some("a".into()),
        name: name.into(),
        uid: name.into(),
        version: Version::parse("1"),
        generation: 1,
        deletion_timestamp: None,
        labels: Vec::new(),
        holds: Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn q12_a_panic_of_our_own_ends_the_run_though_nothing_else_happens() {
    let consumer = |_: Delivery| std::future::ready(Ok::<_, Failure>(Outcome::Done));
    let held = Observation {
        deletion_timestamp: Some("2026-01-01T00:00:00Z".parse().unwrap()),
        holds: vec!["rewitness.dev/test".into()],
        ..observation("web")
    };
    let wants = wants().holding(Hold::for_deletions("rewitness.dev/test"));
    let (dispatcher, _handle, run) = begun(wants, consumer, [held]);
    let mut reconciles = Reconciles::new(dispatcher, finalizers());
    reconciles.begin_due(Instant::now());
    let run_panics = AssertUnwindSafe(reconciles.completed()).catch_unwind();
    let panic = timeout(Duration::from_secs(30), run_panics).await.unwrap().unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"planted"));
    drop(run);
}

//! Answers without end, and watches that end at once (B35): bounded memory, and a pace.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, StreamExt};
use http::StatusCode;
use rewitness_kubernetes::call::{ApiError, Endpoint, Server};
use rewitness_kubernetes::{Config, Resolver};
use rewitness_messaging::{Kind, SourceProgress, SourceState, State};
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::scripted::{Answer, Calls, Run, chunks, client, event, list, open_watch, run, widget};

const CHUNK: usize = 1 << 20;

/// Of the test's clock.
const FIVE_MINUTES: Duration = Duration::from_secs(300);

/// A body that has no end, and how much of it was taken.
fn endless(begin: &'static str, status: StatusCode, taken: &Arc<AtomicUsize>) -> Answer {
    let taken = taken.clone();
    let mut begun = false;
    let body = stream::repeat_with(move || {
        taken.fetch_add(CHUNK, Ordering::Relaxed);
        match std::mem::replace(&mut begun, true) {
            false => Bytes::from_static(begin.as_bytes()),
            true => Bytes::from(vec![b'x'; CHUNK]),
        }
    });
    let mut answer = chunks(body);
    *answer.status_mut() = status;
    answer
}

#[tokio::test(start_paused = true)]
async fn fault_b35_an_endless_body_is_given_up_with_an_error_that_says_so() {
    let widgets = Endpoint::of(&Kind::new("example.com", "Widget"), "v1", "widgets", true);
    for (status, most) in [(StatusCode::OK, 20 << 20), (StatusCode::FORBIDDEN, 2 << 20)] {
        let taken = Arc::new(AtomicUsize::new(0));
        let (client, _) = client({
            let taken = taken.clone();
            move |_| endless("{\"metadata\":{\"name\":\"", status, &taken)
        });
        let server = Server::new(client.clone(), Duration::from_secs(30));
        let error = server.bytes(widgets.get(Some("team"), "a")).await.unwrap_err();
        let taken = taken.load(Ordering::Relaxed);
        assert!(taken <= most, "{taken} bytes were taken of an answer {status}: {error}");
        if status.is_success() {
            assert!(error.to_string().contains("longer than 16 MiB"), "{error}");
            let error = Resolver::new(&client).await.unwrap_err().to_string();
            assert!(error.contains("longer than 16 MiB"), "{error}");
        } else {
            assert_eq!(error, ApiError::Status { status: 403, message: "Forbidden".to_owned() });
        }
    }
}

async fn failing(run: &Run, text: &str) {
    let fails = |source: &SourceProgress| matches!(&source.state, SourceState::Failing { reason } if reason.contains(text));
    let failing = run.handle.when(|progress| progress.sources.iter().any(fails));
    if timeout(Duration::from_secs(600), failing).await.is_err() {
        panic!("no source fails with {text:?}: {:?}", run.handle.progress().sources);
    }
}

#[tokio::test(start_paused = true)]
async fn fault_b35_a_list_without_end_is_tried_again_at_a_pace() {
    let taken = Arc::new(AtomicUsize::new(0));
    let (client, calls) = client({
        let taken = taken.clone();
        move |_| endless("{\"metadata\":{\"resourceVersion\":\"5\"},\"items\":[\"", StatusCode::OK, &taken)
    });
    let run = run(client, Config::default());
    failing(&run, "longer than 16 MiB").await;
    calls.assert_pace("lists", FIVE_MINUTES, 5..40, Calls::lists).await;
    run.stop().await;
}

/// Of a line without end no more is taken than the longest event can have; then it is listed.
#[tokio::test(start_paused = true)]
async fn fault_b35_a_line_without_end_ends_the_watch() {
    let taken = Arc::new(AtomicUsize::new(0));
    let (client, calls) = client({
        let taken = taken.clone();
        move |call| match (call.is_watch(), call.before) {
            (false, 0) => list("5", &["a", "b"], ""),
            (false, _) => list("6", &["b"], ""),
            (true, 0) => endless("{\"type\":\"DELETED\",\"object\":{\"", StatusCode::OK, &taken),
            (true, _) => open_watch(vec![]),
        }
    });
    let run = run(client, Config::default());
    run.recorder.until("a", State::Gone).await;
    assert_eq!(calls.lists(), 2);
    assert!(taken.load(Ordering::Relaxed) <= 20 << 20);
    run.stop().await;
}

#[tokio::test(start_paused = true)]
async fn fault_b35_a_watch_that_ends_at_once_is_opened_at_a_pace() {
    let bookmark =
        |version: usize| event("BOOKMARK", &json!({"metadata": {"resourceVersion": version.to_string()}}));
    type Shown = fn(usize) -> Vec<u8>;
    let nothing: Shown = |_| Vec::new();
    let expired: Shown =
        |_| event("ERROR", &json!({"kind": "Status", "code": 410, "message": "too old resource version"}));
    for (what, moves, then) in [
        ("nothing", false, nothing),
        ("a bookmark", true, nothing),
        ("that its version has expired", false, expired),
        ("a bookmark, and that its version has expired", true, expired),
    ] {
        let (client, calls) = client(move |call| match call.is_watch() {
            false => list("5", &["a"], ""),
            true => {
                let moved = if moves { bookmark(10 + call.before) } else { Vec::new() };
                chunks(stream::iter([moved, then(call.before)]).map(Bytes::from))
            }
        });
        let run = run(client, Config::default());
        let what = format!("watches that show {what}");
        calls.assert_pace(&what, FIVE_MINUTES, 5..40, Calls::watches).await;
        run.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn fault_b35_a_watch_that_lived_a_while_is_opened_again_at_once() {
    let (client, calls) = client(move |call| match call.is_watch() {
        false => list("5", &["a"], ""),
        true => {
            // It lives as long, by the test's clock.
            let end = stream::once(async {
                sleep(Duration::from_secs(20)).await;
                Bytes::new()
            });
            chunks(end)
        }
    });
    let run = run(client, Config::default());
    let are_enough = calls.are_within(Duration::from_secs(410), |calls| calls.watches() >= 20).await;
    assert!(are_enough, "{} watches", calls.watches());
    run.stop().await;
}

#[tokio::test(start_paused = true)]
async fn fault_b35_a_list_whose_pages_do_not_end_is_given_up() {
    let (client, calls) = client(|_| list("5", &["a"], "same"));
    let run = run(client, Config::default());
    failing(&run, "continue").await;
    assert_eq!(calls.watches(), 0);
    let begun = |calls: &Calls| calls.count(|uri| uri.contains("/widgets?") && !uri.contains("continue="));
    let before = begun(&calls);
    calls.assert_pace("lists begun", FIVE_MINUTES, 5..40, |calls| begun(calls) - before).await;
    run.stop().await;
}

#[tokio::test(start_paused = true)]
async fn pages_that_end_are_all_read() {
    let (client, calls) = client(move |call| match (call.is_watch(), call.before) {
        (true, _) => open_watch(vec![event("ADDED", &widget("last", "9"))]),
        (false, 0) => list("5", &["a"], "1"),
        (false, 1) => list("5", &[], "2"),
        (false, _) => list("5", &["b"], ""),
    });
    let run = run(client, Config::default());
    run.recorder.until("last", State::Live).await;
    run.recorder.until("b", State::Live).await;
    assert_eq!(calls.lists(), 3);
    run.stop().await;
}

/// Each watch shows such an event at once, and some that can be read before it.
#[tokio::test(start_paused = true)]
async fn fault_b35_events_that_are_never_readable_lead_to_lists_at_a_pace() {
    let (client, calls) = client(move |call| match call.is_watch() {
        false => list("5", &["a"], ""),
        true => {
            let version = (10 + call.before).to_string();
            open_watch(vec![event("MODIFIED", &widget("a", &version)), b"nothing\n".to_vec()])
        }
    });
    let run = run(client, Config::default());
    calls.assert_pace("lists", 2 * FIVE_MINUTES, 10..60, Calls::lists).await;
    run.stop().await;
}

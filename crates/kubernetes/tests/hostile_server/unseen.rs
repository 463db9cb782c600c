//! Events of a watch that cannot be read: what they showed is found by a list.

use std::time::Duration;

use rewitness_kubernetes::Config;
use rewitness_messaging::State;
use serde_json::json;

use super::scripted::{client, event, list, open_watch, run, widget};

#[tokio::test(start_paused = true)]
async fn a_deletion_that_cannot_be_read_is_found_by_a_list_of_its_source() {
    let mut overlong = widget("b", "6");
    overlong["metadata"]["annotations"] = json!({ "x": "y".repeat(20 << 20) });
    let mut broken = event("DELETED", &widget("b", "6"));
    let at = broken.windows(4).position(|four| four == b"team").unwrap();
    broken[at] = 0xff;
    let nameless = event("DELETED", &json!({"metadata": {"name": 7, "resourceVersion": "6"}}));
    for (what, unreadable) in [
        ("a line that is no JSON", b"{\"type\":\"DELETED\",\n".to_vec()),
        ("a text that is no UTF-8", broken),
        ("an event of a sort that is not known", event("REMOVED", &widget("b", "6"))),
        ("a line that is too long", event("DELETED", &overlong)),
        ("a deletion that does not say of what", nameless),
    ] {
        let (client, calls) = client(move |call| match (call.is_watch(), call.before) {
            (false, 0) => list("5", &["a", "b"], ""),
            (false, _) => list("6", &["a"], ""),
            (true, 0) => open_watch(vec![unreadable.clone()]),
            (true, _) => open_watch(vec![]),
        });
        let run = run(client, Config { silence: Duration::from_secs(3600), ..Config::default() });
        run.recorder.until("b", State::Gone).await;
        assert_eq!(calls.lists(), 2, "{what}: one list for it");
        run.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_named_but_unreadable_costs_no_list() {
    let mut flawed = widget("b", "6");
    flawed["metadata"]["labels"] = json!([]);
    let (client, calls) = client(move |call| match (call.is_watch(), call.before) {
        (false, _) => list("5", &["a"], ""),
        (true, 0) => open_watch(vec![event("MODIFIED", &flawed), event("ADDED", &widget("c", "7"))]),
        (true, _) => open_watch(vec![]),
    });
    let run = run(client, Config::default());
    run.recorder.until("c", State::Live).await;
    assert_eq!(calls.lists(), 1);
    assert_eq!(run.handle.progress().sources[0].poisoned, 1);
    run.stop().await;
}

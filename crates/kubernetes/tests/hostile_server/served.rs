//! Odd discovery: what one API service says does not hide the others.

use std::time::Duration;

use http::StatusCode;
use rewitness_kubernetes::call::Server;
use rewitness_kubernetes::{Config, Discovery, KubernetesQueue, Resolver};
use rewitness_messaging::Kind;
use serde_json::{Value, json};

use super::scripted::{answer, client, document};

fn plain(name: &str, kind: &str) -> Value {
    json!({"resources": [{"name": name, "singularName": "", "namespaced": true, "kind": kind, "verbs": ["list", "watch"]}]})
}

#[tokio::test]
async fn what_one_api_service_says_hides_no_other() {
    let group = |name: &str, resources: Value| {
        json!({"metadata": {"name": name}, "versions": [
        {"version": "v1", "freshness": "Current", "resources": resources}]})
    };
    let widgets = json!([{"resource": "gears", "responseKind": {"kind": "Gear"}, "scope": "Namespaced", "verbs": ["list"]}]);
    let adapter = json!([{"resource": "namespaces", "responseKind": null, "verbs": null, "singularResource": "",
                          "subresources": [{"subresource": "load", "verbs": ["get"]}]}]);
    let (client, _) = client(move |call| match call.uri {
        "/api" => document(&json!({"kind": "APIVersions", "versions": ["v1"]})),
        "/api/v1" => document(&plain("pods", "Pod")),
        // Aggregated at first, and plain, since whoever asks takes both.
        "/apis" if call.before % 2 == 0 => document(&json!({"kind": "APIGroupDiscoveryList", "items": [
            group("custom.metrics.k8s.io", adapter.clone()),
            group("gears.com", widgets.clone()),
            group("odd.com", json!("nothing"))]})),
        "/apis" => document(&json!({"kind": "APIGroupList", "groups": [
            {"name": "odd.com", "versions": [{"version": "v1"}]},
            {"name": "missing.com", "versions": [{"version": "v1"}]},
            {"name": "broken.com", "versions": [{"version": "v1"}]},
            {"name": "gears.com", "versions": [{"version": "v1"}]}]})),
        "/apis/odd.com/v1" => document(&plain("odds", "Odd")),
        "/apis/missing.com/v1" => document(&plain("missings", "Missing")),
        _ => answer(StatusCode::SERVICE_UNAVAILABLE, "down"),
    });
    let served = Resolver::new(&client).await.unwrap();
    let kinds: Vec<String> = served.kinds().iter().map(|kind| kind.kind.to_string()).collect();
    assert_eq!(kinds, ["Pod", "Gear.gears.com", "Odd.odd.com", "Missing.missing.com"]);
    assert_eq!(served.broken(), ["broken.com/v1"]);
}

#[tokio::test]
async fn one_version_of_a_group_that_cannot_be_read_hides_no_other() {
    let (client, _) = client(move |call| match call.uri {
        "/apis/gears.com" => document(&json!({"kind": "APIGroup", "name": "gears.com",
            "versions": [{"version": "v2"}, {"version": "v1"}], "preferredVersion": {"version": "v2"}})),
        "/apis/gears.com/v1" => document(&plain("gears", "Gear")),
        _ => answer(StatusCode::SERVICE_UNAVAILABLE, "down"),
    });
    let discovery = Discovery::from(Server::new(client, Duration::from_secs(1)));
    let find = async |kind: &str| discovery.find(&Kind::new("gears.com", kind), None).await;
    assert!(find("Gear").await.unwrap().is_some());
    // What v2 has is not known, so this one is not known to be absent.
    assert!(find("Wheel").await.is_err());
}

#[tokio::test]
async fn what_one_has_found_is_known_to_all_that_share_it() {
    let (client, calls) = client(|_| answer(StatusCode::SERVICE_UNAVAILABLE, "down"));
    let queue = KubernetesQueue::new(client, Config::default());
    let (one, other) = (queue.discovery().clone(), queue.discovery().clone());
    let widget = Kind::new("example.com", "Widget");
    let found = one.find_now(&widget, None).await.unwrap().unwrap();
    let asked = calls.count(|_| true);
    assert_eq!(other.find(&widget, None).await.unwrap().unwrap().plural, found.plural);
    assert_eq!(calls.count(|_| true), asked);
    one.forget(&widget);
    assert!(other.find(&widget, None).await.unwrap().is_some());
    assert_eq!(calls.count(|_| true), 2 * asked);
}

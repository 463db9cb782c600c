//! What large dependents cost.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says so by panicking")]

use std::convert::Infallible;

use bytes::Bytes;
use futures::stream;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use kube::client::Body;
use rewitness_cascade::{Cascades, Config, HourWindow, Rule};
use rewitness_messaging::{Kind, ResourceId};
use serde_json::json;

const DEPENDENTS: usize = 1500;

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

fn body(chunks: Vec<Bytes>) -> Answer {
    let frames = stream::iter(chunks.into_iter().map(|chunk| Ok(Frame::data(chunk))));
    Response::new(StreamBody::new(frames).boxed_unsync())
}

fn parameter(uri: &str, name: &str) -> Option<usize> {
    uri.split(['?', '&']).find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
}

/// Of the server's side no memory is taken: all chunks share one text.
fn page(uri: &str, annotation: &Bytes) -> Answer {
    let from = parameter(uri, "continue").unwrap_or(0);
    let to = (from + parameter(uri, "limit").unwrap()).min(DEPENDENTS);
    let mut chunks = vec![Bytes::from_static(b"{\"items\":[")];
    for number in from..to {
        let comma = if number > from { "," } else { "" };
        chunks.push(Bytes::from(format!(
            "{comma}{{\"metadata\":{{\"name\":\"d{number}\",\"namespace\":\"team\",\"uid\":\"d{number}\",\
             \"resourceVersion\":\"7\",\"labels\":{{\"project\":\"p\"}},\"annotations\":{{\"large\":\""
        )));
        chunks.push(annotation.clone());
        chunks.push(Bytes::from_static(b"\"}}}"));
    }
    let token = if to < DEPENDENTS { to.to_string() } else { String::new() };
    let end = json!({"resourceVersion": "9", "continue": token});
    chunks.push(Bytes::from(format!("],\"metadata\":{end}}}")));
    body(chunks)
}

fn answer(uri: &str, annotation: &Bytes) -> Answer {
    let resource = |plural: &str, kind: &str, namespaced| {
        json!({"name": plural, "singularName": "", "kind": kind, "namespaced": namespaced,
               "verbs": ["get", "list", "watch", "delete", "patch"]})
    };
    let document = |value: serde_json::Value| body(vec![Bytes::from(value.to_string())]);
    match uri.split('?').next().unwrap() {
        "/apis/example.com" => document(json!({"versions": [{"version": "v1"}]})),
        "/apis/example.com/v1" => document(json!({"resources": [
            resource("projects", "Project", false), resource("disks", "Disk", true)]})),
        "/apis/example.com/v1/projects/p" => document(json!({"metadata": {
            "name": "p", "uid": "p", "resourceVersion": "5"}})),
        "/apis/example.com/v1/disks" => page(uri, annotation),
        _ => {
            let mut none = document(json!({"details": {"name": "x"}}));
            *none.status_mut() = http::StatusCode::NOT_FOUND;
            none
        }
    }
}

/// The most memory that this process ever had, in MiB.
#[cfg(target_os = "linux")]
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() >> 10
}

/// 382 MB on the wire.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn fault_b32_large_annotations_of_dependents_are_not_kept() {
    let annotation = Bytes::from("x".repeat(255 << 10));
    let service = tower::service_fn(move |request: Request<Body>| {
        let answer = answer(&request.uri().to_string(), &annotation);
        async move { Ok::<_, Infallible>(answer) }
    });
    let cascades = Cascades::new(kube::Client::new(service, "default"), Config::default());
    let cascade = json!({
        "apiVersion": "rewitness.dev/v1alpha1", "kind": "Cascade", "metadata": { "name": "project" },
        "spec": {
            "parent": { "apiVersion": "example.com/v1", "kind": "Project" },
            "stages": [{ "name": "all", "dependents": [{
                "apiVersion": "example.com/v1", "kind": "Disk", "reference": { "label": "project", "value": "Name" },
            }] }],
        },
    });
    let rule = Rule::new(&serde_json::from_value(cascade).unwrap()).unwrap();
    let parent = ResourceId {
        kind: Kind::new("example.com", "Project"),
        namespace: None,
        name: "p".into(),
        uid: "p".into(),
    };
    let before = peak();
    let found = cascades.preview(&rule, &HourWindow::default(), &parent).await.unwrap().unwrap();
    assert_eq!(found.total, DEPENDENTS as u64, "{found:?}");
    let taken = peak() - before;
    println!("{DEPENDENTS} dependents of 255 KiB each: {taken} MiB at most");
    assert!(taken < 64, "{taken} MiB");
}

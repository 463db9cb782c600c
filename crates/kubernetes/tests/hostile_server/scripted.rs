//! An API server in memory that serves Widgets as a test says.

use std::collections::HashMap;
use std::convert::Infallible;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt};
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use kube::client::Body;
use rewitness_kubernetes::{Config, KubernetesQueue};
use rewitness_messaging::{
    Consumer, Delivery, Failure, Handle, Kind, Outcome, Queue, State, Stopped, Subscription,
};
use serde_json::{Value, json};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

pub(crate) type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// What was asked: the path with the query, and how many like it came before.
pub(crate) struct Call<'a> {
    pub(crate) uri: &'a str,
    pub(crate) before: usize,
}

impl Call<'_> {
    pub(crate) fn is_watch(&self) -> bool {
        self.uri.contains("watch=true")
    }
}

/// The calls so far: watches, lists and checks of Widgets, whatever their queries, and others by
/// their whole URI.
#[derive(Clone, Default)]
pub(crate) struct Calls {
    uris: Arc<Mutex<Vec<String>>>,
    alike: Arc<Mutex<HashMap<String, usize>>>,
    made: Arc<Notify>,
}

impl Calls {
    pub(crate) fn count(&self, what: impl Fn(&str) -> bool) -> usize {
        self.uris.lock().unwrap().iter().filter(|uri| what(uri)).count()
    }

    /// Waits until the calls are as wanted, for so long at most; answers whether they are.
    pub(crate) async fn are_within(&self, time: Duration, wanted: impl Fn(&Self) -> bool) -> bool {
        timeout(time, until(&self.made, || wanted(self))).await.is_ok()
    }

    /// In this time as many calls are made as this range has numbers, and no more.
    pub(crate) async fn assert_pace(
        &self,
        what: &str,
        time: Duration,
        times: Range<usize>,
        count: impl Fn(&Self) -> usize,
    ) {
        let are_too_many = self.are_within(time, |calls| count(calls) >= times.end).await;
        let found = count(self);
        assert!(!are_too_many && found >= times.start, "{found} {what} in {time:?}, and not {times:?}");
    }

    pub(crate) fn watches(&self) -> usize {
        self.count(is_watch)
    }

    pub(crate) fn lists(&self) -> usize {
        self.count(is_list)
    }
}

fn is_watch(uri: &str) -> bool {
    uri.contains("watch=true")
}

/// Of Widgets, and no check of the version.
fn is_list(uri: &str) -> bool {
    uri.contains("/widgets?") && !is_watch(uri) && !uri.contains("limit=1&") && !uri.ends_with("limit=1")
}

/// A client of a server that answers so. What the kind of Widgets is served by need not be answered.
pub(crate) fn client(answer: impl Fn(Call<'_>) -> Answer + Send + Sync + 'static) -> (kube::Client, Calls) {
    let calls = Calls::default();
    let seen = calls.clone();
    let answer = Arc::new(answer);
    let service = tower::service_fn(move |request: Request<Body>| {
        let uri = request.uri().to_string();
        let alike = match uri.split_once('?') {
            Some(_) if is_watch(&uri) => "watch",
            Some(_) if is_list(&uri) => "list",
            _ => &uri,
        };
        let before = {
            let mut counts = seen.alike.lock().unwrap();
            let count = counts.entry(alike.to_owned()).or_default();
            *count += 1;
            *count - 1
        };
        seen.uris.lock().unwrap().push(uri.clone());
        seen.made.notify_waiters();
        let answer = discovery(&uri).unwrap_or_else(|| answer(Call { uri: &uri, before }));
        async move { Ok::<_, Infallible>(answer) }
    });
    (kube::Client::new(service, "default"), calls)
}

fn discovery(uri: &str) -> Option<Answer> {
    let version = json!({"groupVersion": "example.com/v1", "version": "v1"});
    Some(document(&match uri {
        "/apis/example.com" => {
            json!({"kind": "APIGroup", "name": "example.com", "versions": [version.clone()],
                                      "preferredVersion": version})
        }
        "/apis/example.com/v1" => {
            json!({"kind": "APIResourceList", "groupVersion": "example.com/v1", "resources": [
            {"name": "widgets", "singularName": "widget", "namespaced": true, "kind": "Widget",
             "verbs": ["get", "list", "watch", "patch"]}]})
        }
        _ => return None,
    }))
}

pub(crate) fn answer(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()).boxed_unsync());
    *answer.status_mut() = status;
    answer
}

pub(crate) fn document(value: &Value) -> Answer {
    answer(StatusCode::OK, value.to_string())
}

/// Widgets of these names, at this version; the uid is the name.
pub(crate) fn list(version: &str, names: &[&str], token: &str) -> Answer {
    let items: Vec<Value> = names.iter().map(|name| widget(name, "5")).collect();
    document(&json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "items": items,
                     "metadata": {"resourceVersion": version, "continue": token}}))
}

pub(crate) fn widget(name: &str, version: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "team", "uid": name, "resourceVersion": version, "generation": 1}})
}

pub(crate) fn event(sort: &str, object: &Value) -> Vec<u8> {
    format!("{}\n", json!({"type": sort, "object": object})).into_bytes()
}

/// A body of these chunks, which then ends.
pub(crate) fn chunks(chunks: impl Stream<Item = Bytes> + Send + 'static) -> Answer {
    let frames = chunks.map(|chunk| Ok(hyper::body::Frame::data(chunk)));
    Response::new(StreamBody::new(frames).boxed_unsync())
}

/// A watch that shows these events, and nothing more for as long as it is read.
pub(crate) fn open_watch(events: Vec<Vec<u8>>) -> Answer {
    let bytes = Bytes::from(events.concat());
    let cut: Vec<Bytes> = bytes.chunks(64 << 10).map(|chunk| bytes.slice_ref(chunk)).collect();
    chunks(stream::iter(cut).chain(stream::pending()))
}

/// Waits until it is so; what may change that notifies.
async fn until(changed: &Notify, is_so: impl Fn() -> bool) {
    loop {
        // Registered first, so that no change between the look and the wait is missed.
        let changed = changed.notified();
        if is_so() {
            return;
        }
        changed.await;
    }
}

/// What was delivered.
#[derive(Clone, Default)]
pub(crate) struct Recorder {
    delivered: Arc<Mutex<Vec<(String, State)>>>,
    changed: Arc<Notify>,
}

impl Consumer for Recorder {
    async fn consume(&self, delivery: Delivery) -> Result<Outcome, Failure> {
        let name = delivery.envelope.resource.name.to_string();
        self.delivered.lock().unwrap().push((name, delivery.state));
        self.changed.notify_waiters();
        Ok(Outcome::Done)
    }
}

impl Recorder {
    pub(crate) async fn until(&self, name: &str, state: State) {
        let is_there = || self.delivered.lock().unwrap().iter().any(|(one, at)| one == name && *at == state);
        timeout(Duration::from_secs(60), until(&self.changed, is_there))
            .await
            .unwrap_or_else(|_| panic!("{name} is not delivered {state}"));
    }
}

/// A queue that runs.
pub(crate) struct Run {
    pub(crate) recorder: Recorder,
    pub(crate) handle: Handle,
    stop: oneshot::Sender<()>,
    task: JoinSet<Result<Stopped, rewitness_messaging::Error>>,
}

pub(crate) fn run(client: kube::Client, config: Config) -> Run {
    let queue = KubernetesQueue::new(client, config);
    let recorder = Recorder::default();
    let wanted = Subscription::new("recorder", [Kind::new("example.com", "Widget")]).with_gone();
    let handle = queue.subscribe(wanted, recorder.clone()).unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let mut task = JoinSet::new();
    task.spawn(async move { queue.run(async { drop(stopped.await) }).await });
    Run { recorder, handle, stop, task }
}

impl Run {
    pub(crate) async fn stop(mut self) {
        drop(self.stop);
        self.task.join_next().await.unwrap().unwrap().unwrap();
    }
}

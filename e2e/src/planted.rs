//! Bugs that are planted from outside: a layer around the operator's client that changes what it asks and
//! what it hears, as if the operator had been written so. Nothing in the program knows of them.
//!
//! A test is run once more on a thread on which a bug is planted, and has to fail; see [`caught`].

use std::cell::RefCell;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Uri};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tower::service_fn;

/// What is wrong with the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// B2: deletes name neither uid nor version.
    NoPreconditions,
    /// The same, to be caught by the audit log.
    PlainDeletes,
    /// Deletes are of the whole collection, to be caught by the audit log.
    WholeCollections,
    /// B8: deletes name the uid alone.
    NoVersion,
    /// B2: patches do not test what they are made for.
    NoTests,
    /// B13: our finalizer is removed by the place that it had.
    ByPlace,
    /// B1: the parent is taken from the list that the operator began with, and written to whatever its uid.
    ParentFromCache,
    /// B3: any version of a list will do.
    AnyVersion,
    /// B5: the finalizer that was sent is taken for there.
    FinalizerAssumed,
    /// B6: a delete that was sent is taken for done, also after a crash.
    SentIsDone,
    /// B7: what a deletion began with is forgotten.
    RecordForgotten,
    /// B9: what was listed once is not listed again.
    ListedOnce,
    /// B14: a conflict counts as a failure.
    ConflictFails,
    /// B15: NotFound counts as a failure.
    GoneFails,
    /// B16: a delete without an answer is repeated as a plain one.
    BlindRetry,
    /// B17, B18: a kind that is not served is taken for empty.
    UnservedIsEmpty,
    /// B19: something is created beside the parent before it is written to.
    CreatesBeside,
    /// B22: the selector is empty.
    SelectsEverything,
    /// B23: objects are told apart by their names.
    NamesForUids,
}

/// One bug in one run, and what it remembers over restarts of the operator.
#[derive(Clone)]
struct Planted {
    bug: Bug,
    acted: Arc<AtomicUsize>,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Default)]
struct Memory {
    /// B1: the items of the first list of parents.
    parents: Vec<Value>,
    /// B5.
    finalizer: Option<String>,
    /// B6: the paths of deletes; B9: those of lists.
    paths: Vec<String>,
    rounds: Rounds,
}

/// Whether what the operator asks and hears is still news.
#[derive(Default)]
struct Rounds {
    seen: HashSet<u64>,
    /// How many exchanges there were since the last one that was new, and when that was.
    repeated: usize,
    newest: Option<Instant>,
}

impl Rounds {
    fn note(&mut self, asked: &Asked, heard: &Heard) {
        let mut body = heard.body.clone();
        // It moves with whatever anybody writes.
        body["metadata"].as_object_mut().map(|metadata| metadata.remove("resourceVersion"));
        let mut hasher = DefaultHasher::new();
        (asked.parts.method.as_str(), asked.parts.uri.to_string(), asked.body.to_string()).hash(&mut hasher);
        (heard.status.as_u16(), body.to_string()).hash(&mut hasher);
        if self.seen.insert(hasher.finish()) {
            (self.repeated, self.newest) = (0, Some(Instant::now()));
        } else {
            self.repeated += 1;
        }
    }
}

/// Follows what the operator with the bug of this thread asks from now on.
pub fn rounds() -> Option<impl Fn() -> bool> {
    let planted = here()?;
    planted.memory().rounds = Rounds { newest: Some(Instant::now()), ..Rounds::default() };
    // It looks again once a second.
    Some(move || {
        let rounds = &planted.memory().rounds;
        rounds.repeated >= 3 && rounds.newest.is_some_and(|newest| newest.elapsed() >= Duration::from_secs(3))
    })
}

thread_local! {
    static PLANTED: RefCell<Option<Planted>> = const { RefCell::new(None) };
}

fn here() -> Option<Planted> {
    PLANTED.with_borrow(Clone::clone)
}

/// The bug on this thread.
pub fn planted() -> Option<Bug> {
    here().map(|planted| planted.bug)
}

/// The operator's client, with the bug of this thread.
pub fn client(inner: Client) -> Client {
    let Some(planted) = here() else { return inner };
    let service = service_fn(move |request: Request<Body>| {
        let (planted, inner) = (planted.clone(), inner.clone());
        async move { planted.send(&inner, request).await }
    });
    Client::new(service, "default")
}

/// Runs a test with a bug, and answers how it fails.
///
/// # Panics
/// It does not fail, or the bug never came to act.
pub fn caught(bug: Bug, test: fn() -> Result<()>) -> String {
    let planted = Planted { bug, acted: Arc::default(), memory: Arc::default() };
    let acted = planted.acted.clone();
    let run = std::thread::spawn(move || {
        PLANTED.set(Some(planted));
        test()
    });
    let failure = match run.join() {
        Ok(Ok(())) => panic!("{bug:?} is not caught"),
        Ok(Err(error)) => format!("{error:#}"),
        Err(payload) => match payload.downcast::<String>() {
            Ok(message) => *message,
            Err(payload) => match payload.downcast::<&str>() {
                Ok(message) => (*message).to_owned(),
                Err(payload) => resume_unwind(payload),
            },
        },
    };
    assert!(acted.load(Ordering::Relaxed) > 0, "{bug:?} never acted: {failure}");
    failure
}

/// A request, as it can be changed.
struct Asked {
    parts: Parts,
    body: Value,
    /// B22: the label and the value of the selector that was taken out.
    dropped: Option<(String, String)>,
}

impl Asked {
    fn path(&self) -> &str {
        self.parts.uri.path()
    }

    fn query(&self) -> &str {
        self.parts.uri.query().unwrap_or_default()
    }

    fn is(&self, method: &Method) -> bool {
        self.parts.method == *method
    }

    fn is_delete(&self) -> bool {
        self.is(&Method::DELETE)
    }

    /// Lists of dependents are the only ones with a selector.
    fn lists_dependents(&self) -> bool {
        self.is(&Method::GET) && self.query().contains("labelSelector=")
    }

    fn lists_parents(&self) -> bool {
        self.is(&Method::GET) && self.path().ends_with("/projects")
    }

    fn is_about_a_parent(&self) -> bool {
        self.path().contains("/projects/") || self.path().contains("/spaces/")
    }

    fn reads_a_parent(&self) -> bool {
        self.is(&Method::GET) && self.is_about_a_parent()
    }

    /// The label and the value of the selector.
    fn selector(&self) -> Option<(String, String)> {
        let selector = self.query().split('&').find_map(|pair| pair.strip_prefix("labelSelector="))?;
        let (label, value) = selector.split_once("%3D")?;
        Some((label.replace("%2F", "/"), value.to_owned()))
    }

    fn set_query(&mut self, query: &str) {
        if let Ok(uri) = format!("{}?{query}", self.path()).parse::<Uri>() {
            self.parts.uri = uri;
        }
    }

    fn request(&self) -> Request<Body> {
        let body = if self.body.is_null() { Vec::new() } else { self.body.to_string().into_bytes() };
        Request::from_parts(self.parts.clone(), body.into())
    }
}

/// An answer, as it can be changed.
struct Heard {
    status: StatusCode,
    body: Value,
}

impl Heard {
    fn is(&self, status: u16) -> bool {
        self.status == status
    }

    fn fail(&mut self) {
        (self.status, self.body) = (StatusCode::INTERNAL_SERVER_ERROR, json!({ "message": "planted" }));
    }

    /// Empty for what is no list.
    fn items(&mut self) -> &mut Vec<Value> {
        if !self.body["items"].is_array() {
            self.body["items"] = json!([]);
        }
        self.body["items"].as_array_mut().expect("it is one")
    }

    fn nothing_listed(&mut self) {
        let version = self.body["metadata"]["resourceVersion"].as_str().unwrap_or("1");
        let list = json!({ "metadata": { "resourceVersion": version }, "items": [] });
        (self.status, self.body) = (StatusCode::OK, list);
    }

    fn finalizers(&mut self) -> &mut Value {
        &mut self.body["metadata"]["finalizers"]
    }
}

impl Planted {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(&self, inner: &Client, request: Request<Body>) -> Result<Response<Body>, kube::Error> {
        // Watches go on and on, and are none of the consumer's.
        if request.uri().query().is_some_and(|query| query.contains("watch=")) {
            return inner.send(request).await;
        }
        let (parts, body) = request.into_parts();
        let body: Value = serde_json::from_slice(&body.collect_bytes().await?).unwrap_or_default();
        let (uri, original) = (parts.uri.clone(), body);
        let mut asked = Asked { parts, body: original.clone(), dropped: None };
        self.ask(&mut asked);
        if let Some(refused) = self.before(inner, &asked).await? {
            return Ok(refused);
        }
        let answer = match inner.send(asked.request()).await {
            Err(_) if self.bug == Bug::BlindRetry && asked.is_delete() => {
                asked.body = Value::Null;
                inner.send(asked.request()).await
            }
            answer => answer,
        };
        let (mut parts, body) = answer?.into_parts();
        let bytes = body.collect_bytes().await?;
        let body = serde_json::from_slice::<Value>(&bytes);
        let was = body.as_ref().ok().cloned();
        let mut heard = Heard { status: parts.status, body: body.unwrap_or_default() };
        self.hear(&asked, &mut heard);
        self.memory().rounds.note(&asked, &heard);
        let changed_question = uri != asked.parts.uri || original != asked.body;
        let changed_answer = was.is_some_and(|was| was != heard.body) || parts.status != heard.status;
        self.acted.fetch_add(usize::from(changed_question || changed_answer), Ordering::Relaxed);
        if !changed_answer {
            return Ok(Response::from_parts(parts, Body::from(bytes)));
        }
        parts.status = heard.status;
        parts.headers.remove(http::header::CONTENT_LENGTH);
        Ok(Response::from_parts(parts, Body::from(heard.body.to_string().into_bytes())))
    }

    /// What the operator asks instead.
    fn ask(&self, asked: &mut Asked) {
        match self.bug {
            Bug::WholeCollections if asked.is_delete() => {
                let collection = asked.path().rsplit_once('/').map(|(collection, _)| collection.parse());
                if let Some(Ok(collection)) = collection {
                    (asked.parts.uri, asked.body) = (collection, Value::Null);
                }
            }
            Bug::NoPreconditions | Bug::PlainDeletes if asked.is_delete() => {
                asked.body.as_object_mut().map(|body| body.remove("preconditions"));
            }
            Bug::NoVersion if asked.is_delete() => {
                asked.body["preconditions"].as_object_mut().map(|body| body.remove("resourceVersion"));
            }
            Bug::NoTests => {
                if let Some(patch) = asked.body.as_array_mut() {
                    patch.retain(|operation| operation["op"] != "test");
                }
            }
            Bug::ByPlace => {
                let finalizers = |op: &str| {
                    let of = |one: &&Value| one["op"] == op && one["path"] == "/metadata/finalizers";
                    let operation = asked.body.as_array()?.iter().find(of)?;
                    operation["value"].as_array().cloned()
                };
                let place = finalizers("test")
                    .zip(finalizers("add"))
                    .and_then(|(before, after)| before.iter().position(|one| !after.contains(one)));
                if let Some(place) = place {
                    let path = format!("/metadata/finalizers/{place}");
                    asked.body = json!([{ "op": "remove", "path": path }]);
                }
            }
            Bug::ParentFromCache if asked.is_about_a_parent() => match &mut asked.body {
                Value::Array(steps) => steps.retain(|step| step["path"] != "/metadata/uid"),
                merged => {
                    merged["metadata"].as_object_mut().map(|metadata| metadata.remove("uid"));
                }
            },
            Bug::AnyVersion if asked.lists_dependents() => {
                let query = format!("{}&resourceVersion=0", asked.query());
                asked.set_query(&query);
            }
            Bug::SelectsEverything if asked.lists_dependents() => {
                asked.dropped = asked.selector();
                let pairs = asked.query().split('&').filter(|pair| !pair.starts_with("labelSelector="));
                let query = pairs.collect::<Vec<_>>().join("&");
                asked.set_query(&query);
            }
            Bug::FinalizerAssumed if asked.is(&Method::PATCH) => {
                let text = asked.body.to_string();
                if let Some(at) = text.find("cascade.rewitness.dev/casc") {
                    self.memory().finalizer = text[at..].split('"').next().map(str::to_owned);
                }
            }
            Bug::SentIsDone if asked.is_delete() => self.memory().paths.push(asked.path().to_owned()),
            _ => {}
        }
    }

    /// What the operator does first.
    async fn before(&self, inner: &Client, asked: &Asked) -> Result<Option<Response<Body>>, kube::Error> {
        let merges = asked.is(&Method::PATCH) && asked.body.is_object() && asked.is_about_a_parent();
        let namespace = asked.path().split("/namespaces/").nth(1).and_then(|rest| rest.split('/').next());
        let (Bug::CreatesBeside, true, Some(namespace)) = (self.bug, merges, namespace) else {
            return Ok(None);
        };
        let record = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "generateName": "record-" },
        });
        let request = Request::post(format!("/api/v1/namespaces/{namespace}/configmaps"))
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(Body::from(record.to_string().into_bytes()))
            .map_err(kube::Error::HttpError)?;
        self.acted.fetch_add(1, Ordering::Relaxed);
        let answer = inner.send(request).await?;
        Ok((!answer.status().is_success()).then_some(answer))
    }

    /// What the operator hears instead.
    fn hear(&self, asked: &Asked, heard: &mut Heard) {
        let mut memory = self.memory();
        match self.bug {
            Bug::ParentFromCache if asked.lists_parents() && memory.parents.is_empty() => {
                memory.parents = heard.items().clone();
            }
            // Whatever the server says of it: what a patch answers is no news to a cache either.
            Bug::ParentFromCache if asked.is_about_a_parent() => {
                let name = asked.path().rsplit('/').next().unwrap_or_default();
                let known = memory.parents.iter().find(|parent| parent["metadata"]["name"] == name);
                if let Some(known) = known {
                    (heard.status, heard.body) = (StatusCode::OK, known.clone());
                }
            }
            Bug::FinalizerAssumed if asked.reads_a_parent() && heard.is(200) => {
                if let Some(finalizer) = &memory.finalizer {
                    *heard.finalizers() = json!([finalizer]);
                }
            }
            Bug::SentIsDone if asked.lists_dependents() => {
                let gone = |item: &Value| {
                    let end = format!("/{}", item["metadata"]["name"].as_str().unwrap_or_default());
                    memory.paths.iter().any(|path| path.ends_with(&end))
                };
                heard.items().retain(|item| !gone(item));
            }
            Bug::RecordForgotten if asked.is_about_a_parent() => {
                heard.body["metadata"].as_object_mut().map(|metadata| metadata.remove("annotations"));
            }
            Bug::ListedOnce if asked.lists_dependents() => {
                if memory.paths.contains(&asked.path().to_owned()) {
                    heard.nothing_listed();
                }
                memory.paths.push(asked.path().to_owned());
            }
            Bug::ConflictFails if asked.is_delete() && heard.is(409) => heard.fail(),
            Bug::GoneFails if asked.is_delete() && heard.is(404) => heard.fail(),
            Bug::UnservedIsEmpty if asked.lists_dependents() && heard.is(404) => heard.nothing_listed(),
            Bug::UnservedIsEmpty if asked.path().ends_with(".test/v1") && heard.is(200) => {
                if let Some(resources) = heard.body["resources"].as_array_mut()
                    && !resources.iter().any(|resource| resource["name"] == "disks")
                {
                    let disks =
                        json!({ "name": "disks", "kind": "Disk", "namespaced": true, "verbs": ["list"] });
                    resources.push(disks);
                }
            }
            Bug::SelectsEverything => {
                if let Some((label, value)) = &asked.dropped {
                    for item in heard.items() {
                        item["metadata"]["labels"][label] = value.as_str().into();
                    }
                }
            }
            Bug::NamesForUids if asked.lists_dependents() => {
                for item in heard.items() {
                    item["metadata"]["uid"] = item["metadata"]["name"].clone();
                }
            }
            _ => {}
        }
    }
}

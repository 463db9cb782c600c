//! An admission webhook of which the test is the judge.

use std::convert::Infallible;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};
use http::header::CONTENT_TYPE;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use k8s_openapi::ByteString;
use serde_json::{Value, json};
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::pki::Authority;
use crate::proxy::tls;

type Judge = Arc<dyn Fn(&Value) -> Option<String> + Send + Sync>;

/// An admission webhook on loopback, over TLS with an authority of its own, that speaks `admission.k8s.io/v1`.
///
/// It runs on a thread and a runtime of its own, and ends when it is dropped. What it is asked about says a
/// `ValidatingWebhookConfiguration` that names [`client_config`](Self::client_config).
///
/// # Examples
/// ```no_run
/// use rewitness_controlplane::Webhook;
///
/// # fn example() -> anyhow::Result<()> {
/// let webhook = Webhook::start(|request| (request["name"] == "kept").then(|| "ask its owner".to_owned()))?;
/// let client_config = webhook.client_config();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Webhook {
    port: u16,
    authority: String,
    asked: Arc<AtomicUsize>,
    /// Dropping it tells the thread to end.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Webhook {
    /// Starts a webhook. `judge` is handed the `request` of each review, and answers why it is refused;
    /// `None` allows it.
    ///
    /// # Errors
    /// No free port, or no thread.
    pub fn start(judge: impl Fn(&Value) -> Option<String> + Send + Sync + 'static) -> Result<Self> {
        let authority = Authority::new()?;
        let tls = tls::server(&authority.server("webhook")?)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listen")?;
        let port = listener.local_addr()?.port();
        let (stop, stopped) = oneshot::channel();
        let asked = Arc::new(AtomicUsize::new(0));
        let runtime =
            runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let server = serve(listener, acceptor, Arc::new(judge), Arc::clone(&asked), stopped);
        let thread = thread::Builder::new().name("webhook".into()).spawn(move || runtime.block_on(server));
        let thread = Some(thread.context("start a thread")?);
        let authority = authority.certificate().to_owned();
        Ok(Self { port, authority, asked, stop: Some(stop), thread })
    }

    /// The `clientConfig` by which the API server finds it.
    pub fn client_config(&self) -> Value {
        let bundle = ByteString(self.authority.as_bytes().to_vec());
        json!({ "url": format!("https://127.0.0.1:{}/", self.port), "caBundle": bundle })
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    judge: Judge,
    asked: Arc<AtomicUsize>,
    mut stop: oneshot::Receiver<()>,
) -> Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stop => return Ok(()),
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                let (stream, _) = accepted.context("accept a connection")?;
                let (acceptor, judge, asked) = (acceptor.clone(), Arc::clone(&judge), Arc::clone(&asked));
                connections.spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = service_fn(|request| {
                        asked.fetch_add(1, Ordering::Relaxed);
                        review(Arc::clone(&judge), request)
                    });
                    // Its errors are those of an API server that leaves.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        }
    }
}

async fn review(
    judge: Judge,
    request: Request<Incoming>,
) -> std::result::Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let Ok(review) = serde_json::from_slice::<Value>(&body) else {
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(response);
    };
    let mut answer = json!({ "uid": review["request"]["uid"], "allowed": true });
    if let Some(message) = judge(&review["request"]) {
        answer["allowed"] = false.into();
        answer["status"] = json!({ "code": 403, "message": message });
    }
    let answer =
        json!({ "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": answer });
    let mut response = Response::new(Full::from(answer.to_string()));
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    Ok(response)
}

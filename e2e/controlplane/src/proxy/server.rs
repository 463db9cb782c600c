//! Connections to the proxy, and what becomes of each request.

use std::sync::Arc;

use anyhow::{Context, Result};
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, RETRY_AFTER,
    TRANSFER_ENCODING,
};
use http::request::Parts;
use http::{HeaderMap, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use super::call::Call;
use super::fault::{Fault, Rewrite, status_body};
use super::rules::{Applied, Rules};
use super::stream::{Answer, Body, Broken, Source, rewrite, whole};
use super::tls::Tls;

type Upstream = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Serves until it is told to stop. Every connection ends with this future.
pub(super) async fn serve(
    listener: std::net::TcpListener,
    tls: Tls,
    upstream: u16,
    rules: Arc<Rules>,
    mut stop: oneshot::Receiver<()>,
) -> Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let acceptor = TlsAcceptor::from(Arc::new(tls.server));
    let server =
        Arc::new(Server { rules, port: upstream, admin: client(tls.admin), bearer: client(tls.anonymous) });
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stop => return Ok(()),
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                let (stream, _) = accepted.context("accept a connection")?;
                connections.spawn(connection(Arc::clone(&server), acceptor.clone(), stream));
            }
        }
    }
}

fn client(tls: rustls::ClientConfig) -> Upstream {
    let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1().build();
    Client::builder(TokioExecutor::new()).build(https)
}

/// Its errors are the faults themselves and clients that leave; the test sees both at its own end.
async fn connection(server: Arc<Server>, acceptor: TlsAcceptor, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let service = service_fn(|request| handle(Arc::clone(&server), request));
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

struct Server {
    rules: Arc<Rules>,
    port: u16,
    /// For requests without a token.
    admin: Upstream,
    /// For requests with one.
    bearer: Upstream,
}

async fn handle(server: Arc<Server>, request: Request<Incoming>) -> Result<Response<Body>, Broken> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(broken)?.to_bytes();
    let (call, applied) = server.rules.admit(&parts, body);
    let response = server.respond(&call, parts, &applied).await?;
    call.answered(response.status().as_u16());
    Ok(response)
}

impl Server {
    async fn respond(
        &self,
        call: &Arc<Call>,
        parts: Parts,
        applied: &[Applied],
    ) -> Result<Response<Body>, Broken> {
        for Applied { rule, fault } in applied {
            match fault {
                Fault::Delay(time) => sleep(*time).await,
                Fault::Hold(gate) => tokio::select! {
                    () = gate.wait() => {}
                    () = self.rules.removed(*rule) => {}
                },
                Fault::Drop => return Err(Broken("dropped by a rule".into())),
                Fault::Status { code, retry_after, message } => return status(*code, *retry_after, message),
                Fault::Answer { code, body } => return json(*code, body.clone()),
                Fault::LoseAnswer
                | Fault::HoldAnswer(_)
                | Fault::Cut { .. }
                | Fault::Silent
                | Fault::Rewrite(_) => {}
            }
        }
        let response = self.forward(call, parts).await?;
        self.pass_on(call, response, applied).await
    }

    async fn forward(&self, call: &Call, mut parts: Parts) -> Result<Response<Incoming>, Broken> {
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        parts.uri = format!("https://127.0.0.1:{}{target}", self.port).parse::<Uri>().map_err(broken)?;
        parts.version = http::Version::HTTP_11;
        // Compressed answers could not be rewritten.
        for name in [HOST, CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH, ACCEPT_ENCODING] {
            parts.headers.remove(name);
        }
        let client = if parts.headers.contains_key(AUTHORIZATION) { &self.bearer } else { &self.admin };
        client.request(Request::from_parts(parts, Full::new(call.body.clone()))).await.map_err(broken)
    }

    async fn pass_on(
        &self,
        call: &Arc<Call>,
        response: Response<Incoming>,
        applied: &[Applied],
    ) -> Result<Response<Body>, Broken> {
        let (mut parts, body) = response.into_parts();
        remove_connection_headers(&mut parts.headers);
        let mut source = Source::Live(body);
        let mut rewrites: Vec<Rewrite> = Vec::new();
        let mut cut_after = None;
        for Applied { rule, fault } in applied {
            match fault {
                Fault::LoseAnswer => {
                    source.complete(call).await?;
                    return Err(Broken("the answer is lost by a rule".into()));
                }
                Fault::HoldAnswer(gate) => {
                    source.complete(call).await?;
                    tokio::select! {
                        () = gate.wait() => {}
                        () = self.rules.removed(*rule) => {}
                    }
                }
                Fault::Cut { after } => cut_after = Some(*after),
                Fault::Rewrite(rewrite) => rewrites.push(rewrite.clone()),
                Fault::Delay(_)
                | Fault::Hold(_)
                | Fault::Drop
                | Fault::Status { .. }
                | Fault::Answer { .. }
                | Fault::Silent => {}
            }
        }
        if !call.watch && !rewrites.is_empty() {
            let bytes = source.complete(call).await?;
            let bytes = rewrite(&rewrites, call, bytes.to_vec());
            parts.headers.insert(CONTENT_LENGTH, bytes.len().into());
            source = Source::Whole(bytes.into());
            rewrites.clear();
        }
        let answer =
            Answer { rules: Arc::clone(&self.rules), call: Arc::clone(call), source, cut_after, rewrites };
        Ok(Response::from_parts(parts, answer.into_body()))
    }
}

impl Source {
    /// Waits for the end of the answer, so that the API server is done with the request. A watch has no end.
    async fn complete(&mut self, call: &Call) -> Result<Bytes, Broken> {
        if call.watch {
            return Ok(Bytes::new());
        }
        let bytes = match self {
            Self::Live(body) => body.collect().await.map_err(broken)?.to_bytes(),
            Self::Whole(bytes) => bytes.clone(),
        };
        *self = Self::Whole(bytes.clone());
        Ok(bytes)
    }
}

fn remove_connection_headers(headers: &mut HeaderMap) {
    for name in [CONNECTION, TRANSFER_ENCODING] {
        headers.remove(name);
    }
}

fn status(code: u16, retry_after: Option<u32>, message: &str) -> Result<Response<Body>, Broken> {
    let mut response = json(code, status_body(code, retry_after, message).to_string())?;
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    Ok(response)
}

fn json(code: u16, body: impl Into<Bytes>) -> Result<Response<Body>, Broken> {
    let response = Response::builder().status(code).header(CONTENT_TYPE, "application/json");
    response.body(whole(body)).map_err(broken)
}

fn broken(error: impl std::error::Error) -> Broken {
    Broken(error.to_string())
}

mod limit;
mod token;

use std::panic::{AssertUnwindSafe, catch_unwind};

use http::Request;
use http::header::AUTHORIZATION;
use kube::client::{AuthError, Body, ClientBuilder};
use secrecy::ExposeSecret as _;
use tower::layer::layer_fn;
use tower::util::MapRequestLayer;

use crate::Error;
use limit::LimitAnswers;
use token::Token;

/// A client as the queue needs it, from a configuration.
///
/// It differs from `kube::Client::try_from(config)`:
///
/// - **No silent retries** (`default_retry: false`). By default the client repeats a request that
///   was answered 429, 503 or 504 up to 15 times, with waits of its own and without a word. The
///   queue would neither see the `Retry-After` nor keep its own pace, and could not say what fails.
/// - **No read timeout** on the connection. It would cut a quiet watch; the queue sets a limit on
///   each call and on a watch's silence instead (see [`Config`](crate::Config)).
/// - **No answer without end**: one of more than 64 MiB is an error, unless it is a watch.
/// - **Credentials are read as kubectl reads them**: without white space around a token, and without
///   line ends in the base64 of a certificate and its key.
///
/// # Assumptions
///
/// The program has chosen a TLS stack by a feature of `kube` (`rustls-tls` with `ring`, say).
///
/// Called within a Tokio runtime, which drives the client's connections.
///
/// # Errors
///
/// [`Error::Client`] if the configuration names credentials or a proxy that cannot be used.
pub fn client(mut config: kube::Config) -> Result<kube::Client, Error> {
    config.default_retry = false;
    config.read_timeout = None;
    let failed = |source| Error::Client { source: Box::new(source) };
    let auth = &mut config.auth_info;
    auth.client_certificate_data = auth.client_certificate_data.take().map(|data| in_one_line(&data));
    auth.client_key_data = auth.client_key_data.take().map(|data| in_one_line(data.expose_secret()).into());
    let token = Token::take(auth).map_err(|error| failed(kube::Error::Auth(error)))?;
    // kube panics at a token of an exec plugin that is no header.
    let builder = catch_unwind(AssertUnwindSafe(|| ClientBuilder::try_from(config)));
    let unusable = |_| kube::Error::Auth(AuthError::AuthExec("its token has a line end in it".to_owned()));
    let builder = builder.map_err(unusable).flatten().map_err(failed)?;
    let builder = builder.with_layer(&layer_fn(LimitAnswers));
    let Some(token) = token else { return Ok(builder.build()) };
    let authorize = MapRequestLayer::new(move |mut request: Request<Body>| {
        request.headers_mut().insert(AUTHORIZATION, token.header());
        request
    });
    Ok(builder.with_layer(&authorize).build())
}

/// Base64 without its line ends, which Go's decoder ignores.
fn in_one_line(base64: &str) -> String {
    base64.replace(['\r', '\n'], "")
}

#[cfg(test)]
mod tests;

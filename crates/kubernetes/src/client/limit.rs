use std::task::{Context, Poll};

use futures::future::BoxFuture;
use futures::{FutureExt, TryFutureExt};
use http::{Request, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use kube::client::{Body, DynBody};
use tower::{BoxError, Service};

/// The longest answer that is read whole: more than any list that is asked for without pages.
const LONGEST: usize = 64 << 20;

/// Ends an answer that is too long with an error: kube's `Api` would read it whole, however long it is.
/// What is asked for as a stream is left alone.
pub(super) struct LimitAnswers<S>(pub(super) S);

impl<S> Service<Request<Body>> for LimitAnswers<S>
where
    S: Service<Request<Body>, Response = Response<Box<DynBody>>, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<Box<DynBody>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let is_stream = request.uri().query().is_some_and(asks_for_stream);
        let limited = move |body| -> Box<DynBody> {
            match is_stream {
                true => body,
                false => Box::new(Limited::new(body, LONGEST).map_err(explain)),
            }
        };
        self.0.call(request).map_ok(move |answer| answer.map(limited)).boxed()
    }
}

fn asks_for_stream(query: &str) -> bool {
    query.split('&').any(|pair| matches!(pair.split_once('='), Some(("watch" | "follow", "true" | "1"))))
}

fn explain(error: BoxError) -> BoxError {
    match error.is::<LengthLimitError>() {
        true => format!("the server's answer is longer than {} MiB", LONGEST >> 20).into(),
        false => error,
    }
}

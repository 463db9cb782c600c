//! The body of an answer on its way to the client.

use std::fmt;
use std::sync::Arc;

use futures::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use tokio::sync::watch;
use tokio::task::yield_now;

use super::call::Call;
use super::fault::Rewrite;
use super::rules::{OpenWatch, Rules};

/// What the proxy answers with.
pub(super) type Body = UnsyncBoxBody<Bytes, Broken>;

/// The proxy breaks a connection, on purpose or since the API server has.
#[derive(Debug)]
pub(super) struct Broken(pub(super) String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Broken {}

pub(super) fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// The bytes of an answer, as they come from the API server or as they were rewritten.
pub(super) enum Source {
    Live(Incoming),
    Whole(Bytes),
}

/// One answer, and what is to be done to it on the way.
pub(super) struct Answer {
    pub(super) rules: Arc<Rules>,
    pub(super) call: Arc<Call>,
    pub(super) source: Source,
    pub(super) cut_after: Option<usize>,
    /// For the events of a watch.
    pub(super) rewrites: Vec<Rewrite>,
}

impl Answer {
    pub(super) fn into_body(self) -> Body {
        let watch = self.call.watch.then(|| self.rules.opened());
        let pump =
            Pump { changes: self.rules.changes(), unfinished: Vec::new(), broken: None, watch, answer: self };
        let frames = stream::unfold(Some(pump), |pump| async move {
            let mut pump = pump?;
            match pump.next().await {
                Some(Ok(bytes)) => Some((Ok(Frame::data(bytes)), Some(pump))),
                Some(Err(error)) => Some((Err(error), None)),
                None => None,
            }
        });
        StreamBody::new(frames).boxed_unsync()
    }
}

struct Pump {
    answer: Answer,
    changes: watch::Receiver<()>,
    /// The beginning of an event of which the rest is still to come.
    unfinished: Vec<u8>,
    broken: Option<&'static str>,
    /// Counted as open as long as the client reads.
    watch: Option<OpenWatch>,
}

impl Pump {
    async fn next(&mut self) -> Option<Result<Bytes, Broken>> {
        loop {
            if let Some(reason) = self.broken {
                // Lets hyper send what it was given before, which it does not do after an error.
                yield_now().await;
                return Some(Err(Broken(reason.into())));
            }
            if self.answer.cut_after == Some(0) {
                self.broken = Some("cut by a rule");
                continue;
            }
            self.changes.mark_unchanged();
            if self.watch.as_ref().is_some_and(OpenWatch::is_cut) {
                self.broken = Some("all watches are cut");
                continue;
            }
            let silent = self.answer.rules.silent(&self.answer.call);
            let bytes = tokio::select! {
                biased;
                _ = self.changes.changed() => continue,
                bytes = self.answer.source.read(), if !silent => bytes,
            };
            match bytes {
                None if self.unfinished.is_empty() => return None,
                None => return Some(Ok(std::mem::take(&mut self.unfinished).into())),
                Some(Err(error)) => {
                    yield_now().await;
                    return Some(Err(error));
                }
                Some(Ok(bytes)) => {
                    let bytes = self.rewritten(bytes);
                    let bytes = self.cut(bytes);
                    if !bytes.is_empty() {
                        return Some(Ok(bytes));
                    }
                }
            }
        }
    }

    /// The complete events in these bytes, changed; the rest is kept.
    fn rewritten(&mut self, bytes: Bytes) -> Bytes {
        if self.answer.rewrites.is_empty() {
            return bytes;
        }
        self.unfinished.extend_from_slice(&bytes);
        let mut events = Vec::new();
        while let Some(end) = self.unfinished.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.unfinished.drain(..=end).collect();
            let event = rewrite(&self.answer.rewrites, &self.answer.call, line[..end].to_vec());
            events.extend_from_slice(&event);
            if !event.is_empty() && !event.ends_with(b"\n") {
                events.push(b'\n');
            }
        }
        events.into()
    }

    /// What of these bytes may still pass.
    fn cut(&mut self, mut bytes: Bytes) -> Bytes {
        if let Some(left) = &mut self.answer.cut_after {
            bytes.truncate(*left);
            *left -= bytes.len();
        }
        bytes
    }
}

impl Source {
    /// The next bytes. Nothing is lost when the future is dropped.
    async fn read(&mut self) -> Option<Result<Bytes, Broken>> {
        match self {
            Self::Live(body) => loop {
                match body.frame().await? {
                    Ok(frame) => {
                        if let Ok(bytes) = frame.into_data() {
                            return Some(Ok(bytes));
                        }
                    }
                    Err(error) => return Some(Err(Broken(error.to_string()))),
                }
            },
            Self::Whole(bytes) if bytes.is_empty() => None,
            Self::Whole(bytes) => Some(Ok(std::mem::take(bytes))),
        }
    }
}

/// One rewrite after the other.
pub(super) fn rewrite(rewrites: &[Rewrite], call: &Call, bytes: Vec<u8>) -> Vec<u8> {
    rewrites.iter().fold(bytes, |bytes, rewrite| rewrite.apply(call, &bytes).unwrap_or(bytes))
}

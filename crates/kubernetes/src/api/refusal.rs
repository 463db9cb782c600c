use std::error::Error;
use std::io;
use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;

/// Why a call to the API server did not do what it asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// 410: the version or the continue token that was named is no longer known.
    #[error("the version asked for has expired")]
    Expired,
    /// 401.
    #[error("the server does not accept the credentials")]
    Unauthorized,
    /// 403, with the server's words: who may not do what.
    #[error("missing right: {message}")]
    Forbidden {
        /// The server's words.
        message: String,
    },
    /// 404, about one object: there is none of that name.
    #[error("there is no such object")]
    NoObject,
    /// 404, about the path: this kind, or this version of it, is not served.
    #[error("the server does not serve it")]
    NoPath,
    /// 409: somebody changed the object meanwhile.
    #[error("somebody else changed it meanwhile")]
    Conflict,
    /// 422: a `test` of a patch failed, or the outcome would not be valid.
    #[error("the server cannot process it: {message}")]
    Unprocessable {
        /// The server's words.
        message: String,
    },
    /// 429 or 503 that says when to come back, or 429 that does not.
    #[error("the server is overloaded")]
    Overloaded {
        /// When to come back.
        after: Option<Duration>,
    },
    /// Any other status.
    #[error("the server answered {status}: {message}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// The server's words.
        message: String,
    },
    /// No answer in time.
    #[error("the server did not answer within {} s", .after.as_secs_f32())]
    Timeout {
        /// How long was waited.
        after: Duration,
    },
    /// The client's own limit for a connection ([`kube::Config::connect_timeout`]) was over.
    #[error("cannot reach the server: no connection in time")]
    NoConnection,
    /// The server could not be asked.
    #[error("cannot reach the server: {reason}")]
    Unreachable {
        /// The innermost cause.
        reason: String,
    },
    /// The answer is not what the protocol says.
    #[error("the server's answer cannot be read: {reason}")]
    Unreadable {
        /// Why.
        reason: String,
    },
}

/// What is read of a `Status` object.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Status {
    message: String,
    details: Details,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Details {
    name: String,
    retry_after_seconds: u64,
}

/// Nothing is no time to wait, and would be a hot loop against a server that asks for patience; and
/// no server is left alone for longer than five minutes.
fn believable(after: Duration) -> Option<Duration> {
    const LONGEST: Duration = Duration::from_secs(300);
    (!after.is_zero()).then(|| after.min(LONGEST))
}

impl Refusal {
    /// What an answer that is no success means.
    pub(crate) fn from_answer(status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> Self {
        let said: Status = serde_json::from_slice(body).unwrap_or_default();
        let named = !said.details.name.is_empty();
        let said_after = || Some(Duration::from_secs(said.details.retry_after_seconds));
        let after = retry_after.or_else(said_after).and_then(believable);
        Self::from_status(status.as_u16(), said.message, named, after)
    }

    /// What a status means, be it of an answer or in a watch.
    pub(crate) fn from_status(
        status: u16,
        message: String,
        names_object: bool,
        after: Option<Duration>,
    ) -> Self {
        let message = status_message(status, message);
        match status {
            401 => Self::Unauthorized,
            403 => Self::Forbidden { message },
            404 if names_object => Self::NoObject,
            404 => Self::NoPath,
            409 => Self::Conflict,
            410 => Self::Expired,
            422 => Self::Unprocessable { message },
            429 => Self::Overloaded { after },
            503 if after.is_some() => Self::Overloaded { after },
            _ => Self::Status { status, message },
        }
    }

    /// What a failure of the client means.
    pub(crate) fn from_client(error: &kube::Error) -> Self {
        let innermost = innermost(error);
        if is_connect_timeout(innermost) {
            return Self::NoConnection;
        }
        // What rustls says is for those who program, and with a link.
        let reason = match innermost.to_string() {
            cut if cut.contains("without sending TLS close_notify") => "the connection was cut".to_owned(),
            other => other,
        };
        Self::Unreachable { reason }
    }

    /// When the server wants to be asked again, if it says so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Overloaded { after } => *after,
            _ => None,
        }
    }
}

/// A server's words, or the status where it has none; cut, as some servers answer with a page.
fn status_message(status: u16, message: String) -> String {
    const LONGEST: usize = 300;
    let known = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    match message.char_indices().nth(LONGEST) {
        _ if message.is_empty() => known.unwrap_or("no reason given").to_owned(),
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message,
    }
}

/// The innermost cause says what happened ("Connection refused"); what is around it says only
/// through which layers it went.
fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause
}

/// The connector wraps tokio's `Elapsed` for its limit on connecting, and for nothing else.
fn is_connect_timeout(error: &(dyn Error + 'static)) -> bool {
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    wrapped.is_some_and(|wrapped| wrapped.is::<tokio::time::error::Elapsed>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_what_comes_next() {
        let named = br#"{"kind":"Status","message":"widgets \"a\" not found","details":{"name":"a","kind":"widgets"}}"#;
        let busy = br#"{"kind":"Status","message":"too many","details":{"retryAfterSeconds":7}}"#;
        let seconds = Duration::from_secs;
        for (status, header, body, expected) in [
            (404, None, &named[..], Refusal::NoObject),
            (404, None, b"404 page not found", Refusal::NoPath),
            (410, None, b"", Refusal::Expired),
            (429, Some(seconds(3)), &busy[..], Refusal::Overloaded { after: Some(seconds(3)) }),
            (429, None, &busy[..], Refusal::Overloaded { after: Some(seconds(7)) }),
            (429, None, b"", Refusal::Overloaded { after: None }),
            (503, Some(seconds(1)), b"", Refusal::Overloaded { after: Some(seconds(1)) }),
            (503, None, b"", Refusal::Status { status: 503, message: "Service Unavailable".to_owned() }),
            (401, None, b"{}", Refusal::Unauthorized),
        ] {
            let answer = Refusal::from_answer(StatusCode::from_u16(status).unwrap(), header, body);
            assert_eq!(answer, expected, "{status} {}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn a_page_of_words_is_cut() {
        assert_eq!(status_message(500, "é".repeat(1000)).chars().count(), 301);
    }
}

use std::error::Error;
use std::io;
use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;

/// No answer is longer: an object has at most 1.5 MiB in etcd, of which JSON can make six times as much,
/// and pages are asked for by fewer objects if need be.
pub(super) const LONGEST_ANSWER: usize = 16 << 20;

/// Why a call to the API server did not do what it asked for.
///
/// ```
/// use rewitness_kubernetes::call::ApiError;
///
/// assert_eq!(ApiError::from_watch(410, "too old resource version".to_owned()), ApiError::Expired);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// 410: the version or the continue token that was named is no longer known.
    #[error("the version asked for has expired")]
    Expired,
    /// 401.
    #[error("the server does not accept the credentials")]
    Unauthorized,
    /// 403 of the authorizer, with the server's words: who may not do what. What admission denies is
    /// a [`Status`](Self::Status).
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
    /// 409: a precondition does not hold, or somebody changed the object meanwhile.
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
    /// Any other status; a webhook's error too, with its words.
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
    /// The answer has more than 16 MiB, and was not read to its end.
    #[error("the server's answer is longer than {} MiB", LONGEST_ANSWER >> 20)]
    TooLarge,
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
    reason: String,
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

impl ApiError {
    /// What an answer that is no success means. `retry_after` is the header.
    pub(crate) fn from_answer(status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> Self {
        let said: Status = serde_json::from_slice(body).unwrap_or_default();
        Self::from_status(status.as_u16(), said, retry_after)
    }

    /// What the error that ends a watch means.
    pub fn from_watch(status: u16, message: String) -> Self {
        Self::from_status(status, Status { message, ..Status::default() }, None)
    }

    fn from_status(status: u16, said: Status, retry_after: Option<Duration>) -> Self {
        let Status { message, reason, details } = said;
        let said_after = || Some(Duration::from_secs(details.retry_after_seconds));
        let after = retry_after.or_else(said_after).and_then(believable);
        let message = words(status, message);
        match status {
            401 => Self::Unauthorized,
            // A webhook refuses with 403 too, but says so in other words and without a reason.
            403 if reason == "Forbidden" && message.contains("cannot") => Self::Forbidden { message },
            404 if details.name.is_empty() => Self::NoPath,
            404 => Self::NoObject,
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

    /// Whether the server has answered, be it with an error.
    pub(crate) fn is_answer(&self) -> bool {
        !matches!(self, Self::Timeout { .. } | Self::NoConnection | Self::Unreachable { .. })
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
fn words(status: u16, message: String) -> String {
    const LONGEST: usize = 500;
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
        let named = r#"{"message":"widgets \"a\" not found","details":{"name":"a"}}"#;
        let busy = r#"{"message":"too many","details":{"retryAfterSeconds":7}}"#;
        let right =
            r#"{"reason":"Forbidden","message":"clusters is forbidden: User \"x\" cannot list resource"}"#;
        let webhook = r#"{"message":"admission webhook \"w\" denied the request: no"}"#;
        let forbidden = "clusters is forbidden: User \"x\" cannot list resource".to_owned();
        let denied = "admission webhook \"w\" denied the request: no".to_owned();
        let seconds = Duration::from_secs;
        let overloaded = |after| ApiError::Overloaded { after };
        for (status, header, body, expected) in [
            (401, None, "{}", ApiError::Unauthorized),
            (403, None, right, ApiError::Forbidden { message: forbidden }),
            (403, None, webhook, ApiError::Status { status: 403, message: denied }),
            (404, None, named, ApiError::NoObject),
            (404, None, "404 page not found", ApiError::NoPath),
            (409, None, named, ApiError::Conflict),
            (410, None, "", ApiError::Expired),
            (429, Some(seconds(3)), busy, overloaded(Some(seconds(3)))),
            (429, None, busy, overloaded(Some(seconds(7)))),
            (429, None, "", overloaded(None)),
            (429, Some(seconds(0)), "", overloaded(None)),
            (429, Some(seconds(9999)), "", overloaded(Some(seconds(300)))),
            (503, Some(seconds(1)), "", overloaded(Some(seconds(1)))),
            (503, None, "", ApiError::Status { status: 503, message: "Service Unavailable".to_owned() }),
        ] {
            let answer =
                ApiError::from_answer(StatusCode::from_u16(status).unwrap(), header, body.as_bytes());
            assert_eq!(answer, expected, "{status} {body}");
        }
    }

    #[test]
    fn a_page_of_words_is_cut() {
        assert_eq!(words(500, "é".repeat(1000)).chars().count(), 501);
    }
}

use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use thiserror::Error;

/// Why a call to the API server did not do what it asked for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
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
    /// 409: a precondition does not hold, or somebody changed the object meanwhile.
    #[error("somebody else changed it meanwhile")]
    Conflict,
    /// 410: the continue token has expired.
    #[error("the list has expired")]
    Expired,
    /// 422: a `test` of a patch failed, or the outcome would not be valid.
    #[error("the server cannot process it: {message}")]
    Unprocessable {
        /// The server's words.
        message: String,
    },
    /// 429, or 503 that says when to come back.
    #[error("the server is overloaded")]
    Overloaded {
        /// When to come back, if it was said.
        after: Option<Duration>,
    },
    /// Any other status; a webhook's refusal too, with its words.
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
    reason: String,
    details: Details,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Details {
    name: String,
    retry_after_seconds: u64,
}

impl Refusal {
    /// What an answer that is no success means. `retry_after` is the header.
    pub(crate) fn from_answer(status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> Self {
        let said: Status = serde_json::from_slice(body).unwrap_or_default();
        let in_body = Some(said.details.retry_after_seconds).filter(|seconds| *seconds > 0);
        let after = retry_after.or(in_body.map(Duration::from_secs));
        let message = words(status, said.message);
        match status.as_u16() {
            // A webhook refuses with 403 too, but says so in other words and without a reason.
            403 if said.reason == "Forbidden" && message.contains("cannot") => Self::Forbidden { message },
            404 if said.details.name.is_empty() => Self::NoPath,
            404 => Self::NoObject,
            409 => Self::Conflict,
            410 => Self::Expired,
            422 => Self::Unprocessable { message },
            429 => Self::Overloaded { after },
            503 if after.is_some() => Self::Overloaded { after },
            status => Self::Status { status, message },
        }
    }

    /// What a failure of the client means: the innermost cause says what happened, and what is
    /// around it only through which layers it went.
    pub(crate) fn from_client(error: &kube::Error) -> Self {
        let mut cause: &dyn std::error::Error = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        Self::Unreachable { reason: cause.to_string() }
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
fn words(status: StatusCode, message: String) -> String {
    const LONGEST: usize = 500;
    match message.char_indices().nth(LONGEST) {
        _ if message.is_empty() => status.canonical_reason().unwrap_or("no reason given").to_owned(),
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_what_comes_next() {
        let seconds = Duration::from_secs;
        let named = r#"{"message":"widgets \"a\" not found","details":{"name":"a"}}"#;
        let busy = r#"{"message":"too many","details":{"retryAfterSeconds":7}}"#;
        let right =
            r#"{"reason":"Forbidden","message":"clusters is forbidden: User \"x\" cannot list resource"}"#;
        let webhook = r#"{"message":"admission webhook \"w\" denied the request: no"}"#;
        let forbidden = "clusters is forbidden: User \"x\" cannot list resource".to_owned();
        let denied = "admission webhook \"w\" denied the request: no".to_owned();
        for (status, header, body, expected) in [
            (404, None, named, Refusal::NoObject),
            (404, None, "404 page not found", Refusal::NoPath),
            (409, None, named, Refusal::Conflict),
            (410, None, "", Refusal::Expired),
            (429, Some(seconds(3)), busy, Refusal::Overloaded { after: Some(seconds(3)) }),
            (429, None, busy, Refusal::Overloaded { after: Some(seconds(7)) }),
            (429, None, "", Refusal::Overloaded { after: None }),
            (503, Some(seconds(1)), "", Refusal::Overloaded { after: Some(seconds(1)) }),
            (503, None, "", Refusal::Status { status: 503, message: "Service Unavailable".to_owned() }),
            (403, None, right, Refusal::Forbidden { message: forbidden }),
            (403, None, webhook, Refusal::Status { status: 403, message: denied }),
        ] {
            let answer = Refusal::from_answer(StatusCode::from_u16(status).unwrap(), header, body.as_bytes());
            assert_eq!(answer, expected, "{status} {body}");
        }
    }
}

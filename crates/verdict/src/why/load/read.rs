//! One read: it ends in time, and says what failed.

use std::time::Duration;

use tokio::time::timeout;

use crate::why::facts::{Read, Unread};

/// How long a read may take.
const CALL: Duration = Duration::from_secs(20);

/// What is said of an object or a kind that is not there; callers take it for an answer.
const NOT_FOUND: &str = "it is not there";

/// Reads; `what` is as `get widgets.example.com in team-a`.
pub(crate) async fn read<T>(what: &str, call: impl Future<Output = kube::Result<T>>) -> Read<T> {
    let reason = match timeout(CALL, call).await {
        Ok(Ok(found)) => return Ok(found),
        Ok(Err(kube::Error::Api(answer))) if answer.code == 403 => None,
        Ok(Err(kube::Error::Api(answer))) if answer.code == 404 => Some(NOT_FOUND.to_owned()),
        Ok(Err(kube::Error::Api(answer))) => Some(answer.message.clone()),
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("no answer within {} s", CALL.as_secs())),
    };
    Err(Unread { what: what.to_owned(), reason })
}

pub(crate) fn is_not_found(unread: &Unread) -> bool {
    unread.reason.as_deref() == Some(NOT_FOUND)
}

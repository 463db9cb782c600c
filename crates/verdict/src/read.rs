//! One read: it ends in time, and says what failed.

use std::fmt;
use std::ops::ControlFlow;
use std::time::Duration;

use kube::api::ListParams;
use kube::core::ObjectList;
use rewitness_kubernetes::ApiError;
use tokio::time::timeout;

/// What was read, or why it was not: then it is unknown, and never guessed.
pub(crate) type Read<T> = Result<T, Unread>;

/// A read that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unread {
    /// As `list clusters.example.com in team-a`.
    pub(crate) what: String,
    /// The server's words; `None` if the right is missing.
    pub(crate) reason: Option<String>,
}

impl Unread {
    /// Why a call of ours did not answer.
    pub(crate) fn of(what: String, error: ApiError) -> Self {
        let reason = match error {
            ApiError::Forbidden { .. } => None,
            other => Some(other.to_string()),
        };
        Self { what, reason }
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            None => write!(f, "you may not {}", self.what),
            Some(reason) => write!(f, "cannot {}: {reason}", self.what),
        }
    }
}

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

/// How many objects a page has.
const PAGE: u32 = 500;

/// Lists by pages, at most so many. Each goes to `take`, which may break off. Answers whether the end of the list was
/// reached: if not, there may be more.
pub(crate) async fn pages<T: Clone>(
    what: &str,
    most: usize,
    params: ListParams,
    list: impl AsyncFn(&ListParams) -> kube::Result<ObjectList<T>>,
    mut take: impl FnMut(ObjectList<T>) -> ControlFlow<()>,
) -> Read<bool> {
    let mut params = params.limit(PAGE);
    for _ in 0..most {
        let mut page = read(what, list(&params)).await?;
        let token = page.metadata.continue_.take().filter(|token| !token.is_empty());
        match (take(page), token) {
            (_, None) => return Ok(true),
            (ControlFlow::Break(()), Some(_)) => return Ok(false),
            (ControlFlow::Continue(()), Some(token)) => params = params.continue_token(&token),
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use kube::core::{ListMeta, TypeMeta};

    use super::*;

    #[tokio::test]
    async fn a_list_that_is_broken_off_or_too_long_has_not_ended() {
        for (served, most, enough, expected) in [
            (3, 5, 9, (3, true)),
            (3, 3, 9, (3, true)),
            (3, 2, 9, (2, false)),
            (3, 5, 2, (2, false)),
            (3, 5, 3, (3, true)),
        ] {
            let list = async |params: &ListParams| {
                let at: usize = params.continue_token.as_deref().map_or(0, |token| token.parse().unwrap());
                let token = if at + 1 < served { (at + 1).to_string() } else { String::new() };
                let metadata = ListMeta { continue_: Some(token), ..ListMeta::default() };
                Ok(ObjectList { types: TypeMeta::default(), metadata, items: vec![at] })
            };
            let mut seen = Vec::new();
            let ended = pages("list", most, ListParams::default(), list, |page| {
                seen.extend(page.items);
                if seen.len() < enough { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            assert_eq!(ended.await, Ok(expected.1), "{served} pages, at most {most}, enough after {enough}");
            assert_eq!(seen, (0..expected.0).collect::<Vec<_>>());
        }
    }
}

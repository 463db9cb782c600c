//! Calls by kube's own `Api`: each with an end, and errors with their causes.

use std::error::Error;
use std::time::Duration;

use tokio::time::timeout;

/// How long a call may take.
const CALL: Duration = Duration::from_secs(30);

/// Makes a call by kube's `Api`, and waits for it no longer than 30 s. The client itself waits for ever:
/// a limit of its own would cut watches that are quiet.
///
/// # Errors
///
/// The call's own, or [`kube::Error::Service`] if it was not answered in time.
pub async fn in_time<T>(call: impl Future<Output = kube::Result<T>>) -> kube::Result<T> {
    let late = || format!("the server did not answer within {} s", CALL.as_secs());
    timeout(CALL, call).await.unwrap_or_else(|_| Err(kube::Error::Service(late().into())))
}

/// An error with its causes after colons.
///
/// ```
/// let error = std::io::Error::other("connection refused");
/// assert_eq!(rewitness_kubernetes::call::chain(&error), "connection refused");
/// ```
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        // Many libraries repeat their source in their own message.
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_never_answered_has_an_end_that_says_why() {
        let said = chain(&in_time(pending::<kube::Result<()>>()).await.unwrap_err());
        assert!(said.contains("did not answer within 30 s"), "{said}");
    }
}

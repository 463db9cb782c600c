//! Calls by kube's `Api`, each with an end.

use std::time::Duration;

use tokio::time::timeout;

/// How long a call may take.
const CALL: Duration = Duration::from_secs(30);

/// Makes a call, and waits for it only so long. The client itself waits for ever: a limit of its own
/// would cut watches that are quiet.
pub(crate) async fn in_time<T>(call: impl Future<Output = kube::Result<T>>) -> kube::Result<T> {
    let late = || format!("the server did not answer within {} s", CALL.as_secs());
    timeout(CALL, call).await.unwrap_or_else(|_| Err(kube::Error::Service(late().into())))
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_never_answered_has_an_end_that_says_why() {
        let said = crate::exit::chain(&in_time(pending::<kube::Result<()>>()).await.unwrap_err());
        assert!(said.contains("did not answer within 30 s"), "{said}");
    }
}

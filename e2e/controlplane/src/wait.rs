//! Waiting for a state instead of for a time.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

const PAUSE: Duration = Duration::from_millis(20);

/// Asks until the answer is `Some`, at most for `within`.
///
/// # Errors
/// The first error of `probe`, or that the deadline has passed.
///
/// # Examples
/// ```
/// # use std::time::Duration;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> anyhow::Result<()> {
/// let mut asked = 0;
/// let answer = rewitness_controlplane::until("asked three times", Duration::from_secs(5), async || {
///     asked += 1;
///     Ok((asked == 3).then_some(asked))
/// });
/// assert_eq!(answer.await?, 3);
/// # Ok(())
/// # }
/// ```
pub async fn until<T>(
    what: &str,
    within: Duration,
    mut probe: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + within;
    loop {
        if let Some(answer) = probe().await? {
            return Ok(answer);
        }
        if Instant::now() >= deadline {
            bail!("not within {within:?}: {what}");
        }
        sleep(PAUSE).await;
    }
}

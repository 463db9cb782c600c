use tokio::task::{AbortHandle, JoinSet};

/// Tasks that one owner awaits, and that end with it.
///
/// One that was aborted has ended as it should. One that panicked takes its owner with it: it was
/// there for a reason, and to go on without it would be silence (Q12).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use rewitness_kubernetes::Tasks;
///
/// let mut tasks = Tasks::default();
/// tasks.spawn(async { /* … */ });
/// // Beside whatever else the owner waits for:
/// tasks.ended().await;
/// assert!(tasks.is_empty());
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Tasks(JoinSet<()>);

impl Tasks {
    /// Begins one.
    pub fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        self.0.spawn(task)
    }

    /// How many have not ended, or were not noted to have.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Waits until one has ended. If there is none, it waits for ever.
    pub async fn ended(&mut self) {
        match self.0.join_next().await {
            Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Some(_) => {}
            None => std::future::pending().await,
        }
    }

    /// Takes note of those that have ended by now.
    pub(crate) fn reap(&mut self) {
        while let Some(ended) = self.0.try_join_next() {
            if let Err(error) = ended
                && error.is_panic()
            {
                std::panic::resume_unwind(error.into_panic());
            }
        }
    }

    /// Ends those that are left, and waits for that.
    pub async fn shut_down(mut self) {
        self.0.shutdown().await;
    }
}

use std::time::Duration;

use super::change::CallError;

/// What [`Store::overload`](crate::Store::overload) tells callers to wait.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The faults that calls of queues meet at present.
#[derive(Default)]
pub(super) struct Faults {
    /// Which connection is the newest; an older one is broken.
    pub(super) connection: u64,
    pub(super) busy: u32,
    pub(super) down: bool,
    pub(super) lists_stall: bool,
}

impl Faults {
    /// Whether a call succeeds.
    pub(super) fn meet(&mut self) -> Result<(), CallError> {
        if self.down {
            return Err(CallError::Unreachable);
        }
        if self.busy > 0 {
            self.busy -= 1;
            return Err(CallError::Busy(RETRY_AFTER));
        }
        Ok(())
    }
}

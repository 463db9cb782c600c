//! A process group: a command, and what it started.

use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::process::Child;
use tokio::time::{Instant, sleep};

/// How long a group has between being asked to end and being killed.
const GRACE: Duration = Duration::from_secs(2);

/// A process group by its leader. Dropping it before the leader was waited for kills all of it.
///
/// A group is only ever signalled while its leader is not reaped: until then its number cannot
/// belong to anybody else.
pub(super) struct Group {
    pub(super) leader: Child,
}

impl Group {
    /// Of a child that was started as the leader of its own group.
    pub(super) fn new(leader: Child) -> Self {
        Self { leader }
    }

    /// Ends the group: asks, waits for a little, and kills what is left of it.
    pub(super) async fn end(&mut self) {
        self.signal(Signal::TERM);
        let patience = Instant::now() + GRACE;
        while Instant::now() < patience && !self.leader_has_ended() {
            sleep(Duration::from_millis(20)).await;
        }
        self.signal(Signal::KILL);
        let _ = self.leader.wait().await;
    }

    /// Looks without reaping, so that the group's number stays taken.
    fn leader_has_ended(&self) -> bool {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.id().is_none_or(|id| !matches!(waitid(WaitId::Pid(id), look), Ok(None)))
    }

    fn signal(&self, signal: Signal) {
        if let Some(id) = self.id() {
            // A group that has ended already needs none.
            let _ = kill_process_group(id, signal);
        }
    }

    /// `None` once the leader was reaped.
    fn id(&self) -> Option<Pid> {
        self.leader.id().and_then(|id| Pid::from_raw(id.cast_signed()))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

use std::time::Duration;

use rewitness_messaging::{Failure, Outcome, Version, WakeKey};
use tokio::sync::watch;

use super::record::Ending;

/// What a scripted consumer answers.
#[derive(Clone, Debug)]
pub enum Reply {
    /// `Done`.
    Done,
    /// `DoneAt` this version.
    DoneAt(Version),
    /// `RequeueAfter`, with a key that ends the wait.
    Requeue(Duration, Option<WakeKey>),
    /// A failure that is retried with backoff.
    Fail,
    /// A failure that is retried after this time.
    FailAfter(Duration),
    /// A failure that only a change can end.
    Never,
    /// None: it panics.
    Panic,
    /// None: it never ends.
    Hang,
    /// The other reply, once the gate is open.
    Behind(Gate, Box<Reply>),
}

impl Reply {
    /// `Done`, once the gate is open.
    pub fn behind(gate: &Gate) -> Self {
        Self::Done.only_behind(gate)
    }

    /// This, once the gate is open.
    pub fn only_behind(self, gate: &Gate) -> Self {
        Self::Behind(gate.clone(), Box::new(self))
    }

    pub(super) async fn answer(self, ending: &mut Ending) -> Result<Outcome, Failure> {
        let mut reply = self;
        while let Self::Behind(gate, then) = reply {
            gate.opened().await;
            reply = *then;
        }
        *ending = Ending::Answered;
        match reply {
            Self::Done | Self::Behind(..) => Ok(Outcome::Done),
            Self::DoneAt(version) => Ok(Outcome::DoneAt(version)),
            Self::Requeue(after, wake) => Ok(Outcome::RequeueAfter { after, wake }),
            Self::Fail => Err(Failure::backoff("as scripted")),
            Self::FailAfter(after) => Err(Failure::after(after, "as scripted")),
            Self::Never => Err(Failure::never("as scripted")),
            // Unlike `panic!` this prints nothing, since nothing is wrong.
            Self::Panic => std::panic::resume_unwind(Box::new("as scripted")),
            Self::Hang => {
                *ending = Ending::CutOff;
                std::future::pending().await
            }
        }
    }
}

/// What holds replies up until the case opens it.
#[derive(Clone, Debug, Default)]
pub struct Gate(watch::Sender<bool>);

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets everything through, from now on.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    async fn opened(&self) {
        let mut open = self.0.subscribe();
        // The sender is in `self`.
        let _ = open.wait_for(|open| *open).await;
    }
}

//! The one writer of a Cascade's status, and the owner of all of them.

use std::sync::Arc;
use std::time::Duration;

use kube::Api;
use kube::api::{Patch, PatchParams};
use rewitness_crds::{Cascade, CascadeStatus, FIELD_MANAGER};
use rewitness_kubernetes::Tasks;
use rewitness_messaging::{Backoff, Timestamp};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::followed::Followed;

/// A status is written at most so often; what comes between is written together.
const PACE: Duration = Duration::from_secs(1);

/// How long changes are gathered before they are looked at.
const GATHER: Duration = Duration::from_millis(50);

/// Some of a status depends on the time alone: who is deleted for long blocks.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// How soon a write that failed is tried again.
const BACKOFF: Backoff = Backoff { base: Duration::from_secs(2), cap: Duration::from_secs(30) };

/// How long a write may take.
const CALL: Duration = Duration::from_secs(30);

/// Writes the status of one Cascade until that has ended.
pub(crate) struct StatusWriter {
    followed: Arc<Followed>,
    api: Api<Cascade>,
    /// What the server has, as far as we know.
    written: CascadeStatus,
    next: Instant,
    failures: u32,
}

impl StatusWriter {
    /// For a Cascade as it was just read.
    pub(crate) fn new(followed: Arc<Followed>, api: Api<Cascade>, written: Option<CascadeStatus>) -> Self {
        Self { followed, api, written: written.unwrap_or_default(), next: Instant::now(), failures: 0 }
    }

    pub(crate) async fn run(mut self) {
        loop {
            let has_ended = self.followed.state().ended;
            let status = self.followed.status(&self.written, Timestamp::now());
            let is_due = has_ended || Instant::now() >= self.next;
            let differs = status.as_ref().is_some_and(|status| *status != self.written);
            match status {
                Some(status) if differs && is_due => self.write(status).await,
                // It says already whatever somebody waits for.
                Some(_) if !differs => {
                    self.followed.end_writing(self.followed.begin_writing(), Ok(&self.written))
                }
                _ => {}
            }
            if has_ended {
                return;
            }
            self.pause(differs && !is_due).await;
        }
    }

    async fn pause(&self, is_pending: bool) {
        let until = match is_pending {
            true => self.next,
            false if self.followed.awaits_counts() => Instant::now() + PACE,
            false => Instant::now() + LOOK_AGAIN,
        };
        tokio::select! {
            () = self.followed.changed() => sleep(GATHER).await,
            () = sleep_until(until) => {}
        }
    }

    async fn write(&mut self, status: CascadeStatus) {
        let pending = self.followed.begin_writing();
        let patch = json!({
            "apiVersion": "rewitness.dev/v1alpha1", "kind": "Cascade",
            // Of another Cascade of this name nothing is known.
            "metadata": { "name": self.followed.name, "uid": self.followed.uid },
            "status": &status,
        });
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let followed = self.followed.clone();
        let (name, patch) = (&followed.name, Patch::Apply(patch));
        let result = match timeout(CALL, self.api.patch_status(name, &params, &patch)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(kube::Error::Api(answer))) => Err(answer.message.clone()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the server did not answer in time".to_owned()),
        };
        self.next = Instant::now() + self.wait_after(result.is_ok());
        match &result {
            Ok(()) => self.written = status,
            // The last words of a rule whose Cascade has gone before them.
            Err(reason) if followed.state().ended => tracing::debug!(cascade = %name, reason, "not written"),
            Err(reason) => tracing::warn!(cascade = %name, reason, "the status could not be written"),
        }
        let result = result.map(|()| &self.written);
        let result = result.map_err(|reason| format!("the status could not be written: {reason}"));
        self.followed.end_writing(pending, result);
    }

    fn wait_after(&mut self, succeeded: bool) -> Duration {
        self.failures = if succeeded { 0 } else { self.failures + 1 };
        if succeeded { PACE } else { BACKOFF.interval(self.failures) }
    }
}

/// How many new writers wait for their task: as many as Cascades are taken in at a time.
const NEW: usize = 8;

/// Where new writers are handed in, and who owns them all.
pub(crate) fn status_writers() -> (mpsc::Sender<StatusWriter>, StatusWriters) {
    let (hand_in, new) = mpsc::channel(NEW);
    (hand_in, StatusWriters { new, tasks: Tasks::default() })
}

/// Owns the status writers, each a task.
pub(crate) struct StatusWriters {
    new: mpsc::Receiver<StatusWriter>,
    tasks: Tasks,
}

impl StatusWriters {
    /// Begins and awaits them for as long as it is polled. Panics if one of them has.
    pub(crate) async fn run(&mut self) {
        loop {
            tokio::select! {
                Some(writer) = self.new.recv() => drop(self.tasks.spawn(writer.run())),
                () = self.tasks.ended() => {}
            }
        }
    }

    /// Waits until all have ended. No new one may be on its way.
    pub(crate) async fn finish(mut self) {
        while let Ok(writer) = self.new.try_recv() {
            self.tasks.spawn(writer.run());
        }
        while !self.tasks.is_empty() {
            self.tasks.ended().await;
        }
    }
}

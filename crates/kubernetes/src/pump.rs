use std::sync::Arc;
use std::time::Duration;

use rewitness_messaging::Stopped;
use rewitness_messaging::dispatcher::Dispatcher;
use tokio::time::{Instant, sleep_until};

use crate::finalizer::{Finalizers, HoldWriter};
use crate::intake::{Context, Sources};
use crate::reconcile::Reconciles;

/// How often a full hold write lane is looked at beside its own ends. What is due then is a timer
/// that has notified already, and that waits for room.
const FULL_LANE: Duration = Duration::from_millis(50);

/// One run of the queue, which has begun: opens sources, begins hold writes and deliveries as the dispatcher says, until
/// `stop` completes.
///
/// It is one loop for all three, because whatever happens notifies the dispatcher's one waiter.
pub(crate) async fn run(
    dispatcher: Dispatcher,
    intake: Arc<Context>,
    finalizers: Arc<Finalizers>,
    stop: impl Future<Output = ()>,
) -> Stopped {
    let grace = intake.config.grace;
    let mut lane =
        HoldWriter::new(dispatcher.clone(), finalizers.clone(), intake.config.concurrent_hold_writes);
    let mut sources = Sources::new(dispatcher.clone(), intake);
    let mut reconciles = Reconciles::new(dispatcher.clone(), finalizers);
    let mut stop = std::pin::pin!(stop);
    loop {
        // Registered first, so that what happens from here on is heard.
        let notified = dispatcher.notified();
        let now = Instant::now();
        sources.follow_changes();
        lane.begin_due(now.into());
        reconciles.begin_due(now.into());
        let earliest = if lane.is_full() { now + FULL_LANE } else { now };
        let timer = dispatcher.next_timer(now.into()).map(|at| Instant::from(at).max(earliest));
        tokio::select! {
            biased;
            () = &mut stop => break,
            () = reconciles.completed() => {}
            () = notified => {}
            () = sleep_until(timer.unwrap_or(now)), if timer.is_some() => {}
            () = lane.ended() => {}
            () = sources.ended() => {}
        }
    }
    let cut_off = reconciles.finish(grace).await;
    lane.shut_down().await;
    sources.shut_down().await;
    Stopped { cut_off }
}

//! A hold is removed from a resource outside of the selector only at the version whose labels said so.

use std::time::Duration;

use rewitness_memory::{Draft, MemoryQueue, Store};
use rewitness_messaging::{Delivery, Failure, Hold, Kind, Outcome, Queue, State, Subscription};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// The queue has seen that the resource left the selector. That its deletion has begun since, it is
/// to find out by the write that would let it go.
#[tokio::test(start_paused = true)]
async fn a_deletion_that_was_not_seen_yet_keeps_its_hold_and_is_delivered() {
    let store = Store::new();
    let widget = Kind::new("example.com", "Widget");
    let web = store.create(Draft::new(widget.clone(), "web").labelled("app", "web")).unwrap().resource;
    let queue = MemoryQueue::new(store.clone());
    let wants = Subscription::new("one", [widget])
        .matching("app=web".parse().unwrap())
        .holding(Hold::new("hold.rewitness.dev/one"));
    let (deletions, mut told) = mpsc::unbounded_channel();
    let handle = queue
        .subscribe(wants, move |delivery: Delivery| {
            let deletions = deletions.clone();
            async move {
                if delivery.state == State::Deleting {
                    let _ = deletions.send(delivery.hold);
                }
                Ok::<_, Failure>(Outcome::Done)
            }
        })
        .unwrap();
    let replayed = handle.replayed();
    let mut running = JoinSet::new();
    running.spawn({
        let queue = queue.clone();
        async move { queue.run(std::future::pending()).await }
    });
    replayed.await;

    // Its hold is to be removed, a second from now; and until after that the watch is down.
    store.overload(1);
    store.relabel(&web, [("app", "other")]).unwrap();
    sleep(Duration::from_millis(100)).await;
    store.take_down();
    sleep(Duration::from_millis(800)).await;
    store.delete(&web).unwrap();
    store.bring_up();
    let told = timeout(Duration::from_secs(60), told.recv()).await;
    assert_eq!(told, Ok(Some(rewitness_messaging::HoldState::Held)), "the deletion was lost");
    store.gone(&web).await;
}

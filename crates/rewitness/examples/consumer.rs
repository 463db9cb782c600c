//! A consumer on the queue in memory. Needs only Rust: `cargo run --example consumer`.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use rewitness::memory::{Draft, MemoryQueue, Store};
use rewitness::{Delivery, Failure, Hold, Kind, Outcome, Queue, State, Subscription};

async fn clean_up(delivery: Delivery) -> Result<Outcome, Failure> {
    println!(
        "{} ({}, attempt {}): {}",
        delivery.state, delivery.cause, delivery.attempt, delivery.envelope.resource
    );
    if delivery.state == State::Deleting && delivery.attempt < 3 {
        return Err(Failure::backoff("the bucket is not empty yet")); // comes back, with backoff
    }
    Ok(Outcome::Done) // only this lets a deletion finish
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let store = Store::new(); // the system of record
    let bucket = Kind::new("example.com", "Bucket");
    let logs = store.create(Draft::new(bucket.clone(), "logs").in_namespace("team-a"))?.resource;

    let queue = MemoryQueue::new(store.clone());
    let wants = Subscription::new("cleaner", [bucket]).holding(Hold::new("hold.rewitness.dev/cleaner"));
    let handle = queue.subscribe(wants, clean_up)?;
    let cleaned = async move {
        handle.replayed().await; // everything that was there has been handed over once
        store.delete(&logs).ok();
        store.gone(&logs).await; // … and it went only when the consumer was done with it
    };
    queue.run(cleaned).await?;
    println!("gone");
    Ok(())
}

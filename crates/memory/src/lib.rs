//! The reference queue of Rewitness, in memory, with a system of record of its own.
//!
//! [`MemoryQueue`] is the executable meaning of the contract in `rewitness-messaging`; [`Store`] is
//! what it lists and watches. Use both where a test or an example needs a queue but no server: a
//! consumer cannot tell this queue from one on Kubernetes.
//!
//! It is not for production: nothing is stored on disk. It is not a fake API server either: the store
//! knows resources, their finalizers and their deletion, and no Kubernetes.
//!
//! # Guarantees
//!
//! - Q1 to Q14 of [`Queue`](rewitness_messaging::Queue), each shown by the conformance suite, which
//!   runs here in paused time.
//! - All of its waiting is [`tokio::time`], so a test that pauses the clock is fast and repeatable.
//! - A [`Store`] outlives its queues: a new queue on the same store is a restarted process, and
//!   dropping the future of [`run`](rewitness_messaging::Queue::run) is a killed one.
//!
//! # Caveats
//!
//! The store is forgotten when its last clone is dropped.
//!
//! # A consumer in twenty lines
//!
//! ```
//! use rewitness_memory::{MemoryQueue, Draft, Store};
//! use rewitness_messaging::{Delivery, Failure, Hold, Kind, Outcome, Queue, State, Subscription};
//!
//! async fn clean_up(delivery: Delivery) -> Result<Outcome, Failure> {
//!     if delivery.state == State::Deleting {
//!         println!("{} is going; free what it used", delivery.envelope.resource);
//!     }
//!     Ok(Outcome::Done)
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let store = Store::new();
//!     let widget = Kind::new("example.com", "Widget");
//!     let web = store.create(Draft::new(widget.clone(), "web").in_namespace("team-a"))?.resource;
//!
//!     let queue = MemoryQueue::new(store.clone());
//!     let wants = Subscription::new("cleaner", [widget]).holding(Hold::new("hold.rewitness.dev/cleaner"));
//!     let handle = queue.subscribe(wants, clean_up)?;
//!     let cleaned = async move {
//!         handle.replayed().await;
//!         store.delete(&web).expect("it is there");
//!         store.gone(&web).await;
//!     };
//!     queue.run(cleaned).await?;
//!     Ok(())
//! }
//! ```

mod queue;
mod store;

pub use queue::{Config, MemoryQueue};
pub use store::{Draft, Object, Snapshot, Store, StoreError};

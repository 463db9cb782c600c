//! Lists and watches, for any set of kinds known at run time.
//!
//! One task per source, so that each starts, fails and recovers alone. What a task does next is
//! decided by a [`plan`], which is pure; [`source`] does it; [`feed`] hands the outcome over to an
//! [`observer`], of which the queue is one.

mod backoff;
mod context;
mod feed;
mod lines;
mod observer;
mod plan;
mod source;

use std::collections::HashMap;
use std::sync::Arc;

use rewitness_messaging::Source;
use rewitness_messaging::dispatcher::Dispatcher;
use rewitness_messaging::schedule::{SourceChange, SourceId};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::tasks::Tasks;
pub(crate) use context::Context;
use observer::QueueSource;
pub use observer::{Observer, Seen};
use source::SourceTask;
pub(crate) use source::random_seed;

/// Lists and watches for an observer that is not the queue.
pub(crate) async fn observe(
    context: Arc<Context>,
    source: Source,
    name: Option<Arc<str>>,
    observer: impl Observer,
) {
    SourceTask::new(source, name, observer, context, Arc::default()).run().await;
}

struct Open {
    task: AbortHandle,
    relist: Arc<Notify>,
}

/// The sources of one run, each in a task of its own.
pub(crate) struct Sources {
    dispatcher: Dispatcher,
    context: Arc<Context>,
    tasks: Tasks,
    open: HashMap<SourceId, Open>,
}

impl Sources {
    pub(crate) fn new(dispatcher: Dispatcher, context: Arc<Context>) -> Self {
        Self { dispatcher, context, tasks: Tasks::default(), open: HashMap::new() }
    }

    /// Opens, lists again and closes what the dispatcher says.
    pub(crate) fn follow_changes(&mut self) {
        for change in self.dispatcher.source_changes() {
            match change {
                SourceChange::Open { id, source } => {
                    let relist = Arc::new(Notify::new());
                    let observer = QueueSource { dispatcher: self.dispatcher.clone(), id };
                    let task = SourceTask::new(source, None, observer, self.context.clone(), relist.clone());
                    let task = self.tasks.spawn(task.run());
                    self.open.insert(id, Open { task, relist });
                }
                SourceChange::Relist { id } => {
                    if let Some(source) = self.open.get(&id) {
                        source.relist.notify_one();
                    }
                }
                SourceChange::Close { id } => {
                    if let Some(source) = self.open.remove(&id) {
                        source.task.abort();
                    }
                }
            }
        }
    }

    /// Waits until a source that was closed has ended.
    pub(crate) async fn ended(&mut self) {
        self.tasks.ended().await;
    }

    /// Closes all.
    pub(crate) async fn shut_down(self) {
        self.tasks.shut_down().await;
    }
}

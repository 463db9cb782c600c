//! Tests, demo and measurements of the program against a real kube-apiserver and etcd.
//!
//! What several test binaries share is here: [`world`] runs the program in a namespace of its own, [`queue`] the queue;
//! [`lab`] is a platform of parents and dependents, [`follower`] follows its Cascades by the library and [`office`] by
//! the program; [`planted`] plants bugs around a client, and [`audit`] reads what the server says of an operator.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says so by panicking")]
#![allow(missing_docs, reason = "tests are the only readers, and read the code")]

pub mod audit;
pub mod follower;
pub mod lab;
pub mod office;
mod on_terminal;
pub mod planted;
mod program;
mod published;
pub mod queue;
mod running;
mod spread;
mod table;
mod terminal;
mod widgets;
pub mod world;

pub use on_terminal::OnTerminal;
pub use program::{program, target_dir};
pub use published::publish;
pub use running::{Ended, Running};
pub use spread::Spread;
pub use table::{Align, table};
pub use terminal::Terminal;
pub use widgets::{SOON, Widgets};

//! Tests, demo and measurements of the program against a real kube-apiserver and etcd.

mod program;
mod published;
mod spread;
mod table;
mod terminal;
mod widgets;

pub use program::{program, target_dir};
pub use published::publish;
pub use spread::Spread;
pub use table::{Align, table};
pub use terminal::Terminal;
pub use widgets::{SOON, Widgets};

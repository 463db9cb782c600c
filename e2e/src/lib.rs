//! Tests, demo and measurements of the program against a real kube-apiserver and etcd.

mod program;
mod table;
mod terminal;
mod widgets;

pub use program::{program, target_dir};
pub use table::{Align, table};
pub use terminal::Terminal;
pub use widgets::{SOON, Widgets};

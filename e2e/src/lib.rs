//! Tests, demo and measurements of the program against a real kube-apiserver and etcd.

mod program;
mod table;

pub use program::{program, target_dir};
pub use table::{Align, table};

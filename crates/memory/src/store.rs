mod change;
mod faults;
mod history;
mod inject;
mod object;
mod reading;
mod records;

pub(crate) use self::change::{CallError, Change, Cursor};
pub use self::inject::Snapshot;
pub use self::object::{Draft, Object};
pub use self::records::{Store, StoreError};

//! `rewitness run` on a real API server: the operator as it is started, and what it makes of
//! Cascades that people write, change and delete.

mod cascades;
mod crashes;
mod finalizer_guard;
mod killed;
mod leaving;
mod once;
mod rights;
mod scope;
mod status;
mod tenants;
mod uncertain;
mod warning;
mod watching;

/// Long enough to see that something does not happen.
const A_WHILE: std::time::Duration = std::time::Duration::from_millis(1500);

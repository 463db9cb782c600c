//! The commands about Cascades, as they are typed, on a real API server: `plan`, `confirm`, `suspend`,
//! `resume`, `unhold`, `rbac`, `check`; and all of them as kubectl's plugin.

mod check;
mod confirm;
mod deadlines;
mod plan;
mod plugin;
mod rbac;
mod suspend;
mod unconfirmable;
mod unhold;

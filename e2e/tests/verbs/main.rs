//! The commands about Cascades, as they are typed, on a real API server: `plan`, `confirm`, `pause`,
//! `resume`, `unhold`, `rbac`, `check`; and all of them as kubectl's plugin.

mod check;
mod confirm;
mod deadlines;
mod pause;
mod plan;
mod plugin;
mod rbac;
mod unconfirmable;
mod unhold;

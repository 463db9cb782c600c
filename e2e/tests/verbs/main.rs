//! The commands about Cascades, as they are typed, on a real API server: `plan`, `confirm`, `pause`,
//! `resume`, `unhold`, `rbac`, `check`; and all of them as kubectl's plugin.

#[path = "../cascade/audit.rs"]
#[allow(dead_code, reason = "the library's tests have more that it reads")]
mod audit;
mod check;
mod confirm;
mod deadlines;
#[path = "../cascade/lab.rs"]
#[allow(dead_code, reason = "the half that makes an operator of the library is for the library's tests")]
mod lab;
#[path = "../run/office.rs"]
#[allow(dead_code, reason = "the operator's tests have more to do there")]
mod office;
mod pause;
mod plan;
#[path = "../cascade/planted.rs"]
#[allow(dead_code, reason = "the library's tests plant bugs; here the lab asks whether one is planted")]
mod planted;
mod plugin;
mod rbac;
#[path = "../program/running.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod running;
#[path = "../program/terminal.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod terminal;
mod typing;
mod unconfirmable;
mod unhold;

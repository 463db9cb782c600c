//! `rewitness run` on a real API server: the operator as it is started, and what it makes of
//! Cascades that people write, change and delete.

#[path = "../cascade/audit.rs"]
#[allow(dead_code, reason = "the library's tests have more that it reads")]
mod audit;
mod cascades;
mod crashes;
mod killed;
#[path = "../cascade/lab.rs"]
#[allow(dead_code, reason = "the half that makes an operator of the library is for the library's tests")]
mod lab;
mod leaving;
mod office;
mod once;
#[path = "../cascade/planted.rs"]
#[allow(dead_code, reason = "the library's tests plant bugs; here the lab asks whether one is planted")]
mod planted;
mod rights;
#[path = "../program/running.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod running;
mod scope;
mod status;
mod uncertain;
mod warning;
mod warning_policy;
mod watching;

/// Long enough to see that something does not happen.
const A_WHILE: std::time::Duration = std::time::Duration::from_millis(1500);

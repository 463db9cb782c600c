//! The program as people and pods start it, on a real API server: what it says of itself, `tail`, `unhold`.

#[cfg(target_os = "linux")]
mod in_cluster;
mod kubeconfig;
mod tail;
mod tail_command;
mod tail_hold;
mod tail_outage;
mod tail_terminal;
mod unhold;
mod usage;

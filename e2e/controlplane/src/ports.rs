//! Free ports on loopback that stay free while a server restarts.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result};

/// Below the ranges from which Linux (32768 up) and macOS (49152 up) take ports for outgoing connections:
/// nobody is given one of these by chance, between our choice and the server's start or while a server is
/// down.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;
const ATTEMPTS: usize = 200;

/// Different ports, each of them free a moment ago. Another process may still come first: its server's start
/// then fails, and the caller chooses anew.
pub(crate) fn free<const N: usize>() -> Result<[u16; N]> {
    let mut held: Vec<(u16, TcpListener)> = Vec::with_capacity(N);
    for _ in 0..ATTEMPTS {
        if held.len() == N {
            break;
        }
        let port = FIRST + (random() % u64::from(COUNT)) as u16;
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            held.push((port, listener));
        }
    }
    let ports: Vec<u16> = held.iter().map(|(port, _)| *port).collect();
    ports.try_into().ok().context("no free port on loopback")
}

/// The standard library's own source of randomness: every `RandomState` has keys of its own.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

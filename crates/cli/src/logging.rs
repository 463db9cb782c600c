//! The log: on stderr, above the status line.

use tracing_subscriber::EnvFilter;

use crate::screen::Screen;

/// What is logged for no `-v`, one, and two. What the program says by itself, which is what fails
/// and what is amiss, is left out of the first two; so is kube's client, which logs each failed call.
const LEVELS: [&str; 3] = [
    "error,kube_client=off",
    "warn,kube_client=off,rewitness_kubernetes=info,rewitness_kubernetes::reconcile=error",
    "info,rewitness_kubernetes=debug,rewitness_messaging=debug",
];

/// The same of the operator, whose log is all that it says. kube's watches warn at each try of theirs,
/// as for a right that is missing; what fails is said by us, once.
const OPERATOR: [&str; 3] = [
    "warn,rewitness=info,kube_client=off,kube_runtime=error,rewitness_kubernetes::reconcile=error",
    "warn,rewitness=debug,kube_client=off,rewitness_kubernetes=info",
    "info,rewitness=debug,rewitness_kubernetes=debug,rewitness_cascade=debug,rewitness_messaging=debug",
];

/// Starts the log. RUST_LOG goes before `-v`.
pub(crate) fn start(verbose: u8, is_operator: bool, screen: &Screen) -> Result<(), String> {
    let levels = if is_operator { OPERATOR } else { LEVELS };
    let level = levels[usize::from(verbose).min(levels.len() - 1)];
    let filter = match std::env::var_os("RUST_LOG").filter(|value| !value.is_empty()) {
        Some(directives) => EnvFilter::try_new(directives.to_string_lossy())
            .map_err(|error| format!("RUST_LOG is no filter for the log: {error}"))?,
        None => EnvFilter::new(level),
    };
    let log_screen = screen.clone();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(screen.color())
        .with_writer(move || log_screen.clone())
        .with_target(verbose > 1)
        .compact();
    match verbose {
        0 if !is_operator => log.without_time().init(),
        _ => log.init(),
    }
    Ok(())
}

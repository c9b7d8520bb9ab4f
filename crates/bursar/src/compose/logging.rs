//! Log lines on standard error: readable, or JSON for a collector. `BURSAR_LOG` sets the level (`warn`, `info`,
//! `debug`, or `bursar_gateway=debug,…`).

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// Starts logging; a second start changes nothing.
pub(crate) fn start_logging(json: bool) {
    let filter = EnvFilter::try_from_env("BURSAR_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .with_writer(std::io::stderr);
    // An error means that logging has been started before.
    let _ = if json { lines.json().flatten_event(true).try_init() } else { lines.try_init() };
}

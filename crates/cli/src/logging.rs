//! What happens, as events on stderr.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// Starts logging: errors and warnings always, more with `-v`; `RUST_LOG` overrides.
pub(crate) fn start(verbose: u8) {
    let level = match verbose {
        0 => "error",
        1 => "metacloud=info,warn",
        _ => "metacloud=debug,info",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(true)
        .init();
}

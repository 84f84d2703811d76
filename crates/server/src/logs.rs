//! Logs go to stderr. They never contain a user id, so never a path either.
use tracing_subscriber::{filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

pub use tracing_subscriber::filter::LevelFilter;

/// Logs of this program from `level` on; of libraries only warnings, because some print what they send and receive.
pub fn start(level: LevelFilter) {
    let targets = Targets::new().with_default(level.min(LevelFilter::WARN)).with_target("stayput", level);
    let lines =
        fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    tracing_subscriber::registry().with(lines).with(targets).init();
}

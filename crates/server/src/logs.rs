//! Logs go to stderr. They never contain a user id, so never a path either.
use crate::config::LogFormat;
use std::io::{IsTerminal, stderr};
use tracing_subscriber::{
    Layer, Registry,
    filter::Targets,
    fmt,
    layer::SubscriberExt,
    reload::{self, Handle},
    util::SubscriberInitExt,
};

pub use tracing_subscriber::filter::LevelFilter;

/// The running logs.
#[derive(Debug)]
pub struct Logs(Handle<Targets, Registry>);

/// Logs of this program from `level` on.
pub fn start(level: LevelFilter, format: LogFormat) -> Logs {
    let (targets, handle) = reload::Layer::new(targets(level));
    let lines = fmt::layer().with_writer(stderr);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(targets).with(lines).init();
    Logs(handle)
}

impl Logs {
    /// From now on logs from `level` on.
    pub fn set(&self, level: LevelFilter) {
        if let Err(error) = self.0.reload(targets(level)) {
            tracing::error!(%error, "the level of the logs could not be changed");
        }
    }
}

/// Of libraries only warnings, because some print what they send and receive.
fn targets(level: LevelFilter) -> Targets {
    Targets::new().with_default(level.min(LevelFilter::WARN)).with_target("stayput", level)
}

//! Every option of the server, declared once: flag, environment variable, key of the file, default and help.
//!
//! Defaults < file (`--config`) < environment < flags. [`read`] turns all of them into one [`Config`] before anything
//! is opened.
use crate::{endpoint::Endpoint, logs::LevelFilter};
use clap::{Args, ValueEnum};
use stayput::{
    StackOptions,
    layers::{BreakerOptions, SpoolDisk, SpoolFolder, SpoolOptions},
};
use std::{path::PathBuf, sync::Arc, time::Duration};

mod cache;
mod file;
mod moving;
mod read;
mod secret;
mod values;

pub use cache::Cache;
pub(crate) use file::{known, takes_several};
pub use moving::{Behind, Moving};
pub use read::{Settings, read};
pub use secret::{Hidden, redacted};

use crate::cli::{Failed, Place};
use values::{mode, size, span};

/// How to serve.
#[derive(Clone, Debug, Args)]
pub struct Config {
    /// The store, and whose part of it.
    #[command(flatten)]
    pub place: Place,
    /// Where to listen: host:port (port 0 takes a free one) or unix:PATH; may be given several times
    #[arg(long, value_name = "ADDR", env = "STAYPUT_LISTEN", default_value = "127.0.0.1:7717", value_delimiter = ',')]
    pub listen: Vec<Endpoint>,
    /// Who may use a Unix socket: its mode, in octal
    #[arg(long, value_name = "MODE", env = "STAYPUT_SOCKET_MODE", default_value = "660", value_parser = mode)]
    pub socket_mode: u32,
    /// Threads that answer requests; left out, one for each processor
    #[arg(long, value_name = "N", env = "STAYPUT_THREADS", value_parser = values::threads)]
    pub threads: Option<usize>,
    /// How much to log to stderr: off, error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", env = "STAYPUT_LOG", default_value = "info")]
    pub log: LevelFilter,
    /// How a line of the log looks
    #[arg(long, value_name = "FORMAT", env = "STAYPUT_LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    /// What happens when the store fails.
    #[command(flatten)]
    pub outages: Outages,
    /// What is kept in this process.
    #[command(flatten)]
    pub cache: Cache,
    /// Two stores at once.
    #[command(flatten)]
    pub moving: Moving,
    /// What bounds requests.
    #[command(flatten)]
    pub limits: Limits,
}

/// What happens when the store fails.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "When the store fails")]
pub struct Outages {
    /// How long one operation may wait for the store; stores over a network give up sooner (?timeout= in their URL)
    #[arg(long, value_name = "TIME", env = "STAYPUT_STORE_TIME", default_value = "10s", value_parser = span)]
    pub store_time: Duration,
    /// After so many failures in a row the store is left alone, and requests fail at once
    #[arg(long, value_name = "N", env = "STAYPUT_BREAKER_FAILURES", default_value = "5", value_parser = values::count)]
    pub breaker_failures: usize,
    /// How long it is left alone before one request asks whether it is back
    #[arg(long, value_name = "TIME", env = "STAYPUT_BREAKER_PAUSE", default_value = "1s", value_parser = span)]
    pub breaker_pause: Duration,
    /// A folder of this machine where claims wait that the store does not answer; without it they fail
    #[arg(long, value_name = "PATH", env = "STAYPUT_SPOOL", hide_env_values = true)]
    pub spool: Option<PathBuf>,
    /// How much may wait there; when it is full, claims are refused
    #[arg(long, value_name = "SIZE", env = "STAYPUT_SPOOL_LIMIT", default_value = "1GiB", value_parser = size)]
    pub spool_limit: usize,
}

/// What is refused, and how long is waited.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Open connections; the next one is told 503 and closed
    #[arg(long, value_name = "N", env = "STAYPUT_CONNECTIONS", default_value = "16000", value_parser = values::count)]
    pub connections: usize,
    /// Requests that wait for the store at once; the next one is told 503 at once
    #[arg(long, value_name = "N", env = "STAYPUT_REQUESTS", default_value = "4096", value_parser = values::count)]
    pub requests: usize,
    /// Exports and imports at once; the next one is told 503 at once
    #[arg(long, value_name = "N", env = "STAYPUT_TRANSFERS", default_value = "16", value_parser = values::count)]
    pub transfers: usize,
    /// Elements of one batch
    #[arg(long, value_name = "N", env = "STAYPUT_BATCH_LIMIT", default_value = "1000", value_parser = values::count)]
    pub batch_limit: usize,
    /// The body of one request; an import may be of any size
    #[arg(long, value_name = "SIZE", env = "STAYPUT_BODY_LIMIT", default_value = "1MiB", value_parser = size)]
    pub body_limit: usize,
    /// The bodies of all requests together; beyond it they are told 503
    #[arg(long, value_name = "SIZE", env = "STAYPUT_BODY_MEMORY", default_value = "128MiB", value_parser = size)]
    pub body_memory: usize,
    /// The head of a request, at least 8KiB
    #[arg(long, value_name = "SIZE", env = "STAYPUT_HEAD_LIMIT", default_value = "32KiB", value_parser = size)]
    pub head_limit: usize,
    /// Header fields of a request; another number than 100 costs a little speed
    #[arg(long, value_name = "N", env = "STAYPUT_HEADER_LIMIT", default_value = "100", value_parser = values::count)]
    pub header_limit: usize,
    /// How long the head of a request may take
    #[arg(long, value_name = "TIME", env = "STAYPUT_HEAD_TIME", default_value = "10s", value_parser = span)]
    pub head_time: Duration,
    /// How long the body of a request may take, and how long an import may send nothing
    #[arg(long, value_name = "TIME", env = "STAYPUT_BODY_TIME", default_value = "30s", value_parser = span)]
    pub body_time: Duration,
    /// How long a client may read nothing of its answer
    #[arg(long, value_name = "TIME", env = "STAYPUT_WRITE_TIME", default_value = "30s", value_parser = span)]
    pub write_time: Duration,
    /// How long a connection is kept without a request
    #[arg(long, value_name = "TIME", env = "STAYPUT_IDLE_TIME", default_value = "5m", value_parser = span)]
    pub idle_time: Duration,
    /// How long requests in flight may take after SIGTERM
    #[arg(long, value_name = "TIME", env = "STAYPUT_DRAIN_TIME", default_value = "10s", value_parser = span)]
    pub drain_time: Duration,
    /// How long the store may take to show /readyz that it is there
    #[arg(long, value_name = "TIME", env = "STAYPUT_READY_TIME", default_value = "2s", value_parser = span)]
    pub ready_time: Duration,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// Where the file is, if there is one.
#[derive(Clone, Debug, Args)]
pub struct File {
    /// A TOML file with these options; environment and flags win over it
    #[arg(long = "config", value_name = "FILE", env = "STAYPUT_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,
}

impl Config {
    /// What no single option can know: which of them do not go together.
    pub fn check(&self) -> Result<(), Failed> {
        let Limits { body_limit, body_memory, head_limit, .. } = self.limits;
        if body_memory < body_limit {
            return Err(Failed::usage("body-memory must be at least body-limit, or no body of that size is ever read"));
        }
        if head_limit < 8192 {
            return Err(Failed::usage("head-limit must be at least 8KiB"));
        }
        if self.moving.shadow.as_ref() == Some(&self.place.store) {
            return Err(Failed::usage("shadow and store are the same store"));
        }
        Ok(())
    }
}

impl Outages {
    /// How the store's layers are set up; opens the spool.
    pub(crate) fn stack(&self) -> stayput::Result<StackOptions> {
        let failures = u32::try_from(self.breaker_failures).unwrap_or(u32::MAX);
        let breaker = BreakerOptions { failures, pause: self.breaker_pause, ..BreakerOptions::default() };
        let spool = self.spool.as_ref().map(|folder| -> stayput::Result<_> {
            let disk: Arc<dyn SpoolDisk> = Arc::new(SpoolFolder::open(folder)?);
            Ok((disk, SpoolOptions { limit: self.spool_limit as u64, ..SpoolOptions::default() }))
        });
        Ok(StackOptions { timeout: self.store_time, breaker, spool: spool.transpose()?, ..StackOptions::default() })
    }
}

impl Default for Limits {
    fn default() -> Self {
        read::defaults()
    }
}

//! Runs Stayput and its rivals side by side on this machine, prints ratios, and writes them down.
//!
//! Rivals take turns, round by round, and a result is the median of the rounds' ratios: a machine that gets busy slows
//! both sides of a round.
use clap::Parser;
use std::{error::Error, path::PathBuf, time::Duration};

mod embedded;
mod machine;
mod page;
mod rounds;
mod servers;
mod wire;

/// Compares Stayput with redis-server and with bare LMDB
#[derive(Clone, Debug, Parser)]
pub(crate) struct Options {
    /// Rounds of each comparison
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Seconds that each side has in a round
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Users in the servers' stores
    #[arg(long, default_value_t = 100_000)]
    users: u64,
    /// Records in the embedded stores
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// Connections that each have one request in flight
    #[arg(long, default_value_t = 50)]
    connections: usize,
    /// Where to write the page; nowhere if left out
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// The binary to serve with; the one beside this program if left out
    #[arg(long, value_name = "FILE")]
    stayput: Option<PathBuf>,
    /// Only comparisons whose name contains this
    #[arg(long, default_value = "")]
    only: String,
}

pub(crate) type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

impl Options {
    /// How long each side runs in a round.
    pub(crate) fn time(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
    /// Whether this one was asked for.
    pub(crate) fn wants(&self, name: &str) -> bool {
        name.contains(&self.only)
    }
}

fn main() -> Result<()> {
    let options = Options::parse();
    let before = machine::load();
    let mut results = wire::compare(&options)?;
    results.extend(embedded::compare(&options)?);
    let page = page::written(&options, &results, &before)?;
    if let Some(path) = &options.page {
        std::fs::write(path, page)?;
        eprintln!("written to {}", path.display());
    }
    Ok(())
}

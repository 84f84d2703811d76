//! The near cache, and how old its answers may be.
use super::values::{size, span};
use clap::Args;
use stayput::layers::NearCacheOptions;
use std::time::Duration;

/// What is kept in this process.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Near cache")]
pub struct Cache {
    /// Keep what was seen lately in so much memory; left out, nothing is kept. Of no use to file:, which is as fast
    #[arg(long, value_name = "SIZE", env = "STAYPUT_NEAR_CACHE", value_parser = size)]
    pub near_cache: Option<usize>,
    /// How old an answer may be: how long a change by another process may stay unseen where the store does not push it
    #[arg(long, value_name = "TIME", env = "STAYPUT_MAX_AGE", default_value = "5s", value_parser = span)]
    pub max_age: Duration,
    /// How old an answer may be while the store fails
    #[arg(long, value_name = "TIME", env = "STAYPUT_MAX_STALE", default_value = "5m", value_parser = span)]
    pub max_stale: Duration,
}

impl Cache {
    /// What the stack is to keep.
    pub(crate) fn options(&self) -> Option<NearCacheOptions> {
        let options = |bytes| NearCacheOptions::default().bytes(bytes as u64);
        Some(self.near_cache.map(options)?.max_age(self.max_age).max_stale(self.max_stale))
    }
}

//! Connectors: what an SDK may rely on while the store is well, away, or silent, and after a fork.
#![expect(clippy::unwrap_used, reason = "what helps a test fails like one")]
mod away;
mod fme;
#[cfg(unix)]
mod forks;
mod limits;
mod retention;
mod rule;
mod scene;
#[cfg(unix)]
mod spool;
